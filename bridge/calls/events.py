"""What can happen to a call, in the past tense. Frozen, and free of anything that identifies a customer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.calls.model import Leg, Message, Timer


@dataclass(frozen=True, slots=True)
class CallRequested:
    """A manager dialled an order code, somebody clicked Call, or a customer called."""


@dataclass(frozen=True, slots=True)
class CallAdmitted:
    """The rules allowed it; the call and its audit line are on their way to the disk.

    `talk_seconds` is how long they let it last, None for as long as any call.
    """

    talk_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CallRecorded:
    """The call and its audit line are on disk."""


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The rules said no, or the call could not be put on record, admitted or not."""

    message: Message


@dataclass(frozen=True, slots=True)
class NextContactFound:
    """The customer has another number that may be dialled, and that it is dialled now is on disk.

    `talk_seconds` as of CallAdmitted.
    """

    talk_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NoNextContact:
    """There is no other number, none that may be dialled, or it could not be put on record."""


@dataclass(frozen=True, slots=True)
class CallerUnknown:
    """Whoever calls is to be put through to no manager, or the call could not be put on record."""


@dataclass(frozen=True, slots=True)
class CallerToBeAsked:
    """Nobody is known by the caller's number, and they may say by its code which order they call about."""


@dataclass(frozen=True, slots=True)
class CodeBegun:
    """Somebody who is asked for a code has keyed a digit in. Which one is not for the table to know."""


@dataclass(frozen=True, slots=True)
class CodeAnew:
    """They want to begin the code anew."""


@dataclass(frozen=True, slots=True)
class CodeComplete:
    """They say that the code is complete."""


@dataclass(frozen=True, slots=True)
class NobodyFree:
    """Of the managers who may be rung for this caller none is free, or left."""


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
    | CallRecorded
    | CallRefused
    | NextContactFound
    | NoNextContact
    | CallerUnknown
    | CallerToBeAsked
    | CodeBegun
    | CodeAnew
    | CodeComplete
    | NobodyFree
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
