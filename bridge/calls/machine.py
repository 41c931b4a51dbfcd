"""The one function that moves a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.calls.callback_table import CALLBACK_TABLE
from bridge.calls.commands import Command
from bridge.calls.events import Event
from bridge.calls.model import Call, Kind, State
from bridge.calls.table import TABLE, Key, Row, key_of

TABLES: Final[Mapping[Kind, Mapping[State, Mapping[Key, Row]]]] = {
    Kind.DIAL_ORDER: TABLE,
    Kind.CLICK_TO_CALL: TABLE,
    Kind.CALLBACK: CALLBACK_TABLE,
}
"""The transitions of each kind of call."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The call after an event, and what is now to be done, in order.

    `known` is False where the table has no row: the event was late, doubled or none of this state's, and has
    changed nothing.
    """

    call: Call
    commands: tuple[Command, ...]
    known: bool


def step(call: Call, event: Event) -> Moved:
    """Apply one event. Never raises for an event that comes at the wrong time."""
    row = TABLES[call.kind][call.state].get(key_of(event))
    if row is None:
        return Moved(call, (), known=False)
    moved, commands = row.action(call, event)
    return Moved(moved, commands, known=True)
