"""What holds whatever happens, in whatever order, however often: every history there is, not a sample.

A call has so few values that all of them can be walked, together with the timers that run and what has been
asked for and heard so far.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache

from test_table import EVENTS, NEXT_AFTER

from bridge.calls.commands import (
    AnswerManager,
    Close,
    Command,
    CreateLeg,
    DialAhead,
    DialLeg,
    FindNextContact,
    HangUpLeg,
    JoinLegs,
    PassOn,
    PrepareCustomer,
    RecordAnswer,
    RecordResult,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallerUnknown,
    CallRecorded,
    CallRefused,
    Event,
    HangUpRequested,
    LegAnswered,
    LegEnded,
    LegEntered,
    ManagerTold,
    NextContactFound,
    NobodyFree,
    NoNextContact,
    TimerFired,
)
from bridge.calls.machine import TABLES, step
from bridge.calls.model import Call, Kind, Leg, Message, Result, State, Timer
from bridge.calls.table import Key, key_of

_CAUSES = (None, 16, 28)
"""Of a leg's end, those that matter here: of another the call only keeps the number."""

_OF_NOTE = (
    AnswerManager,
    Close,
    CreateLeg,
    DialAhead,
    DialLeg,
    FindNextContact,
    JoinLegs,
    PassOn,
    PrepareCustomer,
    RecordAnswer,
    RecordResult,
)
"""Commands whose order matters; of the others nothing is remembered, so that there are fewer histories."""


@dataclass(frozen=True)
class Moment:
    """A call at some point of a history. `heard` has only events that had a row."""

    call: Call
    timers: frozenset[Timer] = frozenset()
    asked: frozenset[Hashable] = frozenset()
    heard: frozenset[Key] = frozenset()
    alive: frozenset[Leg] = frozenset()
    """The legs that the PBX may have, as far as it has told."""

    def can_hear(self) -> Iterator[Event]:
        """Any event at all; timers fire only while they run."""
        return (
            event
            for event in EVENTS
            if (not isinstance(event, TimerFired) or event.timer in self.timers)
            and (not isinstance(event, LegEnded) or event.cause in _CAUSES)
        )

    def after(self, event: Event) -> tuple[Moment, tuple[Command, ...]]:
        moved = step(self.call, event)
        timers = set(self.timers) - ({event.timer} if isinstance(event, TimerFired) else set())
        asked, alive = set(self.asked), set(self.alive)
        match event:
            case LegEnded(leg):
                alive.discard(leg)
            case NobodyFree():
                alive.discard(Leg.MANAGER)
            case LegEntered(leg) if noted(CreateLeg(leg)) in asked:
                alive.add(leg)
            case LegEntered(Leg.CUSTOMER) if noted(PrepareCustomer(0)) in asked:
                alive.add(Leg.CUSTOMER)
        for command in moved.commands:
            match command:
                case StartTimer(timer):
                    timers.add(timer)
                case StopTimer(timer):
                    timers.discard(timer)
                case CreateLeg(leg):
                    alive.add(leg)
                case PrepareCustomer():
                    alive.add(Leg.CUSTOMER)
                case PassOn():
                    alive.discard(Leg.CUSTOMER)
            if isinstance(command, _OF_NOTE):
                asked.add(noted(command))
        heard = self.heard | {key_of(event)} if moved.known and worth_noting(event) else self.heard
        after = Moment(moved.call, frozenset(timers), frozenset(asked), heard, frozenset(alive))
        return after, moved.commands


def noted(command: Command) -> Hashable:
    """A command without its particulars, its leg excepted."""
    return type(command), getattr(command, "leg", None)


def worth_noting(event: Event) -> bool:
    return isinstance(
        event, CallAdmitted | NextContactFound | CallRecorded | CallRefused | CallerUnknown | LegAnswered
    )


Step = tuple[Moment, Event, Moment, tuple[Command, ...]]
"""A moment, what happens then, the moment after it, and what is asked for."""


@cache
def everything() -> tuple[tuple[Moment, ...], tuple[Step, ...]]:
    """All moments, and all steps between them by an event that has a row: the others ask for nothing."""
    found = dict.fromkeys(beginnings())
    steps: list[Step] = []
    frontier = list(found)
    while frontier:
        moment = frontier.pop()
        rows = TABLES[moment.call.kind][moment.call.state]
        for event in moment.can_hear():
            after, commands = moment.after(event)
            if key_of(event) in rows:
                steps.append((moment, event, after, commands))
            if after not in found:
                found[after] = None
                frontier.append(after)
    return tuple(found), tuple(steps)


