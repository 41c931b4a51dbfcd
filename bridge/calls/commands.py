"""What a call can ask for, in the imperative. The switchboard carries commands out, in order."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.calls.model import Leg, Message, Result, Timer


@dataclass(frozen=True, slots=True)
class Admit:
    """Ask the rules and put the call on record; answered by CallAdmitted or CallRefused."""


@dataclass(frozen=True, slots=True)
class RingBack:
    """Let the manager hear that the customer is being called."""


@dataclass(frozen=True, slots=True)
class CreateLeg:
    """Make the leg's channel without dialling it; answered by LegEntered or LegFailed."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class DialLeg:
    """Dial the leg's channel; the PBX itself gives up after `seconds`."""

    leg: Leg
    seconds: float


@dataclass(frozen=True, slots=True)
class AnswerManager:
    """Pick up the manager's leg."""


@dataclass(frozen=True, slots=True)
class JoinLegs:
    """Put both legs into one bridge whose media goes through the PBX; answered by LegJoined for each."""


@dataclass(frozen=True, slots=True)
class LimitLegs:
    """Let the PBX itself end both legs after `seconds`, so that the cap holds without us."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TellManager:
    """Play the message to the manager; answered by ManagerTold."""

    message: Message


@dataclass(frozen=True, slots=True)
class HangUpLeg:
    leg: Leg


@dataclass(frozen=True, slots=True)
class StartTimer:
    timer: Timer
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: Timer


@dataclass(frozen=True, slots=True)
class RecordAnswer:
    """Note that the conversation has begun."""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """Note what the call came to; sent exactly once for a call that was admitted."""

    result: Result
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over: release its bridge and forget it."""


Command = (
    Admit
    | RingBack
    | CreateLeg
    | DialLeg
    | AnswerManager
    | JoinLegs
    | LimitLegs
    | TellManager
    | HangUpLeg
    | StartTimer
    | StopTimer
    | RecordAnswer
    | RecordResult
    | Close
)
