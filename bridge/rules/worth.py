"""What calls make of a contact's worth: when its number is doubted, believed again, or given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bridge.calls.model import Result
from bridge.rules.worklist import SPOKEN, Came, Outcome

BELIEVED_AFTER: Final = 2
"""A carrier says "no such number" by mistake, too: it has to say so in so many calls, with none between them
that was answered."""


class Standing(StrEnum):
    """What is known of a contact's worth."""

    USABLE = "usable"
    SUSPECT = "suspect"
    """It may be mistyped: it came so, or calls to it have failed as such calls do. Tried after others."""
    WRONG = "wrong"
    """Known to be wrong, or replaced by another: never dialled again, kept for the history of its calls."""


@dataclass(frozen=True, slots=True)
class Worth:
    """`invalid_in_a_row`: so many calls in a row found no such number."""

    standing: Standing
    invalid_in_a_row: int = 0


def worth_after(worth: Worth, came: Came, *, answered: bool) -> Worth:
    """The contact that a call went to, after what came of it.

    `answered`: somebody was there, as the call's record says. A result that tells it needs no such word.
    """
    if worth.standing is Standing.WRONG:
        return worth
    if came is Outcome.WRONG_NUMBER:
        return replace(worth, standing=Standing.WRONG)
    if came is Result.INVALID_NUMBER:
        failed = worth.invalid_in_a_row + 1
        doubted = worth.standing is Standing.SUSPECT or failed >= BELIEVED_AFTER
        return Worth(Standing.SUSPECT if doubted else worth.standing, failed)
    if came is Result.TALKED or (came in SPOKEN and answered):
        return Worth(Standing.USABLE)
    return worth
