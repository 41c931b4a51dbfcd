"""Reading a phone number as people write it, and as spreadsheets mangle it.

Nothing raised here holds the text that was read: not in its message, its arguments, the exceptions it is
chained to, or the locals of the frames it passed. A line number and the fault are enough to find the cell.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
    is_number_type_geographical,
)
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from bridge.vault.hidden import HiddenNumber
from bridge.vault.numbering_plans import place


class NumberFault(StrEnum):
    """Why a text is not taken for a number."""

    EMPTY = "empty"
    NOT_A_NUMBER = "not_a_number"
    DIGITS_LOST = "digits_lost"
    EXTENSION = "extension"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_POSSIBLE = "not_possible"
    INVALID = "invalid"
    UNKNOWN_COUNTRY = "unknown_country"
    UNKNOWN_HOME_REGION = "unknown_home_region"


_EXPLANATIONS = {
    NumberFault.EMPTY: "there is no number",
    NumberFault.NOT_A_NUMBER: "this is not one phone number",
    NumberFault.DIGITS_LOST: "a spreadsheet rounded this number: format the column as text and type it again",
    NumberFault.EXTENSION: "the number has an extension, which can't be dialled: leave it out",
    NumberFault.TOO_SHORT: "the number is too short; is the area code missing?",
    NumberFault.TOO_LONG: "the number is too long",
    NumberFault.NOT_POSSIBLE: "no number of this country has this many digits",
    NumberFault.INVALID: "the country's numbering plan has no such number",
    NumberFault.UNKNOWN_COUNTRY: "no country has this country code",
    NumberFault.UNKNOWN_HOME_REGION: "the shop's country must be an ISO 3166-1 code such as GB",
}


class NumberRefused(ValueError):
    """A text is no usable phone number. `reason` says why; the text itself is nowhere in here."""

    def __init__(self, reason: NumberFault) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return _EXPLANATIONS[self.reason]


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number and what its numbering plan tells of it.

    `region` is an ISO 3166-1 alpha-2 code, or "001" for a number of no country (+800 and the like).
    `line_type` is one of mobile, fixed_line, fixed_line_or_mobile, toll_free, premium_rate, shared_cost,
    voip, other. `timezone` is a name of the tz database, where the number tells what time it is there.
    """

    number: HiddenNumber
    region: str
    line_type: str
    timezone: str | None = None


def read_number(text: str, home_region: str) -> ReadNumber:
    """Read one phone number; a text without a country code is taken as dialled in `home_region` ("GB").

    Takes punctuation, any Unicode spaces and digits, "00" for the plus, "tel:" (RFC 3966), the home region's
    trunk prefix, and the apostrophe by which spreadsheets mark text. Raises NumberRefused.
    """
    outcome = _read(text, home_region)
    del text  # raised from here on, an exception's frame shows no number, and has nothing to be chained to
    if isinstance(outcome, NumberFault):
        raise NumberRefused(outcome)
    return outcome


def read_doubtful(text: str, home_region: str) -> ReadNumber | None:
    """A number that could be dialled but that its country's numbering plan doesn't have; None for any other.

    `region` is the country that its code belongs to first of all, and `line_type` "other": what it would
    cost to call is not known.
    """
    for spelling in _spellings(_tidied(text)):
        parsed = _parsed(spelling, home_region)
        if isinstance(parsed, PhoneNumber) and _described(parsed) is NumberFault.INVALID:
            e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
            region = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
            return ReadNumber(HiddenNumber(e164), region, "other")
    return None


def read_said(text: str, home_region: str) -> HiddenNumber | None:
    """The number that somebody says is theirs, also one that no plan has, as the one that is kept may be."""
    outcome = _read(text, home_region)
    read = outcome if isinstance(outcome, ReadNumber) else read_doubtful(text, home_region)
    return None if read is None else read.number


def _read(text: str, home_region: str) -> ReadNumber | NumberFault:
    if home_region not in phonenumbers.SUPPORTED_REGIONS:
        return NumberFault.UNKNOWN_HOME_REGION
    tidy = _tidied(text)
    if not tidy:
        return NumberFault.EMPTY
    if _MADE_BY_A_SPREADSHEET.fullmatch(tidy):
        return NumberFault.DIGITS_LOST
    placed = place(tidy, home_region)
    if placed is not None:
        return _as_read(placed.e164, placed.country, placed.region, placed.kind)
    outcomes = [_parse(spelling, home_region) for spelling in _spellings(tidy)]
    return next((read for read in outcomes if isinstance(read, ReadNumber)), outcomes[0])


# 4.4770E+11 has lost its last digits for good. 447700900123.0 went through a floating-point column: the
# leading zeros may be gone, and read as digits the last zero would make it another number.
_MADE_BY_A_SPREADSHEET = re.compile(r"[+-]?\d+(?:[.,]\d+)?E[+-]?\d+|\d+[.,]0", re.IGNORECASE)
_TEL_URI = re.compile(r"\Atel:\s*", re.IGNORECASE)
_APOSTROPHES = "'’‘`"


def _tidied(text: str) -> str:
    """Compatibility forms folded; what doesn't show, such as the marks around a copied number, removed."""
    visible = text if text.isascii() and text.isprintable() else _visible(text)
    return _TEL_URI.sub("", visible.strip().lstrip(_APOSTROPHES).strip(), count=1)


def _visible(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        char for char in folded if char.isspace() or unicodedata.category(char) not in ("Cf", "Cc")
    )


