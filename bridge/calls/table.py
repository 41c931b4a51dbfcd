"""Every transition of a call, in one table.

Theory of operation
-------------------
A call has one state; a leg's event or a timer moves it along one row of `TABLE`. A row names the states it
can lead to and the function that gives the new call and its commands. The drawing in docs/architecture.md is
made from the rows.

House rules:

* A state and an event without a row leave the call as it is: events of a PBX come late, doubled, or after we
  have moved on, and none of these may harm a conversation. `machine.step` says so to its caller.
* `Call.legs` holds every leg that exists or has been asked for, so that whatever happens each of them is
  asked to hang up, and the call closes only when each has been seen to end, or has been asked often enough.
* An admitted call emits RecordResult exactly once: at the moment its result is known. One that could not be
  put on record has no result.
* Nobody is dialled before the call is on record. Channels are made meanwhile, and of a call that is dialled
  sealed already while the rules decide: as it needs no number to get as far as us, it waits there for what is
  decided. If the rules say no, it has been made in vain.
* Nobody but the customer decides that the customer has answered: until then the manager's leg is not picked
  up, unless it is to be told why there will be no conversation, or that another number is tried.
* One number more is tried at most, never beside the first, and never before the manager has been told.
* An action is only reached through its row, so it may assert the type of its event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from bridge.calls.causes import message_for, result_for
from bridge.calls.commands import (
    Admit,
    AnswerManager,
    Close,
    Command,
    CreateLeg,
    DialAhead,
    DialLeg,
    FindNextContact,
    HangUpLeg,
    JoinLegs,
    LimitLegs,
    PrepareCustomer,
    RecordAnswer,
    RecordResult,
    RingBack,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallRecorded,
    CallRefused,
    CallRequested,
    Event,
    Failure,
    HangUpRequested,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegFailed,
    LegJoined,
    LegRinging,
    ManagerTold,
    NextContactFound,
    NoNextContact,
    TimerFired,
)
from bridge.calls.model import Call, Kind, Leg, Message, Result, State, Timer

MANAGER, CUSTOMER = Leg.MANAGER, Leg.CUSTOMER

Step: TypeAlias = tuple[Call, tuple[Command, ...]]
Key: TypeAlias = tuple[type[Event], Leg | Timer | None]
Action: TypeAlias = Callable[[Call, Event], Step]


@dataclass(frozen=True, slots=True)
class Row:
    """Where an event can lead, and what does it."""

    to: tuple[State, ...]
    action: Action


def key_of(event: Event) -> Key:
    """The part of an event that chooses the row: its type, with the leg or the timer it is about."""
    return type(event), getattr(event, "leg", None) or getattr(event, "timer", None)


# --- the beginning ---


def request(call: Call, _event: Event) -> Step:
    wait = StartTimer(Timer.REFUSAL, call.timings.refusal)
    checking = replace(call, state=State.CHECKING)
    if call.kind is Kind.CLICK_TO_CALL:
        return checking, (wait, Admit())
    if not call.early:
        return replace(checking, legs=frozenset({MANAGER})), (wait, Admit())
    return replace(checking, legs=frozenset(Leg)), (wait, PrepareCustomer(call.timings.ring), Admit())


def prepared_early(call: Call, event: Event) -> Step:
    if call.lost is not None:
        return prepared_in_vain(call, event)
    if CUSTOMER not in call.legs or CUSTOMER in call.entered:
        return call, ()
    return replace(call, entered=call.entered | {CUSTOMER}), (DialAhead(),)


def lost_early(call: Call, event: Event) -> Step:
    """What was dialled ahead has ended at once, as there is no way to the carrier, say: told if admitted."""
    assert isinstance(event, LegEnded)
    lost = result_for(event.cause, has_rung=False), event.cause
    return replace(call, legs=call.legs - {CUSTOMER}, lost=lost if call.early else None), ()


def admit(call: Call, event: Event) -> Step:
    assert isinstance(event, CallAdmitted)
    call = with_its_time(call, event)
    stop = (StopTimer(Timer.REFUSAL),)
    if call.kind is Kind.CLICK_TO_CALL:
        ringing = replace(call, state=State.CREATING_MANAGER, legs=frozenset({MANAGER}))
        return ringing, (*stop, StartTimer(Timer.SETUP, call.timings.setup), CreateLeg(MANAGER))
    if call.lost is not None:
        telling, commands = give_up(call, *call.lost)
        return telling, (*stop, *commands)
    creating, commands = create_customer(call)
    return creating, (*stop, *commands)


def with_its_time(call: Call, admitted: CallAdmitted | NextContactFound) -> Call:
    """The call, to last as long as the rules have let it."""
    if admitted.talk_seconds is None:
        return call
    return replace(call, timings=call.timings.with_less_talk(admitted.talk_seconds))


def refuse(call: Call, event: Event) -> Step:
    assert isinstance(event, CallRefused)
    refusing = replace(call, state=State.REFUSING, result=Result.REFUSED, refusal=event.message)
    return refusing, let_go_of_customer(call)


def let_go_of_customer(call: Call) -> tuple[Command, ...]:
    return (HangUpLeg(CUSTOMER),) if CUSTOMER in call.legs else ()


def never_recorded(call: Call, event: Event) -> Step:
    """The rules said yes, and the disk said no: nobody has been dialled."""
    assert isinstance(event, CallRefused)
    refused = replace(call, result=Result.REFUSED)
    if call.state is State.CREATING_MANAGER:
        return hang_up(refused)
    telling, commands = tell(refused, event.message)
    return telling, (HangUpLeg(CUSTOMER), *commands)


def recorded(call: Call, _event: Event) -> Step:
    return dial(replace(call, recorded=True))


def leg_entered(call: Call, event: Event) -> Step:
    assert isinstance(event, LegEntered)
    entered = replace(call, entered=call.entered | {event.leg})
    if entered.early and not entered.recorded and entered != call:
        return entered, (DialAhead(),)
    return dial(entered)


def dial(call: Call) -> Step:
    """Dial the leg that is being created, if it is there and the call is on record."""
    leg = MANAGER if call.state is State.CREATING_MANAGER else CUSTOMER
    if not call.recorded or leg not in call.entered:
        return call, ()
    return dial_manager(call) if leg is MANAGER else dial_customer(call)


def wait_another_refusal(call: Call, _event: Event) -> Step:
    """The look-up outlasted the wait: another whole wait, so that the time tells nothing of the look-up."""
    return call, (StartTimer(Timer.REFUSAL, call.timings.refusal),)


def tell_refusal(call: Call, _event: Event) -> Step:
    if MANAGER not in call.legs:
        return replace(call, state=State.CLOSED), (Close(),)
    assert call.refusal is not None
    return tell(call, call.refusal)


def abandon(call: Call, event: Event) -> Step:
    legs = call.legs - {MANAGER} if isinstance(event, LegEnded) else call.legs
    hang_ups = tuple(HangUpLeg(leg) for leg in sorted(legs))
    abandoned = replace(call, state=State.ABANDONED, legs=legs, result=Result.CANCELLED)
    return abandoned, (StopTimer(Timer.REFUSAL), *hang_ups)


def manager_gone_while_abandoned(call: Call, _event: Event) -> Step:
    return replace(call, legs=call.legs - {MANAGER}), ()


def close(call: Call, _event: Event) -> Step:
    return replace(call, state=State.CLOSED, legs=frozenset()), (Close(),)


# --- the manager's phone, when it is rung first ---


def dial_manager(call: Call) -> Step:
    return replace(call, state=State.RINGING_MANAGER), (
        StopTimer(Timer.SETUP),
        DialLeg(MANAGER, call.timings.manager_ring),
        StartTimer(Timer.RING, call.timings.manager_ring),
    )


def manager_picked_up(call: Call, _event: Event) -> Step:
    creating, commands = create_customer(call)
    return creating, (StopTimer(Timer.RING), *commands)


def manager_unreachable(call: Call, event: Event) -> Step:
    legs = call.legs - {MANAGER} if isinstance(event, LegEnded) else call.legs
    return end(replace(call, legs=legs), Result.MANAGER_UNREACHABLE, cause_of(event))


def manager_failed(call: Call, event: Event) -> Step:
    assert isinstance(event, LegFailed)
    unreachable = event.failure is Failure.UNREACHABLE
    return end(call, Result.MANAGER_UNREACHABLE if unreachable else Result.FAILED)


# --- the customer's phone ---


def create_customer(call: Call) -> Step:
    creating = replace(call, state=State.CREATING_CUSTOMER, legs=call.legs | {CUSTOMER})
    return creating, (StartTimer(Timer.SETUP, call.timings.setup), CreateLeg(CUSTOMER), RingBack())


def dial_customer(call: Call) -> Step:
    return replace(call, state=State.DIALLING), (
        StopTimer(Timer.SETUP),
        DialLeg(CUSTOMER, call.timings.ring),
        StartTimer(Timer.RING, call.timings.ring),
    )


def customer_rings(call: Call, _event: Event) -> Step:
    return replace(call, state=State.RINGING), ()


def connect(call: Call, _event: Event) -> Step:
    return replace(call, state=State.CONNECTING), (
        StopTimer(Timer.RING),
        AnswerManager(),
        JoinLegs(),
        StartTimer(Timer.JOIN, call.timings.join),
    )


def join(call: Call, event: Event) -> Step:
    assert isinstance(event, LegJoined)
    joined = replace(call, joined=call.joined | {event.leg})
    if joined.joined != {MANAGER, CUSTOMER}:
        return joined, ()
    return replace(joined, state=State.TALKING), (
        StopTimer(Timer.JOIN),
        RecordAnswer(),
        LimitLegs(call.timings.talk),
        StartTimer(Timer.TALK, call.timings.talk),
    )


# --- another number of the customer's ---


def not_reached(call: Call, result: Result, cause: int | None = None) -> Step:
    """Nobody was reached at this number; there may be another one."""
    if result not in call.next_after or call.state is State.CREATING_CUSTOMER:
        return give_up(call, result, cause)
    changing = replace(call, state=State.CHANGING_CONTACT, next_after=frozenset(), in_vain=(result, cause))
    return changing, (StopTimer(Timer.RING), *let_go_of_customer(call), FindNextContact(result))


def say_next(call: Call, event: Event) -> Step:
    assert isinstance(event, NextContactFound)
    assert call.in_vain is not None
    return replace(with_its_time(call, event), state=State.SAYING_NEXT), (
        AnswerManager(),
        TellManager(message_for(call.in_vain[0]), then=Message.ANOTHER_NUMBER),
        StartTimer(Timer.TELL, call.timings.tell),
    )


def no_next(call: Call, _event: Event) -> Step:
    assert call.in_vain is not None
    return give_up(call, *call.in_vain)


def try_next(call: Call, event: Event) -> Step:
    if CUSTOMER in call.legs:  # the phone of the first number may ring yet
        telling, commands = no_next(call, event)
        return telling, (StopTimer(Timer.TELL), *commands)
    creating, commands = create_customer(replace(call, entered=call.entered - {CUSTOMER}))
    return creating, (StopTimer(Timer.TELL), *commands)


# --- the ends ---


def customer_lost(call: Call, event: Event) -> Step:
    """The customer's leg ended unanswered: its cause says why."""
    assert isinstance(event, LegEnded)
    result = result_for(event.cause, has_rung=call.state is State.RINGING)
    return not_reached(replace(call, legs=call.legs - {CUSTOMER}), result, event.cause)


