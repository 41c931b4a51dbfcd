"""The words of one masked call: its legs, states, results and what a manager can be told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class Leg(StrEnum):
    """One of a call's two channels."""

    MANAGER = "manager"
    CUSTOMER = "customer"


class Kind(StrEnum):
    """How a call begins; from the customer's leg on, both kinds are the same call."""

    DIAL_ORDER = "dial-order"
    """The manager's phone dialled the order code: the manager's leg exists before the call does."""
    CLICK_TO_CALL = "click-to-call"
    """Somebody clicked Call: the manager's phone is rung first."""


class State(StrEnum):
    NEW = "new"
    CHECKING = "checking"
    """The rules decide, and the call goes on record."""
    REFUSING = "refusing"
    """The rules said no; the answer waits for its time, which is the same for every reason."""
    ABANDONED = "abandoned"
    """Hung up or cancelled while the rules were deciding; their answer is still to come."""
    CREATING_MANAGER = "creating-manager"
    RINGING_MANAGER = "ringing-manager"
    CREATING_CUSTOMER = "creating-customer"
    """The customer's channel is asked for, and not yet ours to dial."""
    DIALLING = "dialling"
    """The trunk has been asked; the customer's phone is not known to ring."""
    RINGING = "ringing"
    CONNECTING = "connecting"
    """The customer has answered; both legs are on their way into the bridge."""
    TALKING = "talking"
    TELLING = "telling"
    """No conversation came of it, and the manager is being told why."""
    CLOSING = "closing"
    """Every leg has been asked to hang up."""
    CLOSED = "closed"


class Result(StrEnum):
    """What a call came to; exactly one is recorded for each call."""

    TALKED = "talked"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    DECLINED = "declined"
    """The customer pressed the red button."""
    INVALID_NUMBER = "invalid-number"
    CONGESTION = "congestion"
    """The carrier had no free circuit."""
    CARRIER_DOWN = "carrier-down"
    """The carrier did not answer, or said that it is out of order."""
    CANCELLED = "cancelled"
    """The manager hung up, or the call was cancelled, before the customer answered."""
    MANAGER_UNREACHABLE = "manager-unreachable"
    """Click-to-call: the manager's own phone was not there or not picked up."""
    REFUSED = "refused"
    """The rules said no; the customer's phone was never rung."""
    FAILED = "failed"
    """Something of ours or of the PBX's broke."""


class Message(StrEnum):
    """What a manager can be told on the phone. Which sound says it is the PBX adaptor's business."""

    BUSY = "busy"
    NO_ANSWER = "no-answer"
    DECLINED = "declined"
    INVALID_NUMBER = "invalid-number"
    TRY_LATER = "try-later"
    """The line, the carrier or the shop's quota has no room now."""
    NOT_YOURS = "not-yours"
    """No such order for this manager. An unknown code and somebody else's code are told alike."""
    NOT_NOW = "not-now"
    """Outside working hours."""
    LIMIT_REACHED = "limit-reached"
    NOT_ALLOWED = "not-allowed"
    OUT_OF_SERVICE = "out-of-service"


class Timer(StrEnum):
    """Every timer of a call; each has at most one running."""

    REFUSAL = "refusal"
    SETUP = "setup"
    RING = "ring"
    JOIN = "join"
    TALK = "talk"
    TELL = "tell"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each part of a call may last, in seconds."""

    ring: float = 45
    manager_ring: float = 30
    talk: float = 7200
    setup: float = 5
    join: float = 5
    tell: float = 20
    close: float = 5
    refusal: float = 1
    """A refusal is told at a whole multiple of this after the request, however long the look-up took."""

    def with_less_talk(self, seconds: float) -> Timings:
        """These, for a call that may last no longer than this."""
        return replace(self, talk=min(self.talk, seconds))


@dataclass(frozen=True, slots=True)
class Call:
    """All that is known of a call between two events."""

    kind: Kind
    timings: Timings = field(default_factory=Timings)
    state: State = State.NEW
    legs: frozenset[Leg] = frozenset()
    """The legs that exist or have been asked for: each must be seen to end."""
    joined: frozenset[Leg] = frozenset()
    """The legs known to be in the bridge."""
    result: Result | None = None
    refusal: Message | None = None
    """What the manager will be told once the refusal's time has come."""
    hang_ups_left: int = 3
    """How often legs that do not end are asked to hang up again before the call is given up."""
