"""Whole calls as transcripts: what happens, and what is then asked for."""

from __future__ import annotations

import pytest
from transcript import Transcript

from bridge.calls.commands import (
    Admit,
    AnswerManager,
    Close,
    CreateLeg,
    DialLeg,
    HangUpLeg,
    JoinLegs,
    LimitLegs,
    RecordAnswer,
    RecordResult,
    RingBack,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
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
    TimerFired,
)
from bridge.calls.model import Call, Kind, Leg, Message, Result, State, Timer

MANAGER, CUSTOMER = Leg.MANAGER, Leg.CUSTOMER


def dialled() -> Transcript:
    return Transcript(Call(Kind.DIAL_ORDER)).hears(CallRequested()).asks(Admit())


def clicked() -> Transcript:
    return Transcript(Call(Kind.CLICK_TO_CALL)).hears(CallRequested()).asks(Admit())


def ringing() -> Transcript:
    call = dialled().hears(CallAdmitted()).asks(CreateLeg(CUSTOMER), RingBack())
    call.hears(LegEntered(CUSTOMER)).asks(DialLeg(CUSTOMER, 45))
    return call.hears(LegRinging(CUSTOMER)).asks()


def talking() -> Transcript:
    call = ringing().hears(LegAnswered(CUSTOMER)).asks(AnswerManager(), JoinLegs())
    return call.hears(LegJoined(CUSTOMER), LegJoined(MANAGER)).asks(RecordAnswer(), LimitLegs(7200))


def test_a_conversation_that_the_manager_ends() -> None:
    call = talking().hears(LegEnded(MANAGER, 16)).asks(RecordResult(Result.TALKED, 16), HangUpLeg(CUSTOMER))
    call.hears(LegEnded(CUSTOMER, 16)).asks(Close()).is_in(State.CLOSED)


