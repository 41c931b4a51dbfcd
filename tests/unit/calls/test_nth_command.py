"""Every command of every kind of call fails, hangs, is doubled or late: the pure core in a world of its own.

The world is deterministic, so all of it is walked: a person's part is a list of what they do, and one command
is picked out to go wrong. This proves the table; tests/pbx/test_faults.py proves the rest on an Asterisk.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

import pytest
from test_histories import THERE_BEFORE

from bridge.calls.commands import (
    Admit,
    AnswerCustomer,
    AnswerManager,
    Close,
    Command,
    CreateLeg,
    DialLeg,
    HangUpLeg,
    JoinLegs,
    PassOn,
    RecordResult,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallRecorded,
    CallRequested,
    Event,
    Failure,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegFailed,
    LegJoined,
    LegRinging,
    ManagerTold,
    TimerFired,
)
from bridge.calls.machine import step
from bridge.calls.model import Call, Kind, Leg, State, Timer

AT_ONCE, LATE, VERY_LATE = 0.01, 1.0, 30.0
LONGEST_CALL = 20_000


class Mishap(Enum):
    """What goes wrong with one command."""

    FAILS = auto()
    """Not carried out, and said so."""
    FAILS_THOUGH_DONE = auto()
    """Carried out, and said not to be."""
    HANGS = auto()
    """Not carried out, and nothing said."""
    DOUBLED = auto()
    """All that it brings about is told twice."""
    LATE = auto()
    VERY_LATE = auto()
    """After every timer of a call that is not yet a conversation."""


class Ending(Enum):
    """Whose doing the end of the call is, where nothing goes wrong."""

    MANAGER = auto()
    CUSTOMER = auto()
    BUSY = auto()
    NOBODY_ANSWERS = auto()
    CALLER_WHILE_RINGING = auto()


@dataclass
class World:
    """A PBX, two people and a clock. The n-th command about a leg suffers `mishap`."""

    kind: Kind
    ending: Ending
    number: int
    mishap: Mishap
    call: Call = field(init=False)
    now: float = 0.0
    carried_out: int = 0
    sent: list[Command] = field(default_factory=list)
    alive: set[Leg] = field(default_factory=set)
    timers: dict[Timer, int] = field(default_factory=dict)
    agenda: list[tuple[float, int, Event]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.call = Call(self.kind)
        self.alive |= THERE_BEFORE[self.kind]

    def live(self) -> None:
        self.hear(CallRequested())
        while self.agenda and self.call.state is not State.CLOSED:
            self.now, ticket, event = heapq.heappop(self.agenda)
            if isinstance(event, TimerFired) and self.timers.get(event.timer) != ticket:
                continue  # stopped, or started anew
            self.hear(event)

    def hear(self, event: Event) -> None:
        if isinstance(event, TimerFired):
            del self.timers[event.timer]
        if isinstance(event, LegEntered):
            self.alive.add(event.leg)
        if isinstance(event, LegEnded):
            self.alive.discard(event.leg)
        moved = step(self.call, event)
        self.call = moved.call
        for command in moved.commands:
            self.sent.append(command)
            self.carry_out(command)

    def at(self, after: float, event: Event) -> int:
        ticket = next(self.order)
        heapq.heappush(self.agenda, (self.now + after, ticket, event))
        return ticket

    def carry_out(self, command: Command) -> None:
        match command:
            case StartTimer(timer, seconds):
                self.timers[timer] = self.at(seconds, TimerFired(timer))
            case StopTimer(timer):
                self.timers.pop(timer, None)
            case Admit():
                self.at(AT_ONCE, CallAdmitted())
                self.at(AT_ONCE, CallRecorded())
            case PassOn():
                self.alive.discard(Leg.CUSTOMER)
            case (
                CreateLeg()
                | DialLeg()
                | AnswerManager()
                | AnswerCustomer()
                | JoinLegs()
                | TellManager()
                | HangUpLeg()
            ):
                self.carried_out += 1
                self.ask_the_pbx(command, self.mishap if self.carried_out == self.number else None)

    def ask_the_pbx(self, command: Command, mishap: Mishap | None) -> None:
        match mishap:
            case Mishap.HANGS:
                return
            case Mishap.FAILS | Mishap.FAILS_THOUGH_DONE if not isinstance(command, HangUpLeg):
                # The switchboard tells nothing of a hang-up that failed: the closing timer asks again.
                self.at(AT_ONCE, LegFailed(getattr(command, "leg", Leg.MANAGER), Failure.PBX))
        if mishap is Mishap.FAILS:
            return
        delay = {Mishap.LATE: LATE, Mishap.VERY_LATE: VERY_LATE}.get(mishap, 0.0) if mishap else 0.0
        for after, event in self.follows(command):
            self.at(delay + after, event)
            if mishap is Mishap.DOUBLED:
                self.at(delay + after + AT_ONCE, event)

    def follows(self, command: Command) -> list[tuple[float, Event]]:
        """What a PBX and the people behind it make of a command."""
        match command:
            case CreateLeg(leg):
                return [(AT_ONCE, LegEntered(leg))]
            case DialLeg(Leg.MANAGER) if self.kind is Kind.CALLBACK:
                return self.called(Leg.MANAGER)
            case DialLeg(Leg.MANAGER):
                return [(0.1, LegRinging(Leg.MANAGER)), (1, LegAnswered(Leg.MANAGER))]
            case DialLeg(Leg.CUSTOMER):
                return self.called(Leg.CUSTOMER)
            case JoinLegs():
                over = {Ending.MANAGER: Leg.MANAGER, Ending.CUSTOMER: Leg.CUSTOMER}.get(self.ending)
                talk = [(60.0, LegEnded(over, 16))] if over else []
                return [*((AT_ONCE, LegJoined(leg)) for leg in Leg if leg in self.alive), *talk]
            case TellManager():
                return [(3, ManagerTold())]
            case HangUpLeg(leg):
                return [(AT_ONCE, LegEnded(leg, 16))] if leg in self.alive else [(0, LegEnded(leg))]
        return []

    def called(self, leg: Leg) -> list[tuple[float, Event]]:
        ringing = (0.1, LegRinging(leg))
        match self.ending:
            case Ending.BUSY:
                return [(0.1, LegEnded(leg, 17))]
            case Ending.NOBODY_ANSWERS:
                return [ringing]
            case Ending.CALLER_WHILE_RINGING:
                caller = Leg.CUSTOMER if leg is Leg.MANAGER else Leg.MANAGER
                return [ringing, (2, LegEnded(caller, 16))]
        return [ringing, (3, LegAnswered(leg))]


def commands_of(kind: Kind, ending: Ending) -> int:
    """How many commands to the PBX a call of this kind has when none goes wrong."""
    world = World(kind, ending, number=0, mishap=Mishap.HANGS)
    world.live()
    return world.carried_out


def count(world: World, command: type[Command]) -> int:
    return sum(isinstance(sent, command) for sent in world.sent)


@pytest.mark.parametrize("mishap", Mishap)
@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("kind", Kind)
def test_whichever_command_goes_wrong_the_call_ends_with_one_result_and_no_leg(
    kind: Kind, ending: Ending, mishap: Mishap
) -> None:
    for number in range(1, commands_of(kind, ending) + 1):
        world = World(kind, ending, number, mishap)
        world.live()
        told = (kind, ending, number, mishap, world.sent)
        assert world.call.state is State.CLOSED, told
        assert count(world, RecordResult) == count(world, Close) == 1, told
        assert sum(isinstance(sent, DialLeg) and sent.leg is Leg.CUSTOMER for sent in world.sent) <= 1, told
        assert not world.alive, told
        assert world.now < LONGEST_CALL, told


def test_the_world_is_one_in_which_calls_succeed() -> None:
    lengths = {(kind, ending): commands_of(kind, ending) for kind in Kind for ending in Ending}
    assert min(lengths.values()) >= 3
    assert lengths[Kind.DIAL_ORDER, Ending.MANAGER] == 5  # create, dial, answer, join, hang up the customer