def customer_failed(call: Call, event: Event) -> Step:
    assert isinstance(event, LegFailed)
    result = Result.CARRIER_DOWN if event.failure is Failure.UNREACHABLE else Result.FAILED
    return give_up(call, result)


def nobody_answered(call: Call, _event: Event) -> Step:
    return not_reached(call, Result.NO_ANSWER)


def never_set_up(call: Call, _event: Event) -> Step:
    return give_up(call, Result.FAILED)


def cancelled(call: Call, event: Event) -> Step:
    legs = call.legs - {MANAGER} if isinstance(event, LegEnded) else call.legs
    return end(replace(call, legs=legs), Result.CANCELLED, cause_of(event))


def failed(call: Call, _event: Event) -> Step:
    return end(call, Result.FAILED)


def conversation_over(call: Call, event: Event) -> Step:
    legs = call.legs - {event.leg} if isinstance(event, LegEnded) else call.legs
    return end(replace(call, legs=legs), Result.TALKED, cause_of(event))


def told(call: Call, _event: Event) -> Step:
    return hang_up(call)


def one_leg_less(call: Call, event: Event) -> Step:
    """A leg that was asked to hang up has ended."""
    assert isinstance(event, LegEnded)
    left = replace(call, legs=call.legs - {event.leg})
    if left.legs:
        return left, ()
    return replace(left, state=State.CLOSED), (Close(),)


