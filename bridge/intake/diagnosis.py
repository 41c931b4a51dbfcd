"""What is probably wrong with a number that can't be read: found by undoing each kind of slip.

A slip is believed where undoing it leads to a number that its numbering plan has. The texts that are tried
are ordinary strings for as long as that takes; what is returned tells of them no more than hints, and a
repair that is hidden as every number is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import phonenumbers

from bridge.rules.doubts import Hint, in_words
from bridge.vault import NumberRefused, ReadNumber, read_number


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The kinds of slip that explain it, the likeliest first; and the number meant, if it can be but one."""

    hints: tuple[Hint, ...] = ()
    repair: ReadNumber | None = None

    @property
    def words(self) -> str:
        return in_words(self.hints, repairable=self.repair is not None)


class _Typed(NamedTuple):
    """A number as typed: its digits, `fixed` of which are a country code, after a plus or in place of one."""

    digits: str
    international: bool
    fixed: int
    home: str

    def read(self, digits: str) -> ReadNumber | None:
        return _read("+" + digits if self.international else digits, self.home)


_WRITTEN_AS_A_NUMBER: Final = re.compile(r"[+\d\s().\-\u2010-\u2015\u2212/~'’‘`]+")
_FEWEST, _MOST = 5, 20
_OF_PREFIXES: Final = (Hint.PREFIX_DOUBLED, Hint.EIGHT_FOR_SEVEN)
_EIGHT_AND_TEN: Final = 11


def diagnose(text: str, home_region: str) -> Diagnosis:
    """What is wrong with a text that is no number of any plan; nothing where no slip explains it."""
    typed = _typed(text, home_region)
    if typed is None:
        return Diagnosis()
    hints: list[Hint] = []
    meant: list[ReadNumber] = []
    for hint, variants in _SLIPS.items():
        found = _first_two(variants(typed))
        if not found:
            continue
        hints.append(hint)
        # A digit that is made up fits too often to stand against a prefix that explains the number as it is.
        if hint is not Hint.TOO_FEW or hints[0] not in _OF_PREFIXES:
            meant.extend(each for each in found if all(each.number != other.number for other in meant))
    if not hints and _is_possible(typed):
        hints.append(Hint.NO_SUCH_OPERATOR)
    return Diagnosis(tuple(hints), meant[0] if len(meant) == 1 else None)


def doubt_of(text: str, home_region: str) -> Diagnosis:
    """Of a number that could be dialled but that no plan has: it has at least no operator."""
    diagnosis = diagnose(text, home_region)
    return diagnosis if diagnosis.hints else Diagnosis((Hint.NO_SUCH_OPERATOR,))


def _typed(text: str, home: str) -> _Typed | None:
    folded = unicodedata.normalize("NFKC", text).strip()
    if home not in phonenumbers.SUPPORTED_REGIONS or not _WRITTEN_AS_A_NUMBER.fullmatch(folded):
        return None
    digits = "".join(str(unicodedata.decimal(char)) for char in folded if char.isdecimal())
    international = folded.startswith("+") or digits.startswith("00")
    if digits.startswith("00"):
        digits = digits.removeprefix("00")
    if not _FEWEST <= len(digits) <= _MOST:
        return None
    return _Typed(digits, international, _length_of_country_code(digits) if international else 0, home)


def _length_of_country_code(digits: str) -> int:
    known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return next((length for length in (1, 2, 3) if int(digits[:length]) in known), 0)


def _first_two(numbers: Iterable[ReadNumber | None]) -> list[ReadNumber]:
    """As many as show whether there is one or more than one."""
    found: list[ReadNumber] = []
    for read in numbers:
        if read is not None and all(read.number != other.number for other in found):
            found.append(read)
        if len(found) == 2:
            break
    return found


def _read(text: str, home: str) -> ReadNumber | None:
    try:
        return read_number(text, home)
    except NumberRefused:
        return None


def _is_possible(typed: _Typed) -> bool:
    try:
        parsed = phonenumbers.parse("+" * typed.international + typed.digits, typed.home)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(parsed)


# --- the slips, undone ---


def _one_prefix(typed: _Typed) -> Iterator[ReadNumber | None]:
    """8 7 916..., 7 7 916..., 8 8 916...: of two prefixes one is left."""
    country = str(phonenumbers.country_code_for_region(typed.home))
    trunk = phonenumbers.ndd_prefix_for_region(typed.home, True) or ""
    for first in {country, trunk, typed.digits[: typed.fixed]} - {""}:
        rest = typed.digits.removeprefix(first)
        if rest == typed.digits:
            continue
        if rest.startswith(country) or (rest.startswith(first) and first != trunk):
            yield _read("+" + rest, typed.home)
        elif trunk and rest.startswith(trunk):
            yield _read(rest, typed.home)


def _seven_for_eight(typed: _Typed) -> Iterator[ReadNumber | None]:
    if typed.digits.startswith("8") and len(typed.digits) == _EIGHT_AND_TEN:
        yield _read("+7" + typed.digits[1:], typed.home)


def _with_country_code(typed: _Typed) -> Iterator[ReadNumber | None]:
    """With a plus it may be one of the home country's own; without, one of abroad."""
    yield _read(typed.digits if typed.international else "+" + typed.digits, typed.home)


def _swapped_back(typed: _Typed) -> Iterator[ReadNumber | None]:
    digits = typed.digits
    if not _is_possible(typed):
        return  # its length has another cause
    for place in range(typed.fixed, len(digits) - 1):
        one, other = digits[place], digits[place + 1]
        if one != other:
            yield typed.read(digits[:place] + other + one + digits[place + 2 :])


def _one_more(typed: _Typed) -> Iterator[ReadNumber | None]:
    """At the end first, where a digit is soonest found to fit."""
    for place in range(len(typed.digits), typed.fixed - 1, -1):
        for digit in "0123456789":
            yield typed.read(typed.digits[:place] + digit + typed.digits[place:])


def _one_less(typed: _Typed) -> Iterator[ReadNumber | None]:
    for place in range(len(typed.digits) - 1, typed.fixed - 1, -1):
        yield typed.read(typed.digits[:place] + typed.digits[place + 1 :])


_SLIPS: Final[dict[Hint, Callable[[_Typed], Iterator[ReadNumber | None]]]] = {
    Hint.PREFIX_DOUBLED: _one_prefix,
    Hint.EIGHT_FOR_SEVEN: _seven_for_eight,
    Hint.NO_COUNTRY_CODE: _with_country_code,
    Hint.SWAPPED: _swapped_back,
    Hint.TOO_FEW: _one_more,
    Hint.TOO_MANY: _one_less,
}
"""From those that change no digit to those that make one up."""
