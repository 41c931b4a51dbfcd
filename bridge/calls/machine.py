"""The one function that moves a call."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.calls.commands import Command
from bridge.calls.events import Event
from bridge.calls.model import Call
from bridge.calls.table import TABLE, key_of


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
    row = TABLE[call.state].get(key_of(event))
    if row is None:
        return Moved(call, (), known=False)
    moved, commands = row.action(call, event)
    return Moved(moved, commands, known=True)
