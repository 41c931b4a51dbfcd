"""The words of a comparison on the phone: a manager keys a number in that the customer says is theirs.

Nothing in here has a digit: what was keyed stays with whoever compares it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Comparison(StrEnum):
    """What it came to, as the manager is told."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_A_NUMBER = "not-a-number"
    """What was keyed in can be nobody's. That costs no try: nothing was compared."""
    NO_MORE_TRIES = "no-more-tries"
    CANCELLED = "cancelled"
    """The manager has thought better of it, or has pressed nothing for too long."""
    FAILED = "failed"
    """Something of ours or of the PBX's broke."""


@dataclass(frozen=True, slots=True)
class Compared:
    outcome: Comparison


@dataclass(frozen=True, slots=True)
class KeyOverdue:
    """The time for the next key may be up."""


ComparisonEvent = Compared | KeyOverdue
