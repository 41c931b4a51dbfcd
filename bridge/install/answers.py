"""What init has to be told, and what can be said of an answer before anything is planned with it."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Answers:
    """All that can't be found by looking. Passwords are none of it: they are secrets."""

    shop_name: str
    country: str
    timezone: str
    language: str
    shop_number: str
    managers: tuple[str, ...]
    """Extensions whose endpoints are to be made, where the PBX has none of their name."""
    trunk: str | None
    """An endpoint of the PBX's own that leads to the carrier; None where one is to be made."""
    carrier: str | None
    """The carrier's address, for a trunk that is to be made."""
    carrier_user: str | None
    """The user name at the carrier, where it wants one."""


@dataclass(frozen=True, slots=True)
class Form:
    """What an answer looks like, and the sentence for one that doesn't."""

    pattern: re.Pattern[str]
    wanted: str


# They are written into Asterisk's files, where ; begins a comment, and into SIP headers.
FORMS: Final = {
    "shop_name": Form(
        re.compile(r'[^"<>\\;\x00-\x1f\x7f]*[^"<>\\;\s\x00-\x1f\x7f][^"<>\\;\x00-\x1f\x7f]*'),
        'a name without " < > \\ and ;',
    ),
    "country": Form(re.compile(r"[A-Z]{2}"), "two capital letters, such as GB"),
    "timezone": Form(re.compile(r"[A-Za-z0-9_+/-]+"), "a name of the tz database, such as Europe/London"),
    "language": Form(re.compile(r"en|ru"), "en or ru"),
    "shop_number": Form(
        re.compile(r"\+?[0-9]{3,15}"), "3 to 15 digits, with a + before them where there is one"
    ),
    "carrier": Form(re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?"), "HOST or HOST:PORT"),
    "carrier_user": Form(re.compile(r"[A-Za-z0-9_.+-]+"), "letters, digits and . _ + -"),
    "trunk": Form(re.compile(r"[A-Za-z0-9_-]+"), "the name of an endpoint"),
    "managers": Form(re.compile(r"[A-Za-z0-9_-]{1,40}"), "extensions, with commas between them"),
}


def fault_of(name: str, answer: str) -> str | None:
    """What is wrong with one answer, as the end of a sentence; None where nothing is."""
    if name == "timezone" and answer not in zoneinfo.available_timezones():
        near = difflib.get_close_matches(answer, zoneinfo.available_timezones(), n=1)
        return f"must be a time zone, such as {near[0] if near else 'Europe/London'}"
    form = FORMS[name]
    parts = extensions(answer) if name == "managers" else (answer,)
    return None if all(form.pattern.fullmatch(part) for part in parts) else f"must be {form.wanted}"


def extensions(text: str) -> tuple[str, ...]:
    """`101, 102` as two names; each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