def _spellings(tidy: str) -> Iterator[str]:
    """The text as the home region dials it, and with its "00" as a plus.

    In this order, for "00" begins longer prefixes in places (0011 in Australia); both, for in others (Russia,
    the United States) people write "00" to foreign numbers although their own exchanges don't know it.
    """
    yield tidy
    if tidy.startswith("00"):
        yield "+" + tidy.removeprefix("00").lstrip()


# The library itself skips words, spells letters on the keypad and glues two numbers together.
_ONE_NUMBER = re.compile(r"\+?[\d\s().\-\u2010-\u2015\u2212/~]+")


def _parse(spelling: str, home_region: str) -> ReadNumber | NumberFault:
    parsed = _parsed(spelling, home_region)
    return parsed if isinstance(parsed, NumberFault) else _described(parsed)


def _parsed(spelling: str, home_region: str) -> PhoneNumber | NumberFault:
    try:
        parsed = phonenumbers.parse(spelling, home_region)
    except NumberParseException as refusal:
        return _PARSE_FAULTS.get(refusal.error_type, NumberFault.NOT_A_NUMBER)
    if parsed.extension:
        return NumberFault.EXTENSION
    if not _ONE_NUMBER.fullmatch(spelling):
        return NumberFault.NOT_A_NUMBER
    return parsed


def _described(parsed: PhoneNumber) -> ReadNumber | NumberFault:
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    country = parsed.country_code or 0
    if _FICTIONAL_MOBILE.fullmatch(e164):
        return _as_read(e164, country, "GB", PhoneNumberType.MOBILE)
    if len(e164) > _LONGEST_E164:
        return NumberFault.TOO_LONG
    possible = phonenumbers.is_possible_number_with_reason(parsed)
    if possible != ValidationResult.IS_POSSIBLE:
        return _LENGTH_FAULTS[possible]
    region, kind = phonenumbers.region_code_for_number(parsed), phonenumbers.number_type(parsed)
    # Of no known type means not valid: the library's `is_valid_number` would find both out once more.
    if region is None or kind == PhoneNumberType.UNKNOWN:
        return NumberFault.INVALID
    return _as_read(e164, country, region, kind)


def _as_read(e164: str, country: int, region: str, kind: int) -> ReadNumber:
    zone = _timezone(e164, country, kind)
    return ReadNumber(HiddenNumber(e164), region, _LINE_TYPES.get(kind, "other"), zone)


_LONGEST_E164 = 16
"""A plus and fifteen digits. Some plans have longer numbers, which nobody abroad could dial."""


def _timezone(e164: str, country: int, kind: int) -> str | None:
    """Most countries' mobiles go everywhere: of these the country alone counts, whatever the prefix says."""
    return _one_clock(_zones_of(e164)) if _tells_its_place(kind, country) else _clock_of_country(country)


def _zones_of(e164: str) -> tuple[str, ...]:
    """Those of the longest prefix that has any, as the library finds them, which would parse it once more."""
    for end in range(TIMEZONE_LONGEST_PREFIX + 1, 1, -1):
        zones = TIMEZONE_DATA.get(e164[1:end])
        if zones is not None:
            return zones
    return ()


# Asked for each number of an import, and always of the same few countries.
_tells_its_place = cache(is_number_type_geographical)


@cache
def _clock_of_country(country: int) -> str | None:
    return _one_clock(TIMEZONE_DATA.get(str(country), ()))


@cache
def _one_clock(zones: tuple[str, ...]) -> str | None:
    """The last of the zones, if all of them show the same time all year round: London, and not Jersey."""
    if not zones or not available_timezones().issuperset(zones):
        return None
    days = [datetime(2026, month, 1, 12, tzinfo=UTC) for month in range(1, 13)]
    clocks = {tuple(day.astimezone(ZoneInfo(zone)).utcoffset() for day in days) for zone in zones}
    return zones[-1] if len(clocks) == 1 else None


def canary() -> HiddenNumber:
    """A number that nobody has, by chance: to be called in proofs, and looked for where none may be."""
    return HiddenNumber(f"+447700900{secrets.randbelow(1000):03}")


def is_canary(e164: str) -> bool:
    """Whether a text is a number that nobody has, with its plus."""
    return _FICTIONAL_MOBILE.fullmatch(e164) is not None


# Ofcom keeps these mobiles for fiction: nobody has one, so a shop may try everything out with them. The
# library knows the other fictional ranges (London 020 7946 0xxx, +1 ... 555-01xx) as valid, and this one as
# not.
_FICTIONAL_MOBILE = re.compile(r"\+447700900\d{3}", re.ASCII)

_PARSE_FAULTS = {
    NumberParseException.INVALID_COUNTRY_CODE: NumberFault.UNKNOWN_COUNTRY,
    NumberParseException.TOO_SHORT_AFTER_IDD: NumberFault.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: NumberFault.TOO_SHORT,
    NumberParseException.TOO_LONG: NumberFault.TOO_LONG,
}

_LENGTH_FAULTS = {
    ValidationResult.TOO_SHORT: NumberFault.TOO_SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: NumberFault.TOO_SHORT,
    ValidationResult.TOO_LONG: NumberFault.TOO_LONG,
    ValidationResult.INVALID_LENGTH: NumberFault.NOT_POSSIBLE,
    ValidationResult.INVALID_COUNTRY_CODE: NumberFault.UNKNOWN_COUNTRY,
}

_LINE_TYPES = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
}
