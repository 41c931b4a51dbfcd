"""The same for a customer who calls the shop: managers are rung in turn until one of them answers.

The house rules are those of `bridge.calls.table`, and two more:

* Nobody's phone rings for a customer who has hung up: from every state that event leads to the end.
* Whatever is known of the caller, the first seconds sound the same. They end by Timer.HOLD; a call that has
  nobody to ring waits for it, and then goes on in the PBX's own dialplan.
* Whoever keys a code in has these first seconds over again, whatever the code is worth: from there on it is
  the same call as that of somebody who is known, and nobody is asked for another code.
* A call that is asking is on no record: a daemon that dies leaves nothing of it to be adopted.
"""

from __future__ import annotations

from dataclasses import replace

from bridge.calls.commands import (
    Admit,
    AdmitByCode,
    AnswerCustomer,
    AskForCode,
    CreateLeg,
    DialLeg,
    ForgetCode,
    HangUpLeg,
    HushCustomer,
    JoinLegs,
    PassOn,
    RecordResult,
    StartTimer,
    StopTimer,
)
from bridge.calls.events import (
    CallAdmitted,
    CallerToBeAsked,
    CallerUnknown,
    CallRecorded,
    CallRequested,
    CodeAnew,
    CodeBegun,
    CodeComplete,
    Event,
    HangUpRequested,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegFailed,
    LegJoined,
    NobodyFree,
    TimerFired,
)
from bridge.calls.model import MOST_TIMES_ASKED, Call, Result, State, Timer
from bridge.calls.table import (
    CUSTOMER,
    MANAGER,
    TABLE,
    Key,
    Row,
    Step,
    cause_of,
    close,
    conversation_over,
    end,
    failed,
    hang_up,
    join,
    leg_too_late,
    with_its_time,
)

# --- the beginning ---


def request(call: Call, _event: Event) -> Step:
    checking = replace(call, state=State.CHECKING, legs=frozenset({CUSTOMER}))
    return checking, (StartTimer(Timer.HOLD, call.timings.hold), Admit())


def admit(call: Call, event: Event) -> Step:
    assert isinstance(event, CallAdmitted)
    return ring_next(with_its_time(replace(call, result=None), event))


def unknown(call: Call, _event: Event) -> Step:
    return hold(replace(call, result=Result.REFUSED))


def abandon(call: Call, _event: Event) -> Step:
    """The customer has hung up while we looked who it is."""
    gone = replace(call, state=State.ABANDONED, legs=frozenset(), result=Result.MISSED)
    return gone, (StopTimer(Timer.HOLD),)


def wave_through(call: Call, _event: Event) -> Step:
    """Somebody wants the call to end while we look who it is."""
    away = replace(call, state=State.ABANDONED, legs=frozenset(), result=Result.PASSED_ON)
    return away, (StopTimer(Timer.HOLD), PassOn())


def record_abandoned(call: Call, _event: Event) -> Step:
    assert call.result is not None
    return end(call, call.result)


def never_recorded(call: Call, _event: Event) -> Step:
    """The disk said no: nobody has been rung."""
    return pass_on(replace(call, result=Result.REFUSED))


def first_seconds_over(call: Call, _event: Event) -> Step:
    return replace(call, held=True), ()


# --- whoever is not known is asked for an order's code ---


def to_be_asked(call: Call, _event: Event) -> Step:
    asked = replace(call, result=Result.REFUSED, asks_left=MOST_TIMES_ASKED)
    return ask(asked) if call.held else (replace(asked, state=State.HOLDING), ())


def ask(call: Call) -> Step:
    asking = replace(call, state=State.ASKING_CODE, held=True, asks_left=call.asks_left - 1, keyed=False)
    return asking, (ForgetCode(), AskForCode(), StartTimer(Timer.CODE, call.timings.code))


def code_begun(call: Call, _event: Event) -> Step:
    return replace(call, keyed=True), (HushCustomer(),)


def code_anew(call: Call, _event: Event) -> Step:
    return replace(call, keyed=False), (HushCustomer(), ForgetCode())


def code_complete(call: Call, _event: Event) -> Step:
    """A code that is not closed by a key is complete when its time is up."""
    if call.keyed:
        again = replace(call, state=State.CHECKING, held=False, asks_left=0, keyed=False)
        return again, (
            StopTimer(Timer.CODE),
            HushCustomer(),
            StartTimer(Timer.HOLD, call.timings.hold),
            AdmitByCode(),
        )
    moved, commands = ask(call) if call.asks_left else pass_on(call)
    return moved, (StopTimer(Timer.CODE), HushCustomer(), *commands)


def ask_no_more(call: Call, _event: Event) -> Step:
    moved, commands = pass_on(call)
    return moved, (HushCustomer(), *commands)


def gone_while_asked(call: Call, _event: Event) -> Step:
    return hang_up(replace(call, legs=call.legs - {CUSTOMER}))


