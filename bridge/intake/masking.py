"""Telling what looks like a phone number in a cell where none belongs, and masking cells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_DOT: Final = "•"

# What people, spreadsheets and web pages put between the digits of a number, invisible characters among them.
_SEPARATOR: Final = (
    r"[\s\-\u00ad\u2010-\u2015\u2212().\[\]/\\+_~'’*\u00b7\u2022\u200b-\u200f\u202a-\u202e\u2060\ufeff]"
)
_NO_DIGITS: Final = re.compile(r"\D+")
_RUN: Final = re.compile(rf"\+?\d(?:{_SEPARATOR}*\d){{6,}}")
# A date alone, with no digits close before it or many after it, is no number: 2026-11-24, 24.11.2026.
_DATE: Final = re.compile(
    r"(?<![\d+])(?<!\d[\s\-.()/+])(?<!\d[\s\-.()/+]{2})"
    r"(?:(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0[1-9]|[12]\d|3[01])[./](?:0[1-9]|1[0-2])[./](?:19|20)\d\d)"
    rf"(?!\d|{_SEPARATOR}*\d{{3}})"
)


def holds_number(text: str) -> bool:
    """Whether the text has seven digits or more in a row, separators aside, that are no date."""
    # Most texts have no such run at all, and a date taken out makes none.
    return _RUN.search(text) is not None and _RUN.search(_DATE.sub("date", text)) is not None


def without_numbers(text: str) -> str:
    """The text with every such run of digits masked."""
    return _RUN.sub(_DOT * 7, text) if holds_number(text) else text


def masked(text: str) -> str:
    """Nothing of the text but its length."""
    return f"{_DOT * len(text)} ({len(text)} characters)" if text else ""


def same_digits(one: str, others: Iterable[str]) -> bool:
    """Whether the text ends in the same seven digits as one of the others, separators aside.

    These are two spellings of one number.
    """
    end = _last_digits(one)
    return len(end) == 7 and any(end == _last_digits(other) for other in others if other)


def _last_digits(text: str) -> str:
    return _NO_DIGITS.sub("", text)[-7:]
