"""A capture, whatever happens and in whatever order: the keys, the two legs, and what is left in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.calls import capture as words
from bridge.calls.capture import (
    Capture,
    CaptureCommand,
    CaptureEvent,
    CaptureFailed,
    CaptureState,
    CaptureTimer,
    CaptureTimerFired,
    CaptureTimings,
    CloseKeys,
    ConversationOver,
    Forget,
    JoinManager,
    ManagerApart,
    ManagerJoined,
    NoteOutcome,
    NumberConfirmed,
    NumberDenied,
    NumberKeyed,
    NumberNotSaved,
    NumberSaved,
    OpenKeys,
    Outcome,
    OutcomeTold,
    PartManager,
    Save,
    StartCaptureTimer,
    StopCaptureTimer,
    TellOutcome,
)
from bridge.calls.capture_table import CAPTURE_TABLE, rejoining, step

EVENTS: list[CaptureEvent] = [
    each()
    for each in get_args(CaptureEvent)
    if each not in (NumberKeyed, CaptureTimerFired)
] + [
    NumberKeyed(valid=True),
    NumberKeyed(valid=False),
    *(CaptureTimerFired(timer) for timer in CaptureTimer),
]  # fmt: skip
BEGUN = (words.CaptureRequested(), ManagerApart())


@dataclass
class History:
    """A capture, and what whoever carries its commands out would have done so far."""

    capture: Capture = field(default_factory=Capture)
    timers: set[CaptureTimer] = field(default_factory=set)
    keys_open: bool = False
    apart: bool = False
    """As far as the PBX has told: from its word that the manager is out, until it is asked for the return."""
    remembered: bool = False
    saves: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    commands: list[CaptureCommand] = field(default_factory=list)

    def hear(self, event: CaptureEvent) -> None:
        if isinstance(event, CaptureTimerFired):
            if event.timer not in self.timers:
                return
            self.timers.discard(event.timer)
        if isinstance(event, ManagerApart) and self.capture.state is CaptureState.PARTING:
            self.apart = True
        if isinstance(event, NumberKeyed):
            self.remembered = True
        before = self.capture.state
        self.capture, commands = step(self.capture, event)
        row = CAPTURE_TABLE[before].get((type(event), getattr(event, "timer", None)))
        assert self.capture.state in (row.to if row else (before,))
        for command in commands:
            self.carry_out(command)

    def carry_out(self, command: CaptureCommand) -> None:
        self.commands.append(command)
        match command:
            case StartCaptureTimer(timer):
                self.timers.add(timer)
            case StopCaptureTimer(timer):
                self.timers.discard(timer)
            case OpenKeys():
                assert self.apart, "a customer's key could reach the manager"
                self.keys_open = True
            case CloseKeys():
                self.keys_open = False
            case JoinManager():
                self.keys_open = self.apart = False
            case Forget():
                self.remembered = False
            case Save():
                self.saves += 1
                assert self.remembered
            case NoteOutcome(outcome):
                self.outcomes.append(outcome)


events = st.lists(st.sampled_from(EVENTS), max_size=40)


def lived(happened: list[CaptureEvent]) -> History:
    history = History()
    for event in (*BEGUN, *happened):
        history.hear(event)
    return history


@given(events)
def test_keys_are_open_only_while_the_manager_is_known_to_be_apart(happened: list[CaptureEvent]) -> None:
    history = History()
    for event in (words.CaptureRequested(), *happened):
        history.hear(event)
        assert not history.keys_open or history.apart


@given(events)
def test_a_capture_always_has_something_that_moves_it_on(happened: list[CaptureEvent]) -> None:
    """A timer, but in two states: a save answers for itself, and one that is over is over."""
    history = lived(happened)
    still = (CaptureState.SAVING, CaptureState.OVER)
    assert history.timers or history.capture.state in still


@given(events)
def test_timers_alone_bring_the_two_together_again(happened: list[CaptureEvent]) -> None:
    history = lived(happened)
    history.hear(NumberNotSaved())
    for _ in range(20):
        for timer in CaptureTimer:
            history.hear(CaptureTimerFired(timer))
    if history.capture.state is CaptureState.JOINING:
        assert isinstance(history.commands[-1], JoinManager)
        history.hear(ManagerJoined())
    assert history.capture.state is CaptureState.OVER
    assert not history.timers


@given(events)
def test_joining_is_tried_until_it_has_worked_or_the_call_is_over(happened: list[CaptureEvent]) -> None:
    history = lived([CaptureFailed(), OutcomeTold()])
    assert history.capture.state is CaptureState.JOINING
    for event in happened:
        history.hear(event)
        if isinstance(event, ManagerJoined | ConversationOver):
            break
        tries = sum(isinstance(each, JoinManager) for each in history.commands)
        history.hear(CaptureTimerFired(CaptureTimer.RETRY))
        assert sum(isinstance(each, JoinManager) for each in history.commands) == tries + 1
    else:
        assert history.capture.state is CaptureState.JOINING


@given(events)
def test_one_outcome_is_noted_and_told(happened: list[CaptureEvent]) -> None:
    history = lived(happened)
    told = [each.outcome for each in history.commands if isinstance(each, TellOutcome)]
    assert len(history.outcomes) <= 1
    assert told == [each for each in history.outcomes if each is not Outcome.CUT_OFF]
    if history.capture.state in (CaptureState.TELLING, CaptureState.JOINING, CaptureState.OVER):
        assert history.outcomes == [history.capture.outcome]


@given(events)
def test_nothing_is_saved_but_what_was_confirmed_and_once(happened: list[CaptureEvent]) -> None:
    history = lived(happened)
    assert history.saves <= 1
    if history.saves:
        assert NumberKeyed(valid=True) in happened
        assert NumberConfirmed() in happened


@given(events)
def test_what_was_keyed_is_forgotten_on_every_way_out(happened: list[CaptureEvent]) -> None:
    history = lived(happened)
    if history.capture.state in (CaptureState.TELLING, CaptureState.JOINING, CaptureState.OVER):
        last = max(at for at, each in enumerate(history.commands) if isinstance(each, Forget))
        assert not any(isinstance(each, Save) for each in history.commands[last:])


@given(events)
def test_the_manager_hears_saved_only_after_the_disk_has_said_so(happened: list[CaptureEvent]) -> None:
    history = lived(happened)
    if TellOutcome(Outcome.SAVED) in history.commands:
        assert NumberSaved() in happened


@pytest.mark.parametrize("fruitless", [NumberKeyed(valid=False), CaptureTimerFired(CaptureTimer.KEYS)])
def test_after_three_tries_it_is_not_valid(fruitless: CaptureEvent) -> None:
    assert lived([fruitless] * 2).capture.state is CaptureState.ASKING
    history = lived([fruitless] * 3)
    assert history.capture.state is CaptureState.TELLING
    assert history.outcomes == [Outcome.NOT_VALID]


def test_a_number_that_is_denied_three_times_is_not_valid() -> None:
    history = lived([NumberKeyed(valid=True), NumberDenied()] * 3)
    assert history.outcomes == [Outcome.NOT_VALID]


def test_requested_twice_it_is_one() -> None:
    history = lived([words.CaptureRequested()] * 3)
    assert [type(each) for each in history.commands].count(PartManager) == 1


def test_without_the_word_that_the_manager_is_out_no_key_is_let_in() -> None:
    history = History()
    for event in (words.CaptureRequested(), CaptureTimerFired(CaptureTimer.STEP), ManagerApart()):
        history.hear(event)
    assert OpenKeys() not in history.commands
    assert history.outcomes == [Outcome.NOT_SAVED]


def test_two_who_were_left_apart_are_joined_and_nobody_is_told_anything() -> None:
    capture, commands = rejoining(CaptureTimings())
    assert capture.state is CaptureState.JOINING
    assert JoinManager() in commands
    assert not any(isinstance(each, TellOutcome | NoteOutcome | OpenKeys) for each in commands)


def test_every_row_leads_where_it_says_and_every_state_is_in_the_table() -> None:
    assert set(CAPTURE_TABLE) == set(CaptureState)
    reached = {to for rows in CAPTURE_TABLE.values() for row in rows.values() for to in row.to}
    assert reached == set(CaptureState) - {CaptureState.NEW}
