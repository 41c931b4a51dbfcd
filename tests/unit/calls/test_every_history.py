"""What holds whatever happens, in whatever order, however often: every history there is, not a sample.

A call has so few values that all of them can be walked, together with the timers that run and what has been
asked for and heard so far.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import cache

from test_table import EVENTS

from bridge.calls.commands import (
    AnswerManager,
    Close,
    Command,
    CreateLeg,
    DialLeg,
    JoinLegs,
    RecordAnswer,
    RecordResult,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallRefused,
    Event,
    LegAnswered,
    LegEnded,
    LegEntered,
    TimerFired,
)
from bridge.calls.machine import step
from bridge.calls.model import Call, Kind, Leg, Message, Result, State, Timer
from bridge.calls.table import TABLE, Key, key_of

_OF_NOTE = (AnswerManager, Close, CreateLeg, DialLeg, JoinLegs, RecordAnswer, RecordResult)
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
        return (event for event in EVENTS if not isinstance(event, TimerFired) or event.timer in self.timers)

    def after(self, event: Event) -> tuple[Moment, tuple[Command, ...]]:
        moved = step(self.call, event)
        timers = set(self.timers) - ({event.timer} if isinstance(event, TimerFired) else set())
        asked, alive = set(self.asked), set(self.alive)
        match event:
            case LegEnded(leg):
                alive.discard(leg)
            case LegEntered(leg) if noted(CreateLeg(leg)) in asked:
                alive.add(leg)
        for command in moved.commands:
            match command:
                case StartTimer(timer):
                    timers.add(timer)
                case StopTimer(timer):
                    timers.discard(timer)
                case CreateLeg(leg):
                    alive.add(leg)
            if isinstance(command, _OF_NOTE):
                asked.add(noted(command))
        heard = self.heard | {key_of(event)} if moved.known and worth_noting(event) else self.heard
        after = Moment(moved.call, frozenset(timers), frozenset(asked), heard, frozenset(alive))
        return after, moved.commands


def noted(command: Command) -> Hashable:
    """A command without its particulars, its leg excepted."""
    return type(command), getattr(command, "leg", None)


def worth_noting(event: Event) -> bool:
    return isinstance(event, CallAdmitted | CallRefused | LegAnswered)


@cache
def moments() -> tuple[Moment, ...]:
    found = {
        Moment(Call(Kind.DIAL_ORDER), alive=frozenset({Leg.MANAGER})): None,
        Moment(Call(Kind.CLICK_TO_CALL)): None,
    }
    frontier = list(found)
    while frontier:
        moment = frontier.pop()
        for event in moment.can_hear():
            after, _ = moment.after(event)
            if after not in found:
                found[after] = None
                frontier.append(after)
    return tuple(found)


def assert_of_every_step(holds: Callable[[Moment, Event, tuple[Command, ...]], bool]) -> None:
    for moment in moments():
        for event in moment.can_hear():
            _, commands = moment.after(event)
            assert holds(moment, event, commands), (moment, event, commands)


def asks(commands: tuple[Command, ...], *kinds: type[Command]) -> bool:
    return any(isinstance(command, kinds) for command in commands)


def admitted(moment: Moment, event: Event) -> bool:
    return isinstance(event, CallAdmitted) or (CallAdmitted, None) in moment.heard


# --- what is asked for ---


def test_no_leg_is_created_or_dialled_twice() -> None:
    def holds(moment: Moment, _event: Event, commands: tuple[Command, ...]) -> bool:
        made = [noted(command) for command in commands if isinstance(command, CreateLeg | DialLeg)]
        return len(made) <= 1 and not moment.asked & set(made)

    assert_of_every_step(holds)


def test_a_leg_is_dialled_only_after_it_was_created() -> None:
    assert_of_every_step(
        lambda moment, _event, commands: all(
            noted(CreateLeg(command.leg)) in moment.asked
            for command in commands
            if isinstance(command, DialLeg)
        )
    )


def test_legs_are_joined_once_and_only_when_the_customer_has_answered() -> None:
    assert_of_every_step(
        lambda moment, event, commands: (
            not asks(commands, JoinLegs)
            or (event == LegAnswered(Leg.CUSTOMER) and noted(JoinLegs()) not in moment.asked)
        )
    )


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
    for moment in moments():
        for event in moment.can_hear():
            after, commands = moment.after(event)
            if asks(commands, Close):
                often_enough = event == TimerFired(Timer.CLOSE) and moment.call.hang_ups_left == 0
                assert not after.alive or often_enough, (moment, event)


# --- timers ---


def test_a_timer_that_runs_is_one_that_its_state_listens_to() -> None:
    for moment in moments():
        if moment.call.state is not State.CLOSED:
            assert all((TimerFired, timer) in TABLE[moment.call.state] for timer in moment.timers), moment


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
        return len(running) <= 1

    assert_of_every_step(holds)


def test_every_timer_is_started_by_some_history() -> None:
    assert {timer for moment in moments() for timer in moment.timers} == set(Timer)


def test_only_timers_that_nobody_misses_run_when_a_call_closes() -> None:
    """The refusal of a manager who has hung up, and the wait for legs that have ended: both are dropped."""
    left = {timer for moment in moments() if moment.call.state is State.CLOSED for timer in moment.timers}
    assert left == {Timer.REFUSAL, Timer.CLOSE}


def test_a_call_of_which_nothing_more_is_heard_ends_by_its_timers_alone() -> None:
    """The rules always answer, for they are ours; the PBX may fall silent for good."""
    for moment in moments():
        if moment.call.state is not State.NEW:
            assert ends_in_silence(moment), moment


def ends_in_silence(moment: Moment) -> bool:
    if moment.call.state in {State.CHECKING, State.ABANDONED}:
        moment, _ = moment.after(CallRefused(Message.NOT_YOURS))
    for _ in range(len(State) + Call(Kind.DIAL_ORDER).hang_ups_left):
        if moment.call.state is State.CLOSED:
            return True
        for timer in sorted(moment.timers):
            moment, _ = moment.after(TimerFired(timer))
    return moment.call.state is State.CLOSED
