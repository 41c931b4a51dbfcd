"""The words of a capture: the customer keys a number in, in the middle of a conversation.

Nothing in here has a digit: what was keyed stays with whoever carries the commands out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class CaptureState(StrEnum):
    NEW = "new"
    PARTING = "parting"
    """The manager's leg is on its way out of the bridge."""
    ASKING = "asking"
    """The customer is asked for a number and keys it in."""
    CONFIRMING = "confirming"
    """The customer hears the number, and says whether it is right."""
    SAVING = "saving"
    TELLING = "telling"
    """Keys are shut out again, and both hear what came of it."""
    JOINING = "joining"
    """The manager's leg is on its way back into the bridge."""
    OVER = "over"


class Outcome(StrEnum):
    """What a capture came to. The first three are all that a manager is told."""

    SAVED = "saved"
    NOT_VALID = "not-valid"
    """The customer has keyed in no number that can be, or confirmed none."""
    NOT_SAVED = "not-saved"
    """Something of ours or of the PBX's broke."""
    CANCELLED = "cancelled"
    """The manager wanted the customer back."""
    CUT_OFF = "cut-off"
    """The call ended meanwhile."""


class Prompt(StrEnum):
    """What a customer can be told."""

    ENTER = "enter"
    NOT_A_NUMBER = "not-a-number"
    """What was keyed in is none; enter it again."""
    THANKS = "thanks"
    GIVEN_UP = "given-up"


class CaptureTimer(StrEnum):
    """Every timer of a capture; each has at most one running."""

    STEP = "step"
    """For what the PBX does, and for messages."""
    KEYS = "keys"
    """For the customer's next key."""
    WHOLE = "whole"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class CaptureTimings:
    """How long each part may last, in seconds. `keys` is between two keys; `prompt` the longest message."""

    keys: float = 12
    whole: float = 120
    part: float = 5
    prompt: float = 12
    read_back: float = 60
    tell: float = 8
    retry: float = 2


@dataclass(frozen=True, slots=True)
class Capture:
    """All that is known of a capture between two events."""

    timings: CaptureTimings = field(default_factory=CaptureTimings)
    state: CaptureState = CaptureState.NEW
    tries_left: int = 3
    outcome: Outcome | None = None


# --- what can happen ---


@dataclass(frozen=True, slots=True)
class CaptureRequested:
    """The manager has pressed Capture, or its keys on the phone."""


@dataclass(frozen=True, slots=True)
class ManagerApart:
    """The manager's leg is seen to be out of the bridge."""


@dataclass(frozen=True, slots=True)
class DigitKeyed:
    """Some digit. Which one is not for this table to know."""


@dataclass(frozen=True, slots=True)
class StartedOver:
    """The customer wants to begin the number anew."""


@dataclass(frozen=True, slots=True)
class NumberKeyed:
    """The customer has said that the number is complete. `valid`: there can be such a number."""

    valid: bool


@dataclass(frozen=True, slots=True)
class NumberRead:
    """The customer has heard the number, and how to say that it is right."""


@dataclass(frozen=True, slots=True)
class NumberConfirmed:
    """The customer says that the number is right."""


@dataclass(frozen=True, slots=True)
class NumberDenied:
    """The customer wants to give another one."""


@dataclass(frozen=True, slots=True)
class NumberSaved:
    """It is on disk, sealed."""


@dataclass(frozen=True, slots=True)
class NumberNotSaved:
    """The database has not taken it."""


@dataclass(frozen=True, slots=True)
class OutcomeTold:
    """The manager has heard what came of it."""


@dataclass(frozen=True, slots=True)
class ManagerJoined:
    """The manager's leg is in the bridge again."""


@dataclass(frozen=True, slots=True)
class CaptureFailed:
    """Something that was asked for could not be done."""


@dataclass(frozen=True, slots=True)
class CaptureCancelled:
    """The manager wants the customer back."""


@dataclass(frozen=True, slots=True)
class ConversationOver:
    """The call is no conversation any more."""


@dataclass(frozen=True, slots=True)
class CaptureTimerFired:
    timer: CaptureTimer


CaptureEvent = (
    CaptureRequested
    | ManagerApart
    | DigitKeyed
    | StartedOver
    | NumberKeyed
    | NumberRead
    | NumberConfirmed
    | NumberDenied
    | NumberSaved
    | NumberNotSaved
    | OutcomeTold
    | ManagerJoined
    | CaptureFailed
    | CaptureCancelled
    | ConversationOver
    | CaptureTimerFired
)


# --- what is to be done ---


@dataclass(frozen=True, slots=True)
class PartManager:
    """Take the manager's leg out of the bridge and let it hear music; answered by ManagerApart."""


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """Let the customer's keys through to us. Only while the manager's leg is out of the bridge."""


@dataclass(frozen=True, slots=True)
class CloseKeys:
    """Let no key of the customer's through any more."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Let the customer hear this, for as long as they key nothing in."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what the customer hears."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Read the number to the customer, and ask whether it is right; answered by NumberRead."""


@dataclass(frozen=True, slots=True)
class Save:
    """Seal and store the number; answered by NumberSaved or NumberNotSaved."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget every key that was pressed."""


@dataclass(frozen=True, slots=True)
class TellOutcome:
    """Let the manager hear what came of it; answered by OutcomeTold."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class JoinManager:
    """Shut the customer's keys out, then put the manager's leg back; answered by ManagerJoined."""


@dataclass(frozen=True, slots=True)
class StartCaptureTimer:
    timer: CaptureTimer
    seconds: float


@dataclass(frozen=True, slots=True)
class StopCaptureTimer:
    timer: CaptureTimer


@dataclass(frozen=True, slots=True)
class NoteOutcome:
    """Count what came of it; sent exactly once for a capture that was begun."""

    outcome: Outcome


CaptureCommand = (
    PartManager
    | OpenKeys
    | CloseKeys
    | Ask
    | Hush
    | ReadBack
    | Save
    | Forget
    | TellOutcome
    | JoinManager
    | StartCaptureTimer
    | StopCaptureTimer
    | NoteOutcome
)
