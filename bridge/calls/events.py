"""What can happen to a call, in the past tense. Frozen, and free of anything that identifies a customer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.calls.model import Leg, Message, Timer


@dataclass(frozen=True, slots=True)
class CallRequested:
    """A manager dialled an order code, or somebody clicked Call."""


@dataclass(frozen=True, slots=True)
class CallAdmitted:
    """The rules allowed it, and the call and its audit line are on disk.

    `talk_seconds` is how long they let it last, None for as long as any call.
    """

    talk_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The rules said no, or the call could not be put on record."""

    message: Message


@dataclass(frozen=True, slots=True)
class LegEntered:
    """The leg's channel is in the application: it may be dialled, answered, bridged."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class LegRinging:
    leg: Leg


@dataclass(frozen=True, slots=True)
class LegAnswered:
    leg: Leg


@dataclass(frozen=True, slots=True)
class LegJoined:
    """The leg is in the call's bridge."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The leg's channel is gone.

    `cause` is the Q.850 cause, None where the PBX gave none.
    """

    leg: Leg
    cause: int | None = None


class Failure(StrEnum):
    UNREACHABLE = "unreachable"
    """The endpoint has nobody behind it: not registered, or a trunk that stopped answering."""
    PBX = "pbx"
    """The PBX refused or did not answer."""


@dataclass(frozen=True, slots=True)
class LegFailed:
    """A request for this leg could not be carried out."""

    leg: Leg
    failure: Failure


@dataclass(frozen=True, slots=True)
class ManagerTold:
    """The message to the manager has been played to its end."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    timer: Timer


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """Somebody asked for the end of this call from outside the phones."""


Event = (
    CallRequested
    | CallAdmitted
    | CallRefused
    | LegEntered
    | LegRinging
    | LegAnswered
    | LegJoined
    | LegEnded
    | LegFailed
    | ManagerTold
    | TimerFired
    | HangUpRequested
)