# --- one manager after the other ---


def ring_next(call: Call) -> Step:
    if call.managers_left == 0:
        return hold(call)
    creating = replace(
        call,
        state=State.CREATING_MANAGER,
        legs=call.legs | {MANAGER},
        entered=call.entered - {MANAGER},
        managers_left=call.managers_left - 1,
    )
    return creating, (StartTimer(Timer.SETUP, call.timings.setup), CreateLeg(MANAGER))


def recorded(call: Call, _event: Event) -> Step:
    return dial_manager(replace(call, recorded=True))


def manager_entered(call: Call, _event: Event) -> Step:
    return dial_manager(replace(call, entered=call.entered | {MANAGER}))


def dial_manager(call: Call) -> Step:
    """Dial the channel if it is there, and the call is on record."""
    if call.state is not State.CREATING_MANAGER or not call.recorded or MANAGER not in call.entered:
        return call, ()
    return replace(call, state=State.RINGING_MANAGER), (
        StopTimer(Timer.SETUP),
        DialLeg(MANAGER, call.timings.callback_ring),
        StartTimer(Timer.RING, call.timings.callback_ring),
    )


def change_manager(call: Call, _event: Event) -> Step:
    """The manager does not answer, or can't be reached: their phone must be silent before another rings."""
    return replace(call, state=State.CHANGING_MANAGER), (
        StopTimer(Timer.SETUP),
        StopTimer(Timer.RING),
        HangUpLeg(MANAGER),
        StartTimer(Timer.CLOSE, call.timings.close),
    )


def manager_gone(call: Call, _event: Event) -> Step:
    moved, commands = ring_next(replace(call, legs=call.legs - {MANAGER}))
    return moved, (StopTimer(Timer.SETUP), StopTimer(Timer.RING), StopTimer(Timer.CLOSE), *commands)


def nobody_left(call: Call, _event: Event) -> Step:
    moved, commands = hold(replace(call, legs=call.legs - {MANAGER}))
    return moved, (StopTimer(Timer.SETUP), *commands)


def hang_up_manager_again(call: Call, _event: Event) -> Step:
    if call.hang_ups_left == 0:
        return pass_on(replace(call, legs=call.legs - {MANAGER}))
    return replace(call, hang_ups_left=call.hang_ups_left - 1), (
        HangUpLeg(MANAGER),
        StartTimer(Timer.CLOSE, call.timings.close),
    )


def late_manager_gone(call: Call, _event: Event) -> Step:
    return replace(call, legs=call.legs - {MANAGER}), ()


def connect(call: Call, _event: Event) -> Step:
    return replace(call, state=State.CONNECTING), (
        StopTimer(Timer.RING),
        StopTimer(Timer.HOLD),
        AnswerCustomer(),
        JoinLegs(),
        StartTimer(Timer.JOIN, call.timings.join),
    )


# --- the ends ---


def hold(call: Call) -> Step:
    if call.held:
        return pass_on(call)
    return replace(call, state=State.HOLDING), ()


def hold_over(call: Call, _event: Event) -> Step:
    # A phone that is to be silent again is waited for in the dialplan: it would ring beside the next one.
    return ask(call) if call.asks_left and MANAGER not in call.legs else pass_on(call)


def wave_on(call: Call, _event: Event) -> Step:
    """Somebody wants the call to end: the caller goes on in the dialplan."""
    return pass_on(call)


def pass_on(call: Call) -> Step:
    admitted = call.result is None
    result = call.result or Result.PASSED_ON
    moved, commands = hang_up(replace(call, legs=call.legs - {CUSTOMER}, result=result))
    recorded = (RecordResult(result),) if admitted else ()
    return moved, (*recorded, PassOn(), *commands)


def missed(call: Call, event: Event) -> Step:
    """The customer has hung up: the manager's phone stops ringing."""
    return end(replace(call, legs=call.legs - {CUSTOMER}), Result.MISSED, cause_of(event))


def missed_while_holding(call: Call, event: Event) -> Step:
    if call.result is None:
        return missed(call, event)
    return hang_up(replace(call, legs=call.legs - {CUSTOMER}))


# --- the table ---

_WHILE_RINGING_MANAGERS: dict[Key, Row] = {
    (LegEnded, CUSTOMER): Row((State.CLOSING,), missed),
    (HangUpRequested, None): Row((State.CLOSING,), wave_on),
}