def leg_too_late(call: Call, event: Event) -> Step:
    """A leg given up for lost has come to be after all, when nothing was there yet to hang up."""
    assert isinstance(event, LegEntered)
    return replace(call, legs=call.legs | {event.leg}), (HangUpLeg(event.leg),)


def prepared_in_vain(call: Call, event: Event) -> Step:
    """Whoever has been asked to hang up already ends; another one is too late."""
    return (call, ()) if CUSTOMER in call.legs else leg_too_late(call, event)


def customer_gone(call: Call, _event: Event) -> Step:
    return replace(call, legs=call.legs - {CUSTOMER}), ()


def manager_gone_while_telling(call: Call, _event: Event) -> Step:
    return hang_up(replace(call, legs=call.legs - {MANAGER}))


def hang_up_again(call: Call, _event: Event) -> Step:
    if call.hang_ups_left == 0:
        return replace(call, state=State.CLOSED), (Close(),)
    return hang_up(replace(call, hang_ups_left=call.hang_ups_left - 1))


def give_up(call: Call, result: Result, cause: int | None = None) -> Step:
    """No conversation: put the result on record, let the customer's leg go, and tell the manager."""
    telling, commands = tell(replace(call, result=result), message_for(result))
    return telling, (RecordResult(result, cause), *let_go_of_customer(call), *commands)


