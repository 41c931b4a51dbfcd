"""The table of transitions: complete, harmless where it has no row, and true to what each row says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bridge.calls.commands import Close, CreateLeg, HangUpLeg, RecordResult
from bridge.calls.events import (
    CallAdmitted,
    CallerToBeAsked,
    CallerUnknown,
    CallRecorded,
    CallRefused,
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
    LegJoined,
    LegRinging,
    ManagerTold,
    NextContactFound,
    NobodyFree,
    NoNextContact,
    TimerFired,
)
from bridge.calls.machine import TABLES, step
from bridge.calls.model import Call, Kind, Leg, Message, Result, State, Timer
from bridge.calls.table import key_of

EVENTS: list[Event] = [
    CallRequested(),
    CallAdmitted(),
    CallRecorded(),
    *(CallRefused(message) for message in Message),
    NextContactFound(),
    NoNextContact(),
    CallerUnknown(),
    CallerToBeAsked(),
    CodeBegun(),
    CodeAnew(),
    CodeComplete(),
    NobodyFree(),
    *(LegEntered(leg) for leg in Leg),
    *(LegRinging(leg) for leg in Leg),
    *(LegAnswered(leg) for leg in Leg),
    *(LegJoined(leg) for leg in Leg),
    *(LegEnded(leg, cause) for leg in Leg for cause in (None, 16, 17, 18, 19, 21, 28, 34, 38, 127)),
    *(LegFailed(leg, failure) for leg in Leg for failure in Failure),
    ManagerTold(),
    *(TimerFired(timer) for timer in Timer),
    HangUpRequested(),
]


NEXT_AFTER = frozenset({Result.INVALID_NUMBER, Result.NO_ANSWER})


def reachable_calls() -> list[Call]:
    """Every call that any history of events can lead to, in any order, doubled or missing."""
    found = {Call(kind, early=early, next_after=NEXT_AFTER) for kind in Kind for early in (False, True)}
    frontier = list(found)
    while frontier:
        call = frontier.pop()
        for event in EVENTS:
            after = step(call, event).call
            if after not in found:
                found.add(after)
                frontier.append(after)
    return sorted(found, key=repr)


CALLS = reachable_calls()


def test_every_state_can_be_reached() -> None:
    assert {call.state for call in CALLS} == set(State)


@pytest.mark.parametrize("state", State)
def test_an_event_without_a_row_changes_nothing(state: State) -> None:
    for call in (call for call in CALLS if call.state is state):
        for event in EVENTS:
            moved = step(call, event)
            if key_of(event) not in TABLES[call.kind][state]:
                assert (moved.call, moved.commands, moved.known) == (call, (), False)


@pytest.mark.parametrize("kinds", [{Kind.DIAL_ORDER, Kind.CLICK_TO_CALL}, {Kind.CALLBACK}])
def test_a_row_leads_where_it_says_and_every_place_it_names_is_reached(kinds: set[Kind]) -> None:
    (table,) = {id(TABLES[kind]): TABLES[kind] for kind in kinds}.values()
    reached: dict[tuple[State, object], set[State]] = {}
    for call in (call for call in CALLS if call.kind in kinds):
        for event in EVENTS:
            moved = step(call, event)
            if moved.known:
                reached.setdefault((call.state, key_of(event)), set()).add(moved.call.state)
    promised = {(state, key): set(row.to) for state, rows in table.items() for key, row in rows.items()}
    assert reached == promised


def test_nothing_is_asked_of_a_closed_call() -> None:
    for call in (call for call in CALLS if call.state is State.CLOSED):
        assert all(step(call, event).commands == () for event in EVENTS)


def test_who_reaches_the_end_says_so_once_and_last() -> None:
    for call in CALLS:
        for event in EVENTS:
            moved = step(call, event)
            closes = moved.known and moved.call.state is State.CLOSED
            assert [type(command) for command in moved.commands].count(Close) == closes
            if closes:
                assert isinstance(moved.commands[-1], Close)


def test_whoever_closes_has_let_every_leg_go() -> None:
    for call in CALLS:
        for event in EVENTS:
            moved = step(call, event)
            if moved.call.state is State.CLOSING and call.state is not State.CLOSING:
                asked = {command.leg for command in moved.commands if isinstance(command, HangUpLeg)}
                assert asked >= moved.call.legs


def test_a_result_is_recorded_when_it_becomes_known_and_never_again() -> None:
    for call in CALLS:
        for event in EVENTS:
            moved = step(call, event)
            recorded = [command for command in moved.commands if isinstance(command, RecordResult)]
            if recorded:
                assert len(recorded) == 1
                assert recorded[0].result is moved.call.result
                assert call.result is None or call.state is State.ABANDONED
            elif moved.call.result is not call.result:
                no = isinstance(event, CallRefused | CallerUnknown | CallerToBeAsked)
                after_all = isinstance(event, CallAdmitted) and call.result is Result.REFUSED
                assert no or after_all or moved.call.state is State.ABANDONED


def test_no_customer_is_dialled_twice() -> None:
    """From a state in which the customer's leg has been asked for, no row asks for it again.

    But for another number, once the first one's leg has ended.
    """
    before = {State.NEW, State.CHECKING, State.CREATING_MANAGER, State.RINGING_MANAGER}
    for call in CALLS:
        for event in EVENTS:
            if CreateLeg(Leg.CUSTOMER) in step(call, event).commands:
                another = call.state is State.SAYING_NEXT and Leg.CUSTOMER not in call.legs
                assert call.state in before or another
                assert step(call, event).call.state is State.CREATING_CUSTOMER


def test_the_core_knows_nothing_of_the_world() -> None:
    allowed = {"__future__", "collections.abc", "dataclasses", "enum", "typing"}
    for path in (Path(__file__).parents[3] / "bridge" / "calls").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module in allowed or str(node.module).startswith("bridge.calls"), path.name
            assert not isinstance(node, ast.Import), path.name