def beginnings() -> Iterator[Moment]:
    for early in (False, True):
        call = Call(Kind.DIAL_ORDER, early=early, next_after=NEXT_AFTER)
        yield Moment(call, alive=frozenset({Leg.MANAGER}))
    yield Moment(Call(Kind.CLICK_TO_CALL, next_after=NEXT_AFTER))
    yield Moment(Call(Kind.CALLBACK, managers_left=2, hang_ups_left=1), alive=frozenset({Leg.CUSTOMER}))


def moments() -> tuple[Moment, ...]:
    return everything()[0]


def steps() -> tuple[Step, ...]:
    return everything()[1]


def assert_of_every_step(holds: Callable[[Moment, Event, tuple[Command, ...]], bool]) -> None:
    for moment, event, _, commands in steps():
        assert holds(moment, event, commands), (moment, event, commands)


def asks(commands: tuple[Command, ...], *kinds: type[Command]) -> bool:
    return any(isinstance(command, kinds) for command in commands)


def admitted(moment: Moment, event: Event) -> bool:
    """By the rules, and by the disk as far as that has spoken."""
    heard = moment.after(event)[0].heard
    no = {(CallRefused, None), (CallerUnknown, None)}
    return (CallAdmitted, None) in heard and not no & heard


# --- what is asked for ---


def test_no_leg_is_created_or_dialled_twice_but_for_another_number() -> None:
    def holds(moment: Moment, _event: Event, commands: tuple[Command, ...]) -> bool:
        made = [command for command in commands if isinstance(command, CreateLeg | DialLeg)]
        again = [command for command in made if noted(command) in moment.asked]
        other = (NextContactFound, None) in moment.heard
        allowed = moment.call.kind is Kind.CALLBACK or all(
            each.leg is Leg.CUSTOMER and other for each in again
        )
        return len(made) <= 1 and allowed

    assert_of_every_step(holds)


def test_another_number_is_looked_for_once_after_a_result_that_says_so() -> None:
    def holds(moment: Moment, _event: Event, commands: tuple[Command, ...]) -> bool:
        looked_for = [command for command in commands if isinstance(command, FindNextContact)]
        wanted = all(command.result in NEXT_AFTER for command in looked_for)
        return wanted and (not looked_for or noted(looked_for[0]) not in moment.asked)

    assert_of_every_step(holds)


def test_another_number_is_dialled_when_the_first_is_silent_and_the_manager_has_been_told() -> None:
    for moment, event, _, commands in steps():
        again = CreateLeg(Leg.CUSTOMER) in commands and noted(CreateLeg(Leg.CUSTOMER)) in moment.asked
        if again:
            assert Leg.CUSTOMER not in moment.alive, (moment, event)
            assert event in {ManagerTold(), TimerFired(Timer.TELL)}, (moment, event)
            assert noted(FindNextContact(Result.FAILED)) in moment.asked, (moment, event)


def test_for_a_callback_no_manager_is_rung_before_the_phone_of_the_last_is_known_to_be_silent() -> None:
    for moment, event, _, commands in steps_of_callbacks():
        if asks(commands, CreateLeg) and Leg.MANAGER in moment.call.legs:
            assert key_of(event) == (LegEnded, Leg.MANAGER), (moment, event)


def test_no_phone_is_rung_for_a_customer_who_has_hung_up() -> None:
    for moment in callbacks():
        after, commands = moment.after(LegEnded(Leg.CUSTOMER))
        assert not asks(commands, CreateLeg, DialLeg, JoinLegs), moment
        if moment.call.state is not State.NEW:
            assert after.call.state in {State.ABANDONED, State.CLOSING, State.CLOSED}, moment


def test_a_customer_is_passed_on_once_and_never_out_of_a_conversation() -> None:
    assert_of_every_step(
        lambda moment, _event, commands: (
            not asks(commands, PassOn)
            or (noted(PassOn()) not in moment.asked and moment.call.state is not State.TALKING)
        )
    )


