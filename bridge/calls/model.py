"""The words of one masked call: its legs, states, results and what a manager can be told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final


class Leg(StrEnum):
    """One of a call's two channels."""

    MANAGER = "manager"
    CUSTOMER = "customer"


class Kind(StrEnum):
    """How a call begins. The first two are the same call from the customer's leg on."""

    DIAL_ORDER = "dial-order"
    """The manager's phone dialled the order code: the manager's leg exists before the call does."""
    CLICK_TO_CALL = "click-to-call"
    """Somebody clicked Call: the manager's phone is rung first."""
    CALLBACK = "callback"
    """A customer called the shop: the customer's leg exists before the call does, and managers are rung."""


DIALPLAN_CALL: Final = "dialplan"
"""The kind on record of a call that the shop's own dialplan dials, by a token. It has no states here."""


class State(StrEnum):
    NEW = "new"
    CHECKING = "checking"
    """The rules decide."""
    REFUSING = "refusing"
    """The rules said no; the answer waits for its time, which is the same for every reason."""
    ABANDONED = "abandoned"
    """Hung up or cancelled while the rules were deciding; their answer is still to come."""
    CREATING_MANAGER = "creating-manager"
    """The manager's channel is asked for, and the call goes on record."""
    RINGING_MANAGER = "ringing-manager"
    CHANGING_MANAGER = "changing-manager"
    """Callback: the phone of a manager who did not answer is let go, before the next is rung."""
    HOLDING = "holding"
    """Callback: there is no manager to be rung; ring-back goes on until its first seconds are over."""
    ASKING_CODE = "asking-code"
    """Callback: nobody is known by the caller's number; they are asked for an order's code, and key it in."""
    CREATING_CUSTOMER = "creating-customer"
    """The customer's channel is asked for, and the call goes on record; it is dialled when both are done."""
    DIALLING = "dialling"
    """The trunk has been asked; the customer's phone is not known to ring."""
    RINGING = "ringing"
    CONNECTING = "connecting"
    """The customer has answered; both legs are on their way into the bridge."""
    CHANGING_CONTACT = "changing-contact"
    """The number that was dialled is of no use; another one is looked for, and put on record."""
    SAYING_NEXT = "saying-next"
    """The manager is being told that another number is tried."""
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
    MISSED = "missed"
    """Callback: the customer hung up before a manager picked up."""
    PASSED_ON = "passed-on"
    """Callback: no manager picked up, and the call went on to the shop's own queue or voicemail."""
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
    ANOTHER_NUMBER = "another-number"
    """Another of the customer's numbers is tried now. Said after what was wrong with the first."""


class Timer(StrEnum):
    """Every timer of a call; each has at most one running."""

    REFUSAL = "refusal"
    HOLD = "hold"
    CODE = "code"
    SETUP = "setup"
    RING = "ring"
    JOIN = "join"
    TALK = "talk"
    TELL = "tell"
    CLOSE = "close"


MOST_MANAGERS_RUNG: Final = 3
"""For one callback. Nobody listens to ringing for longer than three phones take."""


MOST_TIMES_ASKED: Final = 2
"""For an order's code, of somebody who keys nothing in. Of whoever does one code is taken, right or wrong."""


MOST_NUMBERS_DIALLED: Final = 2
"""Of one customer, in one call: whoever has listened to two announcements rather looks at the desk."""


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each part of a call may last, in seconds."""

    ring: float = 45
    manager_ring: float = 30
    talk: float = 7200
    setup: float = 5
    join: float = 5
    tell: float = 20
    close: float = 2
    callback_ring: float = 20
    """How long each manager's phone rings for a customer who calls."""
    hold: float = 8
    """Whoever calls hears ring-back for at least so long, unless a manager answers."""
    code: float = 20
    """How long somebody who calls may take to key an order's code in, the question included."""
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
    early: bool = False
    """Whether the customer's channel is made while the rules decide. It must need no number for that."""
    recorded: bool = False
    """Whether the call is on disk."""
    entered: frozenset[Leg] = frozenset()
    """The legs that we have created and may dial."""
    legs: frozenset[Leg] = frozenset()
    """The legs that exist or have been asked for: each must be seen to end."""
    joined: frozenset[Leg] = frozenset()
    """The legs known to be in the bridge."""
    result: Result | None = None
    lost: tuple[Result, int | None] | None = None
    """Early: what the call comes to, with the Q.850 cause, where what was dialled ahead has ended already."""
    next_after: frozenset[Result] = frozenset()
    """The results of a first number after which another one of the customer's is tried, once."""
    in_vain: tuple[Result, int | None] | None = None
    """What came of the first number, with its Q.850 cause, where another one is tried."""
    held: bool = False
    """Callback: the first seconds, which are the same for everybody who calls, are over."""
    asks_left: int = 0
    """Callback: how many more times the caller may be asked for an order's code."""
    keyed: bool = False
    """Callback: a caller who is asked has keyed something in."""
    managers_left: int = MOST_MANAGERS_RUNG
    """Callback: how many more managers' phones may be rung."""
    refusal: Message | None = None
    """What the manager will be told once the refusal's time has come."""
    hang_ups_left: int = 3
    """How often legs that do not end are asked to hang up again before the call is given up."""
