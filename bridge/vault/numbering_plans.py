"""The short way to a number that is written plainly and is valid: the library's plans, compiled once.

`phonenumbers` reads whatever people write, in a dozen steps, some of them several times for one number; an
import reads a million. What is decided here is decided by the library's own metadata, in its order, and only
where none of the other steps would do anything: a test holds the two together. Whatever else a text may be,
a mistyped number included, is left to the library.

Kept between numbers are patterns and regions, never a number or a part of one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc, PhoneNumberType


class Placed(NamedTuple):
    """A valid number: `e164` with its plus, and what the library says of it, `kind` a PhoneNumberType."""

    e164: str
    country: int
    region: str
    kind: int


# Between the digits is what the library drops, and no tilde, which may begin an extension.
_PLAIN: Final = re.compile(r"(?:\+|\()?[0-9][0-9 ().\-]{5,29}", re.ASCII)
_DROPPED: Final = dict.fromkeys(map(ord, "+ ().-"))
_LONGEST_COUNTRY_CODE: Final = 3
_LONGEST: Final = 15
"""Digits that E.164 allows, the country code's included."""


def place(tidy: str, home_region: str) -> Placed | None:
    """What the library would say of a text; None where that takes the library to find out."""
    if _PLAIN.fullmatch(tidy) is None:
        return None
    digits = tidy.translate(_DROPPED)
    if tidy[0] == "+":
        return _place_international(digits)
    plan = _home_plan(home_region)
    return None if plan is None else plan.place(plan.without_prefix(digits))


def _place_international(digits: str) -> Placed | None:
    for length in range(1, _LONGEST_COUNTRY_CODE + 1):
        plan = _plan(digits[:length])
        if plan is not None:
            return plan.place(digits[length:])
    return None


class _Kinds:
    """The kinds of line that a region has among numbers of one length, in the order of trying."""

    def __init__(self, metadata: PhoneMetadata, length: int) -> None:
        general = _pattern(metadata.general_desc, length)
        self._in_general = re.compile(general or "(?!)")
        found = [(kind, pattern) for kind, desc in _in_order(metadata) if (pattern := _pattern(desc, length))]
        self._kinds = [kind for kind, _ in found]
        self._any = re.compile("|".join(f"({pattern})" for _, pattern in found) or "(?!)")
        both = None if metadata.same_mobile_and_fixed_line_pattern else _pattern(metadata.mobile, length)
        self._mobile = re.compile(both or "(?!)")

    def kind(self, national: str) -> int | None:
        found = self._any.fullmatch(national)
        if found is None or self._in_general.fullmatch(national) is None:
            return None
        kind = self._kinds[(found.lastindex or 0) - 1]
        if kind == PhoneNumberType.FIXED_LINE and self._mobile.fullmatch(national):
            return PhoneNumberType.FIXED_LINE_OR_MOBILE
        return kind


def _in_order(metadata: PhoneMetadata) -> Iterator[tuple[int, PhoneNumberDesc | None]]:
    """As the library tries them."""
    same = metadata.same_mobile_and_fixed_line_pattern
    yield PhoneNumberType.PREMIUM_RATE, metadata.premium_rate
    yield PhoneNumberType.TOLL_FREE, metadata.toll_free
    yield PhoneNumberType.SHARED_COST, metadata.shared_cost
    yield PhoneNumberType.VOIP, metadata.voip
    yield PhoneNumberType.PERSONAL_NUMBER, metadata.personal_number
    yield PhoneNumberType.PAGER, metadata.pager
    yield PhoneNumberType.UAN, metadata.uan
    yield PhoneNumberType.VOICEMAIL, metadata.voicemail
    yield PhoneNumberType.FIXED_LINE_OR_MOBILE if same else PhoneNumberType.FIXED_LINE, metadata.fixed_line
    if not same:
        yield PhoneNumberType.MOBILE, metadata.mobile


def _pattern(desc: PhoneNumberDesc | None, length: int) -> str | None:
    """The pattern of what numbers of this length have to match; None where there are none."""
    if desc is None or not desc.national_number_pattern:
        return None
    lengths = desc.possible_length
    return desc.national_number_pattern if not lengths or length in lengths else None


@dataclass(frozen=True, slots=True)
class _Region:
    code: str
    leading: re.Pattern[str] | None
    """Where a region has them, its leading digits alone tell whose a number is."""
    kinds: _Kinds


class _Plan:
    """The numbers of one country code, and how they are dialled in its main region."""

    def __init__(self, country: int) -> None:
        self._country = country
        self._regions = COUNTRY_CODE_TO_REGION_CODE[country]
        main = _metadata(self._regions[0])
        general, most = main.general_desc, _LONGEST - len(str(country))
        lengths = general.possible_length if general is not None else ()
        self._lengths = frozenset(length for length in lengths if 0 < length <= most)
        self._prefixes = re.compile(main.national_prefix_for_parsing or "(?!)")
        # The others tell a carrier by it, or put other digits in its place.
        self._only_strips = self._prefixes.groups == 0 and not main.national_prefix_transform_rule
        self._not_national = re.compile(f"{main.international_prefix or '(?!)'}|{country}")
        self._by_length: dict[int, list[_Region]] = {}

    def without_prefix(self, digits: str) -> str:
        """What is dialled from abroad of a number as dialled at home; nothing where that is not plain."""
        if self._not_national.match(digits):
            return ""
        prefix = self._prefixes.match(digits)
        if prefix is None:
            return digits
        return digits[prefix.end() :] if self._only_strips else ""

    def place(self, national: str) -> Placed | None:
        if len(national) not in self._lengths or national[0] == "0" or self._prefixes.match(national):
            return None
        for region in self._regions_for(len(national)):
            if region.leading is not None and not region.leading.match(national):
                continue
            kind = region.kinds.kind(national)
            if kind is not None:
                return Placed(f"+{self._country}{national}", self._country, region.code, kind)
            if region.leading is not None:
                return None
        return None

    def _regions_for(self, length: int) -> list[_Region]:
        found = self._by_length.get(length)
        if found is None:
            found = self._by_length[length] = [_region(code, length) for code in self._regions]
        return found


def _region(code: str, length: int) -> _Region:
    metadata = _metadata(code)
    leading = re.compile(metadata.leading_digits) if metadata.leading_digits else None
    return _Region(code, leading, _Kinds(metadata, length))


def _metadata(region: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region(region)
    assert found is not None  # noqa: S101 - the regions come from the library's own table
    return found


_NOWHERE: Final = "001"


@cache
def _plans() -> dict[str, int]:
    """The country codes of countries; those that belong to none, as +800, are left to the library."""
    return {
        str(country): country
        for country, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        if _NOWHERE not in regions
    }


_made: dict[int, _Plan] = {}


def _plan(country_code: str) -> _Plan | None:
    country = _plans().get(country_code)
    if country is None:
        return None
    plan = _made.get(country)
    if plan is None:
        plan = _made[country] = _Plan(country)
    return plan


@cache
def _home_plan(region: str) -> _Plan | None:
    """The plan by which numbers are dialled in a region that is the main one of its country code."""
    code = str(phonenumbers.country_code_for_region(region))
    main = phonenumbers.region_code_for_country_code(int(code))
    return _plan(code) if main == region else None