def test_whoever_calls_is_held_for_the_same_first_seconds_unless_somebody_ends_that() -> None:
    for moment, event, _, commands in steps_of_callbacks():
        if asks(commands, PassOn):
            over = moment.call.held or event == TimerFired(Timer.HOLD)
            stuck = moment.call.state is State.CHANGING_MANAGER and moment.call.hang_ups_left == 0
            unrecorded = isinstance(event, CallerUnknown) and moment.call.state is not State.CHECKING
            assert over or stuck or unrecorded or isinstance(event, HangUpRequested), (moment, event)


def callbacks() -> Iterator[Moment]:
    return (moment for moment in moments() if moment.call.kind is Kind.CALLBACK)


def steps_of_callbacks() -> Iterator[Step]:
    return (step for step in steps() if step[0].call.kind is Kind.CALLBACK)


def test_a_leg_is_dialled_only_after_it_was_created() -> None:
    assert_of_every_step(
        lambda moment, _event, commands: all(
            noted(CreateLeg(command.leg)) in moment.asked
            for command in commands
            if command == DialLeg(Leg.CUSTOMER, moment.call.timings.ring)
        )
    )


def test_legs_are_joined_once_and_only_when_whoever_was_called_has_answered() -> None:
    def holds(moment: Moment, event: Event, commands: tuple[Command, ...]) -> bool:
        called = Leg.MANAGER if moment.call.kind is Kind.CALLBACK else Leg.CUSTOMER
        answered = event == LegAnswered(called) and noted(JoinLegs()) not in moment.asked
        return not asks(commands, JoinLegs) or answered

    assert_of_every_step(holds)


def test_the_managers_leg_is_picked_up_for_an_answer_or_to_be_told_something() -> None:
    assert_of_every_step(
        lambda _moment, event, commands: (
            not asks(commands, AnswerManager)
            or event == LegAnswered(Leg.CUSTOMER)
            or asks(commands, TellManager)
        )
    )


def test_nothing_is_asked_of_a_manager_who_has_gone() -> None:
    assert_of_every_step(
        lambda moment, _event, commands: (
            not asks(commands, AnswerManager, TellManager, JoinLegs) or Leg.MANAGER in moment.call.legs
        )
    )


def test_nobody_is_called_whom_the_rules_have_not_admitted() -> None:
    assert_of_every_step(
        lambda moment, event, commands: not asks(commands, CreateLeg, DialLeg) or admitted(moment, event)
    )


def test_nobody_is_dialled_whose_call_is_not_on_record() -> None:
    assert_of_every_step(
        lambda moment, event, commands: (
            not asks(commands, DialLeg) or (CallRecorded, None) in moment.after(event)[0].heard
        )
    )


def test_an_admitted_call_has_one_result_and_a_refused_one_none() -> None:
    def holds(moment: Moment, event: Event, commands: tuple[Command, ...]) -> bool:
        results = sum(isinstance(command, RecordResult) for command in commands)
        before = noted(RecordResult(Result.FAILED)) in moment.asked
        if not asks(commands, Close):
            return results + before <= int(admitted(moment, event))
        return results + before == int(admitted(moment, event))

    assert_of_every_step(holds)


def test_an_answer_goes_on_record_before_the_result_and_never_without_one() -> None:
    assert_of_every_step(
        lambda moment, _event, commands: (
            not asks(commands, RecordAnswer) or noted(RecordResult(Result.FAILED)) not in moment.asked
        )
    )


def test_a_call_closes_when_its_legs_have_ended_or_were_asked_to_often_enough() -> None:
    """A leg that enters when it had been given up for lost is a leg again."""
    for moment, event, after, commands in steps():
        if asks(commands, Close):
            often_enough = event == TimerFired(Timer.CLOSE) and moment.call.hang_ups_left == 0
            assert not after.alive or often_enough, (moment, event)


def test_a_channel_that_was_made_early_is_let_go_of_when_the_rules_say_no_or_the_manager_has_gone() -> None:
    for moment in moments():
        if moment.call.state is State.CHECKING and moment.call.early and Leg.CUSTOMER in moment.call.legs:
            for end in (CallRefused(Message.NOT_YOURS), LegEnded(Leg.MANAGER), HangUpRequested()):
                _, commands = moment.after(end)
                assert HangUpLeg(Leg.CUSTOMER) in commands, (moment, end)


