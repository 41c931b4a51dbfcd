"""What comes of a call for the order: when it is to be called again, or that it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from bridge.calls.model import Result

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

PAUSES_MS: Final = (15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, 24 * HOUR_MS)
"""How long a customer is left alone after the first call in a row that was not answered, the second, ..."""

UNDO_MS: Final = MINUTE_MS
"""How long an outcome can be undone."""

LONGEST_CALL_BACK_MS: Final = 366 * 24 * HOUR_MS


class Why(StrEnum):
    """Why an order waits to be called."""

    NEW = "new"
    CALL_BACK = "call-back"
    """The customer was promised a call at `due_ms`."""
    NO_ANSWER = "no-answer"
    """`attempts` calls in a row were not answered."""
    CUSTOMER_CALLED = "customer-called"
    """The customer has called and reached nobody, at `due_ms` where nobody has tried them since."""
    DONE = "done"
    """Nothing is to be called: it is closed, or its customer is not to be called."""


class Outcome(StrEnum):
    """What a manager says came of a call: the desk's result keys, in the order of their digits."""

    CONFIRMED = "confirmed"
    CALL_BACK = "call-back"
    NO_ANSWER = "no-answer"
    LEFT_MESSAGE = "left-message"
    WRONG_NUMBER = "wrong-number"
    REFUSED = "refused"
    DO_NOT_CALL = "do-not-call"


WAITED_FOR: Final = (Why.CALL_BACK, Why.CUSTOMER_CALLED)
"""These have a time, always."""

OPEN: Final = "open"
CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True)
class Work:
    """An order as work: whether it is open, why it waits, and not before when.

    `attempts` counts the calls in a row that nobody answered; `due_ms` is milliseconds since the epoch, UTC.
    A closed order is done; one that is done may be open, where its customer is not to be called.
    """

    state: str
    why: Why
    attempts: int
    due_ms: int | None
    priority: int


Came: TypeAlias = Outcome | Result
"""What came of a call: somebody's word, or, while there is none, what the call itself came to."""

_AS_UNANSWERED: Final = {Result.NO_ANSWER, Result.BUSY, Result.DECLINED}

_TELLS_OF_THE_NUMBER: Final = {Result.TALKED, Result.INVALID_NUMBER}
"""Results that leave open what to do: the order comes again, but not as the very next one."""

_REACHED_NOBODY: Final = {Result.MISSED, Result.PASSED_ON}
"""Of calls that customers begin."""

COUNTED: Final = _AS_UNANSWERED | _TELLS_OF_THE_NUMBER | _REACHED_NOBODY
"""Results that say something of the customer. Others tell of the shop, and change nothing."""


SPOKEN: Final = frozenset(
    {Result.TALKED, Outcome.CONFIRMED, Outcome.CALL_BACK, Outcome.REFUSED, Outcome.DO_NOT_CALL}
)
"""After these nobody owes the customer a call for having called."""


class CallBackRefused(ValueError):
    """A call back needs a time to come, and no other outcome has one."""


def after(work: Work, came: Came, now_ms: int, call_back_ms: int | None = None) -> Work:
    """The order after an outcome, or after a call of which nobody has said what came of it.

    Raises CallBackRefused.
    """
    if (came is Outcome.CALL_BACK) != (call_back_ms is not None):
        raise CallBackRefused
    if isinstance(came, Result):
        return _by_result(work, came, now_ms)
    match came:
        case Outcome.CALL_BACK:
            return _call_back(work, call_back_ms, now_ms)
        case Outcome.NO_ANSWER:
            return _unanswered(work, now_ms)
        case Outcome.LEFT_MESSAGE:
            return _unanswered(work, now_ms, at_least_ms=4 * HOUR_MS)  # they are to have time to call back
        case Outcome.WRONG_NUMBER:
            # The next number is tried at once.
            return replace(work, attempts=0, due_ms=now_ms if work.why in WAITED_FOR else None)
        case Outcome.CONFIRMED | Outcome.REFUSED | Outcome.DO_NOT_CALL:
            return replace(work, state=CLOSED, why=Why.DONE, attempts=0, due_ms=None)


def _by_result(work: Work, result: Result, now_ms: int) -> Work:
    if work.why is Why.DONE:
        return work
    if result in _AS_UNANSWERED:
        return _unanswered(work, now_ms)
    if result in _REACHED_NOBODY:
        return replace(work, why=Why.CUSTOMER_CALLED, attempts=0, due_ms=now_ms)
    if result in _TELLS_OF_THE_NUMBER:
        answered = result is Result.TALKED and work.why is Why.CUSTOMER_CALLED
        return replace(work, why=Why.NEW if answered else work.why, due_ms=now_ms + PAUSES_MS[0])
    return work  # the customer's phone was not reached, for a reason of ours


def _unanswered(work: Work, now_ms: int, *, at_least_ms: int = 0) -> Work:
    attempts = work.attempts + 1
    pause_ms = max(pause_after(attempts), at_least_ms)
    # Whoever has called is still to be reached.
    why = work.why if work.why is Why.CUSTOMER_CALLED else Why.NO_ANSWER
    return replace(work, state=OPEN, why=why, attempts=attempts, due_ms=now_ms + pause_ms)


def _call_back(work: Work, call_back_ms: int | None, now_ms: int) -> Work:
    if call_back_ms is None or not now_ms < call_back_ms <= now_ms + LONGEST_CALL_BACK_MS:
        raise CallBackRefused
    return replace(work, state=OPEN, why=Why.CALL_BACK, attempts=0, due_ms=call_back_ms)


def pause_after(attempts: int) -> int:
    """Milliseconds, after so many calls in a row that nobody answered (1 or more)."""
    return PAUSES_MS[min(attempts, len(PAUSES_MS)) - 1]


class Part(StrEnum):
    """A part of the queue. They are called in this order."""

    DUE = "due"
    """Who was promised a call by now, and who has called."""
    NOW = "now"
    """Everybody else who may be called now."""
    LATER = "later"
    DONE = "done"


def part_of(work: Work, now_ms: int) -> Part:
    if work.why is Why.DONE:
        return Part.DONE
    if work.due_ms is not None and work.due_ms > now_ms:
        return Part.LATER
    return Part.DUE if work.why in WAITED_FOR else Part.NOW


Place: TypeAlias = tuple[Part, int, int]


def place_of(work: Work, created_ms: int, now_ms: int) -> Place:
    """Where in its part an order stands, before all with a greater pair of numbers.

    What is due and what may be called now go by priority, then by age; later ones by their time; of those
    that are done the newest come first.
    """
    part, due_ms = part_of(work, now_ms), work.due_ms or 0
    match part:
        case Part.DUE:
            return part, -work.priority, due_ms
        case Part.NOW:
            return part, -work.priority, created_ms
        case Part.LATER:
            return part, due_ms, 0
        case Part.DONE:
            return part, -created_ms, 0