def tell(call: Call, message: Message) -> Step:
    return replace(call, state=State.TELLING), (
        *(StopTimer(timer) for timer in (Timer.SETUP, Timer.RING)),
        AnswerManager(),
        TellManager(message),
        StartTimer(Timer.TELL, call.timings.tell),
    )


def end(call: Call, result: Result, cause: int | None = None) -> Step:
    """The call is over: put the result on record and let every leg go."""
    closing, commands = hang_up(replace(call, result=result))
    return closing, (RecordResult(result, cause), *commands)


def hang_up(call: Call) -> Step:
    stop = tuple(StopTimer(timer) for timer in Timer)
    if not call.legs:
        return replace(call, state=State.CLOSED), (*stop, Close())
    hang_ups = tuple(HangUpLeg(leg) for leg in sorted(call.legs))
    return replace(call, state=State.CLOSING), (*stop, *hang_ups, StartTimer(Timer.CLOSE, call.timings.close))


def cause_of(event: Event) -> int | None:
    return event.cause if isinstance(event, LegEnded) else None


# --- the table ---

_OVER = (State.CLOSING, State.CLOSED)

_WHILE_CALLING_THE_CUSTOMER: dict[Key, Row] = {
    (LegEnded, MANAGER): Row((State.CLOSING,), cancelled),
    (LegFailed, MANAGER): Row((State.CLOSING,), failed),
    (LegEnded, CUSTOMER): Row((State.TELLING,), customer_lost),
    (LegFailed, CUSTOMER): Row((State.TELLING,), customer_failed),
    (HangUpRequested, None): Row((State.CLOSING,), cancelled),
}


