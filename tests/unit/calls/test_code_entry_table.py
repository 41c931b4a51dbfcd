"""Whoever is not known is asked for an order's code: what happens, and what is then asked for."""

from __future__ import annotations

import pytest
from transcript import Transcript

from bridge.calls.adoption import Presence, adopt
from bridge.calls.commands import (
    Admit,
    AdmitByCode,
    AnswerCustomer,
    AskForCode,
    Close,
    CreateLeg,
    DialLeg,
    ForgetCode,
    HushCustomer,
    JoinLegs,
    PassOn,
    RecordResult,
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
    Failure,
    HangUpRequested,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegFailed,
    TimerFired,
)
from bridge.calls.model import Call, Kind, Leg, Result, State, Timer, Timings

MANAGER, CUSTOMER = Leg.MANAGER, Leg.CUSTOMER
ASKS = (ForgetCode(), AskForCode())


def calling() -> Transcript:
    return Transcript(Call(Kind.CALLBACK)).hears(CallRequested()).asks(Admit())


def asking() -> Transcript:
    call = calling().hears(CallerToBeAsked()).asks().is_in(State.HOLDING)
    return call.hears(TimerFired(Timer.HOLD)).asks(*ASKS).is_in(State.ASKING_CODE)


def keyed() -> Transcript:
    call = asking().hears(CodeBegun()).asks(HushCustomer())
    return call.hears(CodeComplete()).asks(HushCustomer(), AdmitByCode()).is_in(State.CHECKING)


def test_nobody_is_asked_before_the_first_seconds_are_over() -> None:
    assert calling().hears(CallerToBeAsked()).timers == {Timer.HOLD}
    late = calling().hears(TimerFired(Timer.HOLD)).asks()
    late.hears(CallerToBeAsked()).asks(*ASKS).is_in(State.ASKING_CODE)


def test_a_right_code_leads_to_the_manager_as_a_known_number_does() -> None:
    call = keyed().hears(CallAdmitted()).asks(CreateLeg(MANAGER))
    call.hears(CallRecorded(), LegEntered(MANAGER)).asks(DialLeg(MANAGER, 20))
    call.hears(LegAnswered(MANAGER)).asks(AnswerCustomer(), JoinLegs())


def test_a_wrong_code_has_the_first_seconds_over_again_and_is_the_only_one() -> None:
    call = keyed()
    assert call.timers == {Timer.HOLD}
    call.hears(CallerUnknown()).asks().is_in(State.HOLDING)
    call.hears(TimerFired(Timer.HOLD)).asks(PassOn(), Close())


def test_a_right_code_that_rings_nobody_waits_as_long_as_a_wrong_one() -> None:
    call = keyed().hears(CallAdmitted()).asks(CreateLeg(MANAGER)).hears(CallRecorded())
    call.hears(LegEnded(MANAGER)).asks(CreateLeg(MANAGER)).hears(LegEnded(MANAGER)).forgets()
    call.hears(LegEnded(MANAGER)).is_in(State.HOLDING)
    call.hears(TimerFired(Timer.HOLD)).asks(RecordResult(Result.PASSED_ON), PassOn(), Close())


@pytest.mark.parametrize("nothing", [CodeComplete(), TimerFired(Timer.CODE)])
def test_who_keys_nothing_in_is_asked_twice(nothing: Event) -> None:
    call = asking().hears(nothing).asks(HushCustomer(), *ASKS).is_in(State.ASKING_CODE)
    call.hears(nothing).asks(HushCustomer(), PassOn(), Close()).is_in(State.CLOSED)


def test_a_code_is_complete_when_its_time_is_up() -> None:
    call = asking().hears(CodeBegun()).asks(HushCustomer())
    call.hears(TimerFired(Timer.CODE)).asks(HushCustomer(), AdmitByCode())


def test_a_code_that_was_begun_anew_and_left_is_nothing() -> None:
    call = asking().hears(CodeBegun(), CodeAnew()).asks(HushCustomer(), HushCustomer(), ForgetCode())
    call.hears(CodeComplete()).asks(HushCustomer(), *ASKS)


def test_who_hangs_up_while_asked_leaves_no_record() -> None:
    asking().hears(LegEnded(CUSTOMER)).asks(Close()).is_in(State.CLOSED)


def test_who_hangs_up_while_the_code_is_looked_up_has_missed_the_manager() -> None:
    call = keyed().hears(LegEnded(CUSTOMER)).asks().is_in(State.ABANDONED)
    call.hears(CallAdmitted()).asks(RecordResult(Result.MISSED), Close())


@pytest.mark.parametrize("event", [HangUpRequested(), LegFailed(CUSTOMER, Failure.PBX)])
def test_who_can_not_be_asked_any_more_goes_on_in_the_dialplan(event: Event) -> None:
    asking().hears(event).asks(HushCustomer(), PassOn(), Close()).is_in(State.CLOSED)


def test_a_successor_connects_a_caller_who_was_picked_up_to_be_asked() -> None:
    found = {CUSTOMER: Presence.UP, MANAGER: Presence.RINGING}
    call, _, missed = adopt(Kind.CALLBACK, Timings(), found, talked_seconds=None)
    assert missed == ()
    Transcript(call).hears(LegAnswered(MANAGER)).asks(AnswerCustomer(), JoinLegs()).is_in(State.CONNECTING)
