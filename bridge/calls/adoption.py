"""Taking over a call from a daemon that is gone: from what the PBX and the records still have of it.

The call is put into the state that its legs show, and what has happened meanwhile is told to it as the events
that were missed. So a successor ends, or goes on with, every call by the same table as if it had been there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from bridge.calls.commands import Command, LimitLegs, RecordAnswer, RejoinLegs, StartTimer
from bridge.calls.events import Event, Failure, HangUpRequested, LegAnswered, LegEnded, LegFailed
from bridge.calls.model import Call, Kind, Leg, State, Timer, Timings


class Presence(StrEnum):
    """What is left of a leg."""

    GONE = "gone"
    WAITING = "waiting"
    """There, and not known to ring."""
    RINGING = "ringing"
    UP = "up"
    BRIDGED = "bridged"


_NOT_PICKED_UP = {Presence.WAITING, Presence.RINGING}


def adopt(
    kind: Kind, timings: Timings, found: Mapping[Leg, Presence], *, talked_seconds: float | None
) -> tuple[Call, tuple[Command, ...], tuple[Event, ...]]:
    """The call as it is, the commands that give it its timers back, and the events it has missed.

    `talked_seconds` is how long ago the conversation began, None where it had not.
    """
    both = frozenset(Leg)
    call = Call(kind, timings, recorded=True, legs=both)
    gone = (leg for leg in (Leg.CUSTOMER, Leg.MANAGER) if found[leg] is Presence.GONE)
    missed: list[Event] = [LegEnded(leg) for leg in gone]
    if talked_seconds is not None or set(found.values()) == {Presence.BRIDGED}:
        left = max(1.0, timings.talk - (talked_seconds or 0))
        talking = replace(call, state=State.TALKING, joined=both)
        noted = () if talked_seconds is not None else (RecordAnswer(),)
        # What has ended is only to be closed: there is nothing left whose time could be limited.
        if missed:
            return talking, noted, tuple(missed)
        # A daemon that has died in a capture has left the two apart.
        apart = () if set(found.values()) == {Presence.BRIDGED} else (RejoinLegs(),)
        return talking, (*noted, *apart, LimitLegs(left), StartTimer(Timer.TALK, left)), ()
    if kind is Kind.CALLBACK:
        return _ring_on(call, found, tuple(missed))
    if (
        found[Leg.CUSTOMER] is Presence.GONE
        and found[Leg.MANAGER] in _NOT_PICKED_UP
        and kind is Kind.CLICK_TO_CALL
    ):
        # Nobody has been called yet, and nobody need be: whoever clicked will click again.
        alone = replace(call, state=State.RINGING_MANAGER, legs=frozenset({Leg.MANAGER}))
        return alone, (), (HangUpRequested(),)
    match found[Leg.CUSTOMER]:
        case Presence.RINGING:
            ringing = replace(call, state=State.RINGING)
            return ringing, (StartTimer(Timer.RING, timings.ring),), tuple(missed)
        case Presence.UP | Presence.BRIDGED:
            # The customer has answered, and nobody has connected the two: let that happen now.
            in_bridge = frozenset(leg for leg in Leg if found[leg] is Presence.BRIDGED)
            ringing = replace(call, state=State.RINGING, joined=in_bridge)
            return ringing, (), (*missed, LegAnswered(Leg.CUSTOMER))
        case Presence.GONE:
            return replace(call, state=State.DIALLING), (), tuple(missed)
    # The customer's phone may or may not have been dialled. It must not be dialled twice: so it ends here.
    return replace(call, state=State.DIALLING), (), (*missed, HangUpRequested())


def _ring_on(
    call: Call, found: Mapping[Leg, Presence], missed: tuple[Event, ...]
) -> tuple[Call, tuple[Command, ...], tuple[Event, ...]]:
    """A customer who waits for a manager: a phone that rings rings on, but no other is rung after it.

    Who else might be rung was known to the daemon that is gone.
    """
    in_bridge = frozenset(leg for leg in Leg if found[leg] is Presence.BRIDGED)
    ringing = replace(call, state=State.RINGING_MANAGER, joined=in_bridge, held=True, managers_left=0)
    match found[Leg.MANAGER]:
        case Presence.RINGING:
            return ringing, (StartTimer(Timer.RING, call.timings.callback_ring),), missed
        case Presence.UP | Presence.BRIDGED:
            return ringing, (), (*missed, LegAnswered(Leg.MANAGER))
        case Presence.WAITING:  # perhaps never dialled: it is not known whether it may be now
            return ringing, (), (*missed, LegFailed(Leg.MANAGER, Failure.PBX))
    return ringing, (), missed