def test_a_conversation_that_the_customer_ends() -> None:
    call = talking().hears(LegEnded(CUSTOMER, 16)).asks(RecordResult(Result.TALKED, 16), HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


def test_a_conversation_at_its_cap() -> None:
    talking().hears(TimerFired(Timer.TALK)).asks(
        RecordResult(Result.TALKED), HangUpLeg(CUSTOMER), HangUpLeg(MANAGER)
    )


@pytest.mark.parametrize(
    ("cause", "result", "message"),
    [
        (17, Result.BUSY, Message.BUSY),
        (19, Result.NO_ANSWER, Message.NO_ANSWER),
        (18, Result.NO_ANSWER, Message.NO_ANSWER),
        (21, Result.DECLINED, Message.DECLINED),
        (1, Result.INVALID_NUMBER, Message.INVALID_NUMBER),
        (28, Result.INVALID_NUMBER, Message.INVALID_NUMBER),
        (34, Result.CONGESTION, Message.TRY_LATER),
        (38, Result.CARRIER_DOWN, Message.TRY_LATER),
        (None, Result.FAILED, Message.OUT_OF_SERVICE),
    ],
)
def test_a_customer_who_is_not_reached_is_told_to_the_manager(
    cause: int | None, result: Result, message: Message
) -> None:
    call = ringing().hears(LegEnded(CUSTOMER, cause))
    call.asks(RecordResult(result, cause), AnswerManager(), TellManager(message))
    call.hears(ManagerTold()).asks(HangUpLeg(MANAGER)).hears(LegEnded(MANAGER)).asks(Close())


def test_a_carrier_that_never_said_a_word_is_down() -> None:
    call = dialled().hears(CallAdmitted(), LegEntered(CUSTOMER))
    call.forgets().hears(LegEnded(CUSTOMER, 18))
    call.asks(RecordResult(Result.CARRIER_DOWN, 18), AnswerManager(), TellManager(Message.TRY_LATER))


def test_a_trunk_that_cannot_be_dialled_is_down() -> None:
    call = dialled().hears(CallAdmitted()).asks(CreateLeg(CUSTOMER), RingBack())
    call.hears(LegFailed(CUSTOMER, Failure.UNREACHABLE)).asks(
        RecordResult(Result.CARRIER_DOWN),
        HangUpLeg(CUSTOMER),
        AnswerManager(),
        TellManager(Message.TRY_LATER),
    )


def test_a_phone_that_rings_too_long_is_given_up() -> None:
    ringing().hears(TimerFired(Timer.RING)).asks(
        RecordResult(Result.NO_ANSWER),
        HangUpLeg(CUSTOMER),
        AnswerManager(),
        TellManager(Message.NO_ANSWER),
    )


def test_an_answer_that_comes_when_we_have_given_up_changes_nothing() -> None:
    call = ringing().hears(TimerFired(Timer.RING))
    call.forgets().hears(LegAnswered(CUSTOMER)).asks().is_in(State.TELLING)


def test_a_manager_who_hangs_up_while_it_rings_cancels() -> None:
    call = ringing().hears(LegEnded(MANAGER)).asks(RecordResult(Result.CANCELLED), HangUpLeg(CUSTOMER))
    call.hears(LegEnded(CUSTOMER, 127)).asks(Close())


def test_a_refusal_is_told_when_its_time_has_come_and_not_before() -> None:
    call = dialled().hears(CallRefused(Message.NOT_YOURS)).asks()
    call.hears(TimerFired(Timer.REFUSAL)).asks(AnswerManager(), TellManager(Message.NOT_YOURS))


def test_a_slow_look_up_waits_for_another_whole_time() -> None:
    call = dialled().hears(TimerFired(Timer.REFUSAL)).asks()
    assert Timer.REFUSAL in call.timers
    call.hears(CallRefused(Message.NOT_YOURS)).asks()
    call.hears(TimerFired(Timer.REFUSAL)).asks(AnswerManager(), TellManager(Message.NOT_YOURS))


@pytest.mark.parametrize("answer", [CallAdmitted(), CallRefused(Message.NOT_YOURS)])
def test_a_manager_who_hangs_up_before_the_rules_have_spoken_leaves_nothing_open(answer: Event) -> None:
    recorded = [RecordResult(Result.CANCELLED)] if answer == CallAdmitted() else []
    dialled().hears(LegEnded(MANAGER)).asks().hears(answer).asks(*recorded, Close())


def test_a_click_rings_the_manager_first() -> None:
    call = clicked().hears(CallAdmitted()).asks(CreateLeg(MANAGER))
    call.hears(LegEntered(MANAGER)).asks(DialLeg(MANAGER, 30))
    call.hears(LegRinging(MANAGER)).asks()
    call.hears(LegAnswered(MANAGER)).asks(CreateLeg(CUSTOMER), RingBack())


@pytest.mark.parametrize(
    "missed",
    [LegEnded(MANAGER, 17), LegFailed(MANAGER, Failure.UNREACHABLE), TimerFired(Timer.RING)],
)
def test_a_click_whose_manager_is_not_there_calls_nobody(missed: Event) -> None:
    call = clicked().hears(CallAdmitted(), LegEntered(MANAGER), missed)
    results = [command.result for command in call.asked if isinstance(command, RecordResult)]
    assert results == [Result.MANAGER_UNREACHABLE]
    assert CreateLeg(CUSTOMER) not in call.asked


@pytest.mark.parametrize(
    "broken", [LegFailed(MANAGER, Failure.PBX), TimerFired(Timer.SETUP)], ids=["refused", "silent"]
)
def test_a_click_that_the_pbx_does_not_carry_out_is_no_fault_of_the_managers_phone(broken: Event) -> None:
    call = clicked().hears(CallAdmitted()).asks(CreateLeg(MANAGER))
    call.hears(broken).asks(RecordResult(Result.FAILED), HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


def test_a_pbx_that_fails_the_managers_leg_has_cancelled_nothing() -> None:
    """The request to dial the manager's phone was lost; the phone had rung and was picked up all the same."""
    call = clicked().hears(CallAdmitted(), LegEntered(MANAGER), LegAnswered(MANAGER)).forgets()
    call.hears(LegFailed(MANAGER, Failure.PBX))
    call.asks(RecordResult(Result.FAILED), HangUpLeg(CUSTOMER), HangUpLeg(MANAGER))


def test_a_customers_leg_that_enters_when_it_was_given_up_for_lost_is_hung_up() -> None:
    call = dialled().hears(CallAdmitted(), TimerFired(Timer.SETUP), LegEnded(CUSTOMER)).forgets()
    call.hears(LegEntered(CUSTOMER)).asks(HangUpLeg(CUSTOMER)).is_in(State.TELLING)
    call.hears(ManagerTold()).asks(HangUpLeg(CUSTOMER), HangUpLeg(MANAGER))


def test_a_call_cancelled_before_the_rules_have_spoken_lets_its_manager_go() -> None:
    call = dialled().hears(HangUpRequested()).asks(HangUpLeg(MANAGER)).is_in(State.ABANDONED)
    call.hears(CallAdmitted()).asks(RecordResult(Result.CANCELLED), HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


def test_a_refused_click_is_over() -> None:
    clicked().hears(CallRefused(Message.NOT_YOURS), TimerFired(Timer.REFUSAL)).asks(Close())


def test_legs_that_do_not_meet_are_let_go() -> None:
    call = ringing().hears(LegAnswered(CUSTOMER), LegJoined(MANAGER))
    call.forgets().hears(TimerFired(Timer.JOIN)).asks(
        RecordResult(Result.FAILED), HangUpLeg(CUSTOMER), HangUpLeg(MANAGER)
    )


def test_a_leg_that_does_not_end_is_asked_again_and_then_given_up() -> None:
    call = talking().hears(HangUpRequested())
    rounds = 0
    while call.call.state is State.CLOSING:
        assert Timer.CLOSE in call.timers
        call.hears(TimerFired(Timer.CLOSE))
        rounds += 1
    assert rounds == 4
    assert call.asked[-1] == Close()
    assert call.asked.count(HangUpLeg(CUSTOMER)) == 4


def test_both_legs_ending_at_once_is_one_result() -> None:
    call = talking().hears(LegEnded(CUSTOMER, 16), LegEnded(MANAGER, 16), LegEnded(CUSTOMER, 16))
    assert call.asked == [RecordResult(Result.TALKED, 16), HangUpLeg(MANAGER), Close()]