def _while_changing(state: State) -> dict[Key, Row]:
    return {
        (LegEnded, MANAGER): Row((State.CLOSING, State.CLOSED), cancelled),
        (LegFailed, MANAGER): Row((State.CLOSING,), failed),
        (HangUpRequested, None): Row((State.CLOSING,), cancelled),
        (LegEntered, CUSTOMER): Row((state,), leg_too_late),
        (LegEnded, CUSTOMER): Row((state,), customer_gone),
    }


TABLE: dict[State, dict[Key, Row]] = {
    State.NEW: {
        (CallRequested, None): Row((State.CHECKING,), request),
    },
    State.CHECKING: {
        (CallAdmitted, None): Row((State.CREATING_MANAGER, State.CREATING_CUSTOMER, State.TELLING), admit),
        (CallRefused, None): Row((State.REFUSING,), refuse),
        (TimerFired, Timer.REFUSAL): Row((State.CHECKING,), wait_another_refusal),
        (LegEntered, CUSTOMER): Row((State.CHECKING,), prepared_early),
        (LegEnded, CUSTOMER): Row((State.CHECKING,), lost_early),
        (LegEnded, MANAGER): Row((State.ABANDONED,), abandon),
        (HangUpRequested, None): Row((State.ABANDONED,), abandon),
    },
    State.REFUSING: {
        (TimerFired, Timer.REFUSAL): Row((State.TELLING, State.CLOSED), tell_refusal),
        (LegEntered, CUSTOMER): Row((State.REFUSING,), prepared_in_vain),
        (LegEnded, CUSTOMER): Row((State.REFUSING,), customer_gone),
        (LegEnded, MANAGER): Row(_OVER, manager_gone_while_telling),
        (HangUpRequested, None): Row(_OVER, told),
    },
    State.ABANDONED: {
        (CallAdmitted, None): Row(_OVER, cancelled),
        (CallRefused, None): Row(_OVER, told),
        (LegEntered, CUSTOMER): Row((State.ABANDONED,), prepared_in_vain),
        (LegEnded, CUSTOMER): Row((State.ABANDONED,), customer_gone),
        (LegEnded, MANAGER): Row((State.ABANDONED,), manager_gone_while_abandoned),
    },
    State.CREATING_MANAGER: {
        (CallRecorded, None): Row((State.CREATING_MANAGER, State.RINGING_MANAGER), recorded),
        (CallRefused, None): Row((State.CLOSING,), never_recorded),
        (LegEntered, MANAGER): Row((State.CREATING_MANAGER, State.RINGING_MANAGER), leg_entered),
        (LegEnded, MANAGER): Row((State.CLOSED,), manager_unreachable),
        (LegFailed, MANAGER): Row((State.CLOSING,), manager_failed),
        (TimerFired, Timer.SETUP): Row((State.CLOSING,), failed),
        (HangUpRequested, None): Row((State.CLOSING,), cancelled),
    },
    State.RINGING_MANAGER: {
        (LegAnswered, MANAGER): Row((State.CREATING_CUSTOMER,), manager_picked_up),
        (LegEnded, MANAGER): Row((State.CLOSED,), manager_unreachable),
        (LegFailed, MANAGER): Row((State.CLOSING,), manager_failed),
        (TimerFired, Timer.RING): Row((State.CLOSING,), manager_unreachable),
        (HangUpRequested, None): Row((State.CLOSING,), cancelled),
    },
    State.CREATING_CUSTOMER: {
        **_WHILE_CALLING_THE_CUSTOMER,
        (CallRecorded, None): Row((State.CREATING_CUSTOMER, State.DIALLING), recorded),
        (CallRefused, None): Row((State.TELLING,), never_recorded),
        (LegEntered, CUSTOMER): Row((State.CREATING_CUSTOMER, State.DIALLING), leg_entered),
        (TimerFired, Timer.SETUP): Row((State.TELLING,), never_set_up),
    },
    State.DIALLING: {
        **_WHILE_CALLING_THE_CUSTOMER,
        (LegEnded, CUSTOMER): Row((State.TELLING, State.CHANGING_CONTACT), customer_lost),
        (LegRinging, CUSTOMER): Row((State.RINGING,), customer_rings),
        (LegAnswered, CUSTOMER): Row((State.CONNECTING,), connect),
        (TimerFired, Timer.RING): Row((State.TELLING, State.CHANGING_CONTACT), nobody_answered),
    },
    State.RINGING: {
        **_WHILE_CALLING_THE_CUSTOMER,
        (LegEnded, CUSTOMER): Row((State.TELLING, State.CHANGING_CONTACT), customer_lost),
        (LegAnswered, CUSTOMER): Row((State.CONNECTING,), connect),
        (TimerFired, Timer.RING): Row((State.TELLING, State.CHANGING_CONTACT), nobody_answered),
    },
    State.CHANGING_CONTACT: {
        **_while_changing(State.CHANGING_CONTACT),
        (NextContactFound, None): Row((State.SAYING_NEXT,), say_next),
        (NoNextContact, None): Row((State.TELLING,), no_next),
    },
    State.SAYING_NEXT: {
        **_while_changing(State.SAYING_NEXT),
        (ManagerTold, None): Row((State.CREATING_CUSTOMER, State.TELLING), try_next),
        (TimerFired, Timer.TELL): Row((State.CREATING_CUSTOMER, State.TELLING), try_next),
    },
    State.CONNECTING: {
        (LegJoined, MANAGER): Row((State.CONNECTING, State.TALKING), join),
        (LegJoined, CUSTOMER): Row((State.CONNECTING, State.TALKING), join),
        (LegEnded, MANAGER): Row((State.CLOSING,), cancelled),
        (LegEnded, CUSTOMER): Row((State.CLOSING,), conversation_over),
        (LegFailed, MANAGER): Row((State.CLOSING,), failed),
        (LegFailed, CUSTOMER): Row((State.CLOSING,), failed),
        (TimerFired, Timer.JOIN): Row((State.CLOSING,), failed),
        (HangUpRequested, None): Row((State.CLOSING,), cancelled),
    },
    State.TALKING: {
        (LegEnded, MANAGER): Row((State.CLOSING,), conversation_over),
        (LegEnded, CUSTOMER): Row((State.CLOSING,), conversation_over),
        (TimerFired, Timer.TALK): Row((State.CLOSING,), conversation_over),
        (HangUpRequested, None): Row((State.CLOSING,), conversation_over),
    },
    State.TELLING: {
        (ManagerTold, None): Row((State.CLOSING,), told),
        (TimerFired, Timer.TELL): Row((State.CLOSING,), told),
        (LegFailed, MANAGER): Row((State.CLOSING,), told),
        (LegEntered, CUSTOMER): Row((State.TELLING,), leg_too_late),
        (LegEnded, MANAGER): Row(_OVER, manager_gone_while_telling),
        (LegEnded, CUSTOMER): Row((State.TELLING,), customer_gone),
        (HangUpRequested, None): Row((State.CLOSING,), told),
    },
    State.CLOSING: {
        (LegEntered, MANAGER): Row((State.CLOSING,), leg_too_late),
        (LegEntered, CUSTOMER): Row((State.CLOSING,), leg_too_late),
        (LegEnded, MANAGER): Row(_OVER, one_leg_less),
        (LegEnded, CUSTOMER): Row(_OVER, one_leg_less),
        (TimerFired, Timer.CLOSE): Row(_OVER, hang_up_again),
    },
    State.CHANGING_MANAGER: {},
    State.HOLDING: {},
    State.ASKING_CODE: {},
    State.CLOSED: {},
}
