"""Why a number may be mistyped, as a hint that holds none of its digits.

A hint tells which of a few kinds of slip it is: never where in the number, nor which digits. That halves, or
divides by ten at worst, how many numbers it can be ("swapped" on a Russian mobile number: the second digit is
one of about five), and leaves tens of millions. "8 instead of +7" tells the country, which stands beside
every contact anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class Hint(StrEnum):
    """What is probably wrong with a number. The value is what the database keeps: a word, and no text."""

    PREFIX_DOUBLED = "prefix-doubled"
    EIGHT_FOR_SEVEN = "eight-for-seven"
    NO_COUNTRY_CODE = "no-country-code"
    SWAPPED = "swapped"
    TOO_FEW = "too-few"
    TOO_MANY = "too-many"
    NO_SUCH_OPERATOR = "no-such-operator"


class Settlement(StrEnum):
    """What somebody makes of a number that may be mistyped."""

    REPAIR = "repair"
    """The likely repair takes its place, seen by nobody."""
    RIGHT = "right"
    WRONG = "wrong"


EXPLANATIONS: Final = {
    Hint.PREFIX_DOUBLED: "a prefix is there twice (8 and +7)",
    Hint.EIGHT_FOR_SEVEN: "8 instead of +7",
    Hint.NO_COUNTRY_CODE: "the country code, or the plus before it, is missing",
    Hint.SWAPPED: "two digits next to each other are swapped",
    Hint.TOO_FEW: "one digit too few",
    Hint.TOO_MANY: "one digit too many",
    Hint.NO_SUCH_OPERATOR: "the operator or area code does not exist",
}


_MOST_NAMED: Final = 2


def in_words(hints: Sequence[Hint], *, repairable: bool) -> str:
    """What an import says of a number that is refused or doubted."""
    words = "probably " + ", or ".join(EXPLANATIONS[hint] for hint in hints[:_MOST_NAMED])
    return f"{words}; there is one likely repair" if repairable else words