CALLBACK_TABLE: dict[State, dict[Key, Row]] = {
    **{state: {} for state in State},
    State.NEW: {
        (CallRequested, None): Row((State.CHECKING,), request),
    },
    State.CHECKING: {
        (CallAdmitted, None): Row((State.CREATING_MANAGER,), admit),
        (CallerUnknown, None): Row((State.HOLDING, State.CLOSED), unknown),
        (CallerToBeAsked, None): Row((State.HOLDING, State.ASKING_CODE), to_be_asked),
        (TimerFired, Timer.HOLD): Row((State.CHECKING,), first_seconds_over),
        (LegEnded, CUSTOMER): Row((State.ABANDONED,), abandon),
        (HangUpRequested, None): Row((State.ABANDONED,), wave_through),
    },
    State.ABANDONED: {
        (CallAdmitted, None): Row((State.CLOSED,), record_abandoned),
        (CallerUnknown, None): Row((State.CLOSED,), close),
        (CallerToBeAsked, None): Row((State.CLOSED,), close),
    },
    State.CREATING_MANAGER: {
        **_WHILE_RINGING_MANAGERS,
        (CallRecorded, None): Row((State.CREATING_MANAGER, State.RINGING_MANAGER), recorded),
        (CallerUnknown, None): Row((State.CLOSING,), never_recorded),
        (LegEntered, MANAGER): Row((State.CREATING_MANAGER, State.RINGING_MANAGER), manager_entered),
        (LegEnded, MANAGER): Row((State.CREATING_MANAGER, State.HOLDING, State.CLOSED), manager_gone),
        (LegFailed, MANAGER): Row((State.CHANGING_MANAGER,), change_manager),
        (NobodyFree, None): Row((State.HOLDING, State.CLOSED), nobody_left),
        (TimerFired, Timer.SETUP): Row((State.CHANGING_MANAGER,), change_manager),
        (TimerFired, Timer.HOLD): Row((State.CREATING_MANAGER,), first_seconds_over),
    },
    State.RINGING_MANAGER: {
        **_WHILE_RINGING_MANAGERS,
        (LegAnswered, MANAGER): Row((State.CONNECTING,), connect),
        (LegEnded, MANAGER): Row((State.CREATING_MANAGER, State.HOLDING, State.CLOSED), manager_gone),
        (LegFailed, MANAGER): Row((State.CHANGING_MANAGER,), change_manager),
        (TimerFired, Timer.RING): Row((State.CHANGING_MANAGER,), change_manager),
        (TimerFired, Timer.HOLD): Row((State.RINGING_MANAGER,), first_seconds_over),
    },
    State.CHANGING_MANAGER: {
        **_WHILE_RINGING_MANAGERS,
        (CallRecorded, None): Row((State.CHANGING_MANAGER,), recorded),
        (CallerUnknown, None): Row((State.CLOSING,), never_recorded),
        (LegEntered, MANAGER): Row((State.CHANGING_MANAGER,), leg_too_late),
        (LegEnded, MANAGER): Row((State.CREATING_MANAGER, State.HOLDING, State.CLOSED), manager_gone),
        (TimerFired, Timer.CLOSE): Row((State.CHANGING_MANAGER, State.CLOSED), hang_up_manager_again),
        (TimerFired, Timer.HOLD): Row((State.CHANGING_MANAGER,), first_seconds_over),
    },
    State.HOLDING: {
        (TimerFired, Timer.HOLD): Row((State.ASKING_CODE, State.CLOSING, State.CLOSED), hold_over),
        (LegEntered, MANAGER): Row((State.HOLDING,), leg_too_late),
        (LegEnded, MANAGER): Row((State.HOLDING,), late_manager_gone),
        (LegEnded, CUSTOMER): Row((State.CLOSING, State.CLOSED), missed_while_holding),
        (HangUpRequested, None): Row((State.CLOSING, State.CLOSED), wave_on),
    },
    State.ASKING_CODE: {
        (CodeBegun, None): Row((State.ASKING_CODE,), code_begun),
        (CodeAnew, None): Row((State.ASKING_CODE,), code_anew),
        (CodeComplete, None): Row((State.CHECKING, State.ASKING_CODE, State.CLOSED), code_complete),
        (TimerFired, Timer.CODE): Row((State.CHECKING, State.ASKING_CODE, State.CLOSED), code_complete),
        (LegFailed, CUSTOMER): Row((State.CLOSED,), ask_no_more),
        (LegEnded, CUSTOMER): Row((State.CLOSED,), gone_while_asked),
        (HangUpRequested, None): Row((State.CLOSED,), ask_no_more),
    },
    State.CONNECTING: {
        (LegJoined, MANAGER): Row((State.CONNECTING, State.TALKING), join),
        (LegJoined, CUSTOMER): Row((State.CONNECTING, State.TALKING), join),
        (LegEnded, MANAGER): Row((State.CLOSING,), conversation_over),
        (LegEnded, CUSTOMER): Row((State.CLOSING,), missed),
        (LegFailed, MANAGER): Row((State.CLOSING,), failed),
        (LegFailed, CUSTOMER): Row((State.CLOSING,), failed),
        (TimerFired, Timer.JOIN): Row((State.CLOSING,), failed),
        (HangUpRequested, None): Row((State.CLOSING,), wave_on),
    },
    State.TALKING: TABLE[State.TALKING],
    State.CLOSING: TABLE[State.CLOSING],
}
