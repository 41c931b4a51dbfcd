"""The table of transitions: complete, harmless where it has no row, and true to what each row says."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

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
from bridge.calls.machine import TABLES, Moved, step
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


class Move(NamedTuple):
    """What a row of the table does with a call."""

    call: Call
    event: Event
    moved: Moved


class Reached(NamedTuple):
    """Every call that any history of events can lead to, in any order, doubled or missing; and every move."""

    calls: list[Call]
    moves: list[Move]
    """Of the events that have a row: the others change nothing, which is a test of its own."""


@pytest.fixture(scope="module")
def reached() -> Reached:
    found = {Call(kind, early=early, next_after=NEXT_AFTER) for kind in Kind for early in (False, True)}
    frontier, moves = list(found), []
    while frontier:
        call = frontier.pop()
        for event in EVENTS:
            moved = step(call, event)
            if moved.known:
                moves.append(Move(call, event, moved))
            if moved.call not in found:
                found.add(moved.call)
                frontier.append(moved.call)
    return Reached(sorted(found, key=repr), moves)


def test_every_state_can_be_reached(reached: Reached) -> None:
    assert {call.state for call in reached.calls} == set(State)


def test_an_event_without_a_row_changes_nothing_and_one_with_a_row_is_known(reached: Reached) -> None:
    for call in reached.calls:
        rows = TABLES[call.kind][call.state]
        for event in EVENTS:
            moved = step(call, event)
            assert moved.known == (key_of(event) in rows)
            if not moved.known:
                assert (moved.call, moved.commands) == (call, ())


@pytest.mark.parametrize("kinds", [{Kind.DIAL_ORDER, Kind.CLICK_TO_CALL}, {Kind.CALLBACK}])
def test_a_row_leads_where_it_says_and_every_place_it_names_is_reached(
    reached: Reached, kinds: set[Kind]
) -> None:
    (table,) = {id(TABLES[kind]): TABLES[kind] for kind in kinds}.values()
    led: dict[tuple[State, object], set[State]] = {}
    for call, event, moved in reached.moves:
        if call.kind in kinds:
            led.setdefault((call.state, key_of(event)), set()).add(moved.call.state)
    promised = {(state, key): set(row.to) for state, rows in table.items() for key, row in rows.items()}
    assert led == promised


def test_nothing_is_asked_of_a_closed_call(reached: Reached) -> None:
    assert [move for move in reached.moves if move.call.state is State.CLOSED and move.moved.commands] == []


def test_who_reaches_the_end_says_so_once_and_last(reached: Reached) -> None:
    for _, _, moved in reached.moves:
        closes = moved.call.state is State.CLOSED
        assert [type(command) for command in moved.commands].count(Close) == closes
        if closes:
            assert isinstance(moved.commands[-1], Close)


def test_whoever_closes_has_let_every_leg_go(reached: Reached) -> None:
    for call, _, moved in reached.moves:
        if moved.call.state is State.CLOSING and call.state is not State.CLOSING:
            asked = {command.leg for command in moved.commands if isinstance(command, HangUpLeg)}
            assert asked >= moved.call.legs


def test_a_result_is_recorded_when_it_becomes_known_and_never_again(reached: Reached) -> None:
    for call, event, moved in reached.moves:
        recorded = [command for command in moved.commands if isinstance(command, RecordResult)]
        if recorded:
            assert len(recorded) == 1
            assert recorded[0].result is moved.call.result
            assert call.result is None or call.state is State.ABANDONED
        elif moved.call.result is not call.result:
            no = isinstance(event, CallRefused | CallerUnknown | CallerToBeAsked)
            after_all = isinstance(event, CallAdmitted) and call.result is Result.REFUSED
            assert no or after_all or moved.call.state is State.ABANDONED


def test_no_customer_is_dialled_twice(reached: Reached) -> None:
    """From a state in which the customer's leg has been asked for, no row asks for it again.

    But for another number, once the first one's leg has ended.
    """
    before = {State.NEW, State.CHECKING, State.CREATING_MANAGER, State.RINGING_MANAGER}
    for call, _, moved in reached.moves:
        if CreateLeg(Leg.CUSTOMER) in moved.commands:
            another = call.state is State.SAYING_NEXT and Leg.CUSTOMER not in call.legs
            assert call.state in before or another
            assert moved.call.state is State.CREATING_CUSTOMER


def test_the_core_knows_nothing_of_the_world() -> None:
    allowed = {"__future__", "collections.abc", "dataclasses", "enum", "typing"}
    for path in (Path(__file__).parents[3] / "bridge" / "calls").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module in allowed or str(node.module).startswith("bridge.calls"), path.name
            assert not isinstance(node, ast.Import), path.name
