"""Whole calls as transcripts: what happens, and what is then asked for."""

from __future__ import annotations

from itertools import permutations

import pytest
from transcript import Transcript, short

from bridge.calls.commands import (
    Admit,
    AnswerManager,
    Close,
    CreateLeg,
    DialLeg,
    FindNextContact,
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

TO_CREATING: list[Event] = [CallAdmitted(), CallRecorded()]
TO_DIALLING: list[Event] = [*TO_CREATING, LegEntered(CUSTOMER)]
TO_RINGING: list[Event] = [*TO_DIALLING, LegRinging(CUSTOMER)]
TO_CONNECTING: list[Event] = [*TO_RINGING, LegAnswered(CUSTOMER)]
TO_TALKING: list[Event] = [*TO_CONNECTING, LegJoined(CUSTOMER), LegJoined(MANAGER)]


def dialled() -> Transcript:
    return Transcript(Call(Kind.DIAL_ORDER)).hears(CallRequested()).asks(Admit())


def clicked() -> Transcript:
    return Transcript(Call(Kind.CLICK_TO_CALL)).hears(CallRequested()).asks(Admit())


def ringing() -> Transcript:
    call = dialled().hears(CallAdmitted()).asks(CreateLeg(CUSTOMER), RingBack())
    call.hears(CallRecorded()).asks()
    call.hears(LegEntered(CUSTOMER)).asks(DialLeg(CUSTOMER, 45))
    return call.hears(LegRinging(CUSTOMER)).asks()


def talking() -> Transcript:
    call = ringing().hears(LegAnswered(CUSTOMER)).asks(AnswerManager(), JoinLegs())
    return call.hears(LegJoined(CUSTOMER), LegJoined(MANAGER)).asks(RecordAnswer(), LimitLegs(7200))


def test_a_conversation_from_the_order_code_to_the_record() -> None:
    call = Transcript(Call(Kind.DIAL_ORDER))
    call.hears(CallRequested(), CallAdmitted(), CallRecorded(), LegEntered(CUSTOMER))
    call.hears(LegRinging(CUSTOMER), LegAnswered(CUSTOMER), LegJoined(CUSTOMER), LegJoined(MANAGER))
    call.hears(LegEnded(CUSTOMER, 16), LegEnded(MANAGER))
    call.reads(
        """
        >> CallRequested()
        << StartTimer(refusal, 1)
        << Admit()
        >> CallAdmitted()
        << StopTimer(refusal)
        << StartTimer(setup, 5)
        << CreateLeg(customer)
        << RingBack()
        >> CallRecorded()
        >> LegEntered(customer)
        << StopTimer(setup)
        << DialLeg(customer, 45)
        << StartTimer(ring, 45)
        >> LegRinging(customer)
        >> LegAnswered(customer)
        << StopTimer(ring)
        << AnswerManager()
        << JoinLegs()
        << StartTimer(join, 5)
        >> LegJoined(customer)
        >> LegJoined(manager)
        << StopTimer(join)
        << RecordAnswer()
        << LimitLegs(7200)
        << StartTimer(talk, 7200)
        >> LegEnded(customer, 16)
        << RecordResult(talked, 16)
        << StopTimer(refusal)
        << StopTimer(hold)
        << StopTimer(code)
        << StopTimer(setup)
        << StopTimer(ring)
        << StopTimer(join)
        << StopTimer(talk)
        << StopTimer(tell)
        << StopTimer(close)
        << HangUpLeg(manager)
        << StartTimer(close, 2)
        >> LegEnded(manager)
        << Close()
        """
    )


def test_a_conversation_from_a_click() -> None:
    call = clicked().hears(CallAdmitted()).asks(CreateLeg(MANAGER))
    call.hears(CallRecorded(), LegEntered(MANAGER)).asks(DialLeg(MANAGER, 30))
    call.hears(LegRinging(MANAGER), LegAnswered(MANAGER)).asks(CreateLeg(CUSTOMER), RingBack())
    call.hears(LegEntered(CUSTOMER)).asks(DialLeg(CUSTOMER, 45))
    call.hears(LegRinging(CUSTOMER), LegAnswered(CUSTOMER)).asks(AnswerManager(), JoinLegs())
    call.hears(LegJoined(MANAGER), LegJoined(CUSTOMER)).asks(RecordAnswer(), LimitLegs(7200))
    call.hears(LegEnded(MANAGER, 16)).asks(RecordResult(Result.TALKED, 16), HangUpLeg(CUSTOMER))
    call.hears(LegEnded(CUSTOMER, 16)).asks(Close()).is_in(State.CLOSED)


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
    call = dialled().hears(CallAdmitted(), CallRecorded(), LegEntered(CUSTOMER))
    call.forgets().hears(LegEnded(CUSTOMER, 18))
    call.asks(RecordResult(Result.CARRIER_DOWN, 18), AnswerManager(), TellManager(Message.TRY_LATER))


@pytest.mark.parametrize(
    ("broken", "result", "message"),
    [
        (LegFailed(CUSTOMER, Failure.UNREACHABLE), Result.CARRIER_DOWN, Message.TRY_LATER),
        (LegFailed(CUSTOMER, Failure.PBX), Result.FAILED, Message.OUT_OF_SERVICE),
        (TimerFired(Timer.SETUP), Result.FAILED, Message.OUT_OF_SERVICE),
    ],
    ids=["trunk-down", "refused", "silent"],
)
def test_a_customers_leg_that_cannot_be_made_is_told_to_the_manager(
    broken: Event, result: Result, message: Message
) -> None:
    call = dialled().hears(CallAdmitted()).asks(CreateLeg(CUSTOMER), RingBack())
    call.hears(broken)
    call.asks(RecordResult(result), HangUpLeg(CUSTOMER), AnswerManager(), TellManager(message))
    call.hears(LegEnded(CUSTOMER), ManagerTold()).asks(HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


def test_a_phone_that_rings_too_long_is_given_up() -> None:
    ringing().hears(TimerFired(Timer.RING)).asks(
        RecordResult(Result.NO_ANSWER),
        HangUpLeg(CUSTOMER),
        AnswerManager(),
        TellManager(Message.NO_ANSWER),
    )


GONE = 1  # Q.850: unallocated number


def dialling_the_first_of_two() -> Transcript:
    call = Call(Kind.DIAL_ORDER, next_after=frozenset({Result.INVALID_NUMBER, Result.NO_ANSWER}))
    return Transcript(call).hears(CallRequested(), *TO_DIALLING).forgets()


def test_a_number_that_is_none_leads_to_the_next_one_and_the_manager_is_told() -> None:
    call = dialling_the_first_of_two()
    call.hears(LegEnded(CUSTOMER, GONE)).asks(FindNextContact(Result.INVALID_NUMBER))
    call.is_in(State.CHANGING_CONTACT).forgets()
    call.hears(NextContactFound(600)).asks(
        AnswerManager(), TellManager(Message.INVALID_NUMBER, then=Message.ANOTHER_NUMBER)
    )
    call.is_in(State.SAYING_NEXT).forgets()
    call.hears(ManagerTold()).asks(CreateLeg(CUSTOMER), RingBack()).forgets()
    call.hears(LegEntered(CUSTOMER)).asks(DialLeg(CUSTOMER, 45)).forgets()
    call.hears(LegAnswered(CUSTOMER)).asks(AnswerManager(), JoinLegs()).is_in(State.CONNECTING)


def test_the_result_is_the_second_numbers_and_there_is_no_third() -> None:
    call = dialling_the_first_of_two()
    call.hears(LegEnded(CUSTOMER, GONE), NextContactFound(), ManagerTold(), LegEntered(CUSTOMER)).forgets()
    call.hears(LegEnded(CUSTOMER, GONE)).asks(
        RecordResult(Result.INVALID_NUMBER, GONE), AnswerManager(), TellManager(Message.INVALID_NUMBER)
    )


def test_without_another_number_it_ends_as_it_always_did() -> None:
    call = dialling_the_first_of_two().hears(LegEnded(CUSTOMER, GONE)).forgets()
    call.hears(NoNextContact()).asks(
        RecordResult(Result.INVALID_NUMBER, GONE), AnswerManager(), TellManager(Message.INVALID_NUMBER)
    )


def test_a_result_that_is_not_configured_leads_to_no_other_number() -> None:
    call = dialling_the_first_of_two().hears(LegEnded(CUSTOMER, 17))
    call.asks(RecordResult(Result.BUSY, 17), AnswerManager(), TellManager(Message.BUSY))


def test_no_second_phone_rings_while_the_first_may_ring_yet() -> None:
    call = dialling_the_first_of_two().hears(LegRinging(CUSTOMER), TimerFired(Timer.RING))
    call.asks(HangUpLeg(CUSTOMER), FindNextContact(Result.NO_ANSWER)).forgets()
    call.hears(NextContactFound(), ManagerTold()).asks(
        AnswerManager(),
        TellManager(Message.NO_ANSWER, then=Message.ANOTHER_NUMBER),
        RecordResult(Result.NO_ANSWER),
        HangUpLeg(CUSTOMER),
        AnswerManager(),
        TellManager(Message.NO_ANSWER),
    )


@pytest.mark.parametrize("heard", [(), (NextContactFound(),)])
def test_a_manager_who_hangs_up_meanwhile_cancels(heard: tuple[Event, ...]) -> None:
    call = dialling_the_first_of_two().hears(LegEnded(CUSTOMER, GONE), *heard).forgets()
    call.hears(LegEnded(MANAGER)).asks(RecordResult(Result.CANCELLED), Close()).is_in(State.CLOSED)
    call.forgets().hears(NextContactFound(), ManagerTold()).asks()


def test_an_answer_that_comes_with_the_ring_timer_is_an_answer_if_it_is_first() -> None:
    call = ringing().hears(LegAnswered(CUSTOMER), TimerFired(Timer.RING))
    call.asks(AnswerManager(), JoinLegs()).is_in(State.CONNECTING)


def test_an_answer_that_comes_when_we_have_given_up_changes_nothing() -> None:
    call = ringing().hears(TimerFired(Timer.RING))
    call.forgets().hears(LegAnswered(CUSTOMER)).asks().is_in(State.TELLING)


def test_a_manager_who_hangs_up_while_it_rings_cancels() -> None:
    call = ringing().hears(LegEnded(MANAGER)).asks(RecordResult(Result.CANCELLED), HangUpLeg(CUSTOMER))
    call.hears(LegEnded(CUSTOMER, 127)).asks(Close())


@pytest.mark.parametrize(
    ("path", "results", "customer"),
    [
        ([], [], False),
        ([CallRefused(Message.NOT_NOW)], [], False),
        ([CallRefused(Message.NOT_NOW), TimerFired(Timer.REFUSAL)], [], False),
        (TO_CREATING, [Result.CANCELLED], True),
        (TO_DIALLING, [Result.CANCELLED], True),
        (TO_RINGING, [Result.CANCELLED], True),
        ([*TO_RINGING, LegEnded(CUSTOMER, 17)], [Result.BUSY], False),
        (TO_CONNECTING, [Result.CANCELLED], True),
        (TO_TALKING, [Result.TALKED], True),
    ],
    ids=[
        "checking",
        "refusing",
        "telling a refusal",
        "creating",
        "dialling",
        "ringing",
        "telling",
        "connecting",
        "talking",
    ],
)
@pytest.mark.parametrize("ended", [LegEnded(MANAGER, 16), HangUpRequested()], ids=short)
def test_a_call_can_be_ended_in_every_state(
    ended: Event, path: list[Event], results: list[Result], customer: bool
) -> None:
    """By the manager, and from outside: the other leg is let go, and what came of it is on record once."""
    call = dialled().hears(*path, ended)
    if call.call.state is State.ABANDONED:
        call.hears(CallRefused(Message.NOT_NOW))
    assert (HangUpLeg(CUSTOMER) in call.asked) == customer
    assert (HangUpLeg(MANAGER) in call.asked) == (ended == HangUpRequested())
    call.hears(LegEnded(CUSTOMER), LegEnded(MANAGER)).is_in(State.CLOSED)
    assert [each.result for each in call.asked if isinstance(each, RecordResult)] == results
    assert call.asked[-1] == Close()


@pytest.mark.parametrize(
    "path",
    [[CallAdmitted()], [CallAdmitted(), CallRecorded(), LegEntered(MANAGER)]],
    ids=["creating", "ringing"],
)
def test_a_click_can_be_taken_back_while_the_managers_phone_is_rung(path: list[Event]) -> None:
    call = clicked().hears(*path).forgets()
    call.hears(HangUpRequested()).asks(RecordResult(Result.CANCELLED), HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


@pytest.mark.parametrize(
    "path", [[], [CallRefused(Message.NOT_YOURS)]], ids=["before the rules have spoken", "when refused"]
)
def test_a_click_can_be_taken_back_when_there_is_no_leg_yet(path: list[Event]) -> None:
    call = clicked().hears(*path, HangUpRequested(), *([] if path else [CallAdmitted()]))
    call.asks(*([] if path else [RecordResult(Result.CANCELLED)]), Close())


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


@pytest.mark.parametrize(
    "missed",
    [LegEnded(MANAGER, 17), LegFailed(MANAGER, Failure.UNREACHABLE), TimerFired(Timer.RING)],
)
def test_a_click_whose_manager_is_not_there_calls_nobody(missed: Event) -> None:
    call = clicked().hears(CallAdmitted(), CallRecorded(), LegEntered(MANAGER), missed)
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
    call = (
        clicked().hears(CallAdmitted(), CallRecorded(), LegEntered(MANAGER), LegAnswered(MANAGER)).forgets()
    )
    call.hears(LegFailed(MANAGER, Failure.PBX))
    call.asks(RecordResult(Result.FAILED), HangUpLeg(CUSTOMER), HangUpLeg(MANAGER))


def test_a_customers_leg_that_enters_when_it_was_given_up_for_lost_is_hung_up() -> None:
    call = dialled().hears(CallAdmitted(), TimerFired(Timer.SETUP), LegEnded(CUSTOMER)).forgets()
    call.hears(LegEntered(CUSTOMER)).asks(HangUpLeg(CUSTOMER)).is_in(State.TELLING)
    call.hears(ManagerTold()).asks(HangUpLeg(CUSTOMER), HangUpLeg(MANAGER))


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_dialled_before_the_channel_is_there_and_the_call_on_record(kind: Kind) -> None:
    leg = CUSTOMER if kind is Kind.DIAL_ORDER else MANAGER
    for first, second in permutations([LegEntered(leg), CallRecorded()]):
        call = Transcript(Call(kind)).hears(CallRequested(), CallAdmitted()).forgets()
        call.hears(first, first).asks()
        call.hears(second)
        assert [(type(each), each.leg) for each in call.asked if isinstance(each, DialLeg)] == [
            (DialLeg, leg)
        ]


@pytest.mark.parametrize("path", [[], [LegEntered(CUSTOMER)]], ids=["creating", "entered"])
def test_a_call_that_does_not_get_on_record_is_told_so_and_has_no_result(path: list[Event]) -> None:
    call = dialled().hears(CallAdmitted(), *path).forgets()
    call.hears(CallRefused(Message.OUT_OF_SERVICE))
    call.asks(HangUpLeg(CUSTOMER), AnswerManager(), TellManager(Message.OUT_OF_SERVICE))
    call.hears(LegEnded(CUSTOMER), ManagerTold()).asks(HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


@pytest.mark.parametrize("path", [[], [LegEntered(MANAGER)]], ids=["creating", "entered"])
def test_a_click_that_does_not_get_on_record_rings_no_phone(path: list[Event]) -> None:
    call = clicked().hears(CallAdmitted(), *path).forgets()
    call.hears(CallRefused(Message.OUT_OF_SERVICE)).asks(HangUpLeg(MANAGER))
    call.hears(LegEnded(MANAGER)).asks(Close())


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