def test_a_channel_is_made_early_where_it_may_be_and_once() -> None:
    assert_of_every_step(
        lambda moment, _event, commands: (
            not asks(commands, PrepareCustomer)
            or (moment.call.early and moment.call.state is State.NEW and len(moment.asked) == 0)
        )
    )


def test_only_a_channel_that_was_made_early_is_dialled_ahead_and_once() -> None:
    assert_of_every_step(
        lambda moment, event, commands: (
            not asks(commands, DialAhead)
            or (
                event == LegEntered(Leg.CUSTOMER)
                and noted(PrepareCustomer(0)) in moment.asked
                and not {noted(DialAhead()), noted(DialLeg(Leg.CUSTOMER, 0))} & moment.asked
            )
        )
    )


def test_a_channel_that_was_made_early_is_dialled_ahead_while_there_is_something_to_wait_for() -> None:
    found = [moment for moment in moments() if noted(DialAhead()) in moment.asked]
    assert {State.CHECKING, State.CREATING_CUSTOMER, State.DIALLING} <= {each.call.state for each in found}


def test_nobody_is_dialled_on_a_leg_that_has_ended() -> None:
    assert_of_every_step(
        lambda moment, event, commands: all(
            Leg.CUSTOMER in moment.alive or event == LegEntered(Leg.CUSTOMER)
            for command in commands
            if command == DialLeg(Leg.CUSTOMER, moment.call.timings.ring)
        )
    )


def test_a_leg_that_has_ended_before_the_rules_decided_is_what_the_call_comes_to() -> None:
    found = [
        moment.after(CallAdmitted())
        for moment in moments()
        if moment.call.state is State.CHECKING
        and moment.call.early
        and moment.call.kind is Kind.DIAL_ORDER
        and moment.call.lost is not None
    ]
    assert found
    for after, commands in found:
        assert after.call.state is State.TELLING
        assert after.call.result is not None
        assert asks(commands, RecordResult)
        assert asks(commands, TellManager)


# --- timers ---


def test_a_timer_that_runs_is_one_that_its_state_listens_to() -> None:
    for moment in moments():
        if moment.call.state is not State.CLOSED:
            rows = TABLES[moment.call.kind][moment.call.state]
            assert all((TimerFired, timer) in rows for timer in moment.timers), moment


def test_a_timer_is_not_started_while_it_runs() -> None:
    def holds(moment: Moment, event: Event, commands: tuple[Command, ...]) -> bool:
        running = set(moment.timers) - ({event.timer} if isinstance(event, TimerFired) else set())
        for command in commands:
            if isinstance(command, StopTimer):
                running.discard(command.timer)
            if isinstance(command, StartTimer):
                if command.timer in running:
                    return False
                running.add(command.timer)
        return len(running - {Timer.HOLD}) <= 1

    assert_of_every_step(holds)


def test_every_timer_is_started_by_some_history() -> None:
    assert {timer for moment in moments() for timer in moment.timers} == set(Timer)


def test_only_a_timer_that_nobody_misses_runs_when_a_call_closes() -> None:
    """The wait for legs that have ended."""
    left = {timer for moment in moments() if moment.call.state is State.CLOSED for timer in moment.timers}
    assert left == {Timer.CLOSE}


def test_a_call_of_which_nothing_more_is_heard_ends_by_its_timers_alone() -> None:
    """The rules always answer, for they are ours; the PBX may fall silent for good."""
    for moment in moments():
        if moment.call.state is not State.NEW:
            assert ends_in_silence(moment), moment


def no_from_the_rules(kind: Kind) -> Event:
    return CallerUnknown() if kind is Kind.CALLBACK else CallRefused(Message.NOT_YOURS)


def ends_in_silence(moment: Moment) -> bool:
    for _ in range(len(State) + Call(Kind.DIAL_ORDER).hang_ups_left):
        if moment.call.state is State.CLOSED:
            return True
        if moment.call.state in {State.CHECKING, State.ABANDONED}:
            moment, _ = moment.after(no_from_the_rules(moment.call.kind))
        if moment.call.state is State.CHANGING_CONTACT:
            moment, _ = moment.after(NoNextContact())
        for timer in sorted(moment.timers):
            moment, _ = moment.after(TimerFired(timer))
    return moment.call.state is State.CLOSED
