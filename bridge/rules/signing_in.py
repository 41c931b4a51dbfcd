"""Who may try a password now, and which passwords are too easy to guess.

Wrong tries are counted three ways, each against one kind of attacker:

- by account and place: somebody at one place who tries many passwords waits longer after each;
- by place: somebody who tries one password on many accounts is stopped;
- by account: many places that try passwords of one account are stopped, but those that its owner has signed
  in from are not. So nobody can keep an owner out by trying.

What was refused without having been looked at counts as no try: else whoever keeps knocking would keep the
door shut for all behind the same address. Codes of a second factor count as passwords do.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

# --- tries ---


@dataclass(frozen=True, slots=True)
class _Window:
    """So many wrong tries may be made within so long."""

    most: int
    length_ms: int


_OF_PAIR: Final = _Window(most=16, length_ms=3_600_000)
_OF_PLACE: Final = _Window(most=20, length_ms=900_000)
_OF_ACCOUNT: Final = _Window(most=50, length_ms=3_600_000)

_FREE_TRIES: Final = 5
"""Typing errors: the delays begin after so many wrong tries of one account from one place."""

_FIRST_DELAY_MS: Final = 5_000
_LONGEST_DELAY_MS: Final = 900_000

_MOST_KNOWN_PLACES: Final = 8


@dataclass(frozen=True, slots=True)
class _Failures:
    """The wrong tries that are within their window, oldest first, and when they last raised an alarm."""

    times_ms: tuple[int, ...] = ()
    alarm_ms: int | None = None


_Key = tuple[str, ...]
_Table = Mapping[_Key, _Failures]
_NO_FAILURES: Final = _Failures()


def _empty() -> Mapping[Any, Any]:
    return MappingProxyType({})


class FailureRecorded(NamedTuple):
    """`alarm`: a limit was reached, for the first time within its window."""

    book: TryBook
    alarm: bool


@dataclass(frozen=True, slots=True)
class TryBook:
    """The wrong tries of late, as an immutable value. Times are milliseconds of one clock.

    Bounded: each table keeps `capacity` entries, and forgets the one whose last try is the longest ago. To
    push one out, somebody needs so many addresses, each of which has its own limit.
    """

    capacity: int = 2000
    _pairs: _Table = field(default_factory=_empty)
    _places: _Table = field(default_factory=_empty)
    _accounts: _Table = field(default_factory=_empty)
    _known: Mapping[str, tuple[str, ...]] = field(default_factory=_empty)
    """The places that each account has signed in from, latest last."""

    def __len__(self) -> int:
        return len(self._pairs) + len(self._places) + len(self._accounts)

    def wait_seconds(self, login: str, address: str, now_ms: int) -> int:
        """How long a try has to wait, in whole seconds; 0 where it may be made now."""
        place = place_of(address)
        ends_ms = [
            _delay_ends(self._pairs.get((login, place), _NO_FAILURES)),
            _window_ends(self._places.get((place,), _NO_FAILURES), _OF_PLACE),
        ]
        if place not in self._known.get(login, ()):
            ends_ms.append(_window_ends(self._accounts.get((login,), _NO_FAILURES), _OF_ACCOUNT))
        return max(0, -(-(max(ends_ms) - now_ms) // 1000))

    def with_failure(self, login: str, address: str, now_ms: int) -> FailureRecorded:
        """The book after one more wrong try."""
        place = place_of(address)
        pairs, _ = self._one_more(self._pairs, (login, place), _OF_PAIR, now_ms)
        places, place_is_full = self._one_more(self._places, (place,), _OF_PLACE, now_ms)
        accounts, account_is_full = self._one_more(self._accounts, (login,), _OF_ACCOUNT, now_ms)
        book = replace(self, _pairs=pairs, _places=places, _accounts=accounts)
        return FailureRecorded(book, alarm=place_is_full or account_is_full)

    def with_success(self, login: str, address: str) -> TryBook:
        """The book after somebody has signed in: from here their typing errors are forgiven.

        What was tried on others from this place, and on this account from others, still counts.
        """
        place = place_of(address)
        pairs = {key: failures for key, failures in self._pairs.items() if key != (login, place)}
        others = [known for known in self._known.get(login, ()) if known != place]
        places = (*others, place)[-_MOST_KNOWN_PLACES:]
        return replace(
            self, _pairs=MappingProxyType(pairs), _known=MappingProxyType({**self._known, login: places})
        )

    def _one_more(self, table: _Table, key: _Key, window: _Window, now_ms: int) -> tuple[_Table, bool]:
        """The table with one more try, and whether that calls for an alarm."""
        old = table.get(key, _NO_FAILURES)
        recent = [time_ms for time_ms in old.times_ms if now_ms - time_ms < window.length_ms]
        times_ms = (*recent, now_ms)[-window.most :]
        alarm = len(times_ms) == window.most and (
            old.alarm_ms is None or now_ms - old.alarm_ms >= window.length_ms
        )
        others = {other: failures for other, failures in table.items() if other != key}
        if len(others) >= self.capacity:
            del others[next(iter(others))]
        new = _Failures(times_ms, now_ms if alarm else old.alarm_ms)
        return MappingProxyType({**others, key: new}), alarm


def _delay_ends(failures: _Failures) -> int:
    """Each wrong try beyond the free ones doubles the delay after it."""
    beyond = len(failures.times_ms) - _FREE_TRIES
    if beyond < 0:
        return 0
    return failures.times_ms[-1] + min(_FIRST_DELAY_MS << beyond, _LONGEST_DELAY_MS)


def _window_ends(failures: _Failures, window: _Window) -> int:
    """When the oldest of too many tries leaves the window."""
    if len(failures.times_ms) < window.most:
        return 0
    return failures.times_ms[-window.most] + window.length_ms


UNKNOWN_PLACE: Final = "unknown"
"""All addresses that are none: whoever sends nonsense shares one limit with others who do."""


def place_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or an IPv6 network of 64 bits, which a household has whole.

    Source: RFC 6177, 2: end sites are given a /64 or more.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return UNKNOWN_PLACE
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))


# --- passwords ---

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
_LEAST_OF_ONES_OWN: Final = 5


class Weakness(StrEnum):
    """Why a password is not taken."""

    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    GUESSABLE = "guessable"


def weakness(password: str, about: Iterable[str]) -> Weakness | None:
    """What is wrong with a password; None where nothing is. `about`: names of its owner, shop and login.

    Nothing is asked of its characters, as that leads to Password1! (NIST SP 800-63B, 3.1.1.2). But of what is
    left without the words that everybody thinks of first, at least five different characters are wanted.
    """
    if len(password) < SHORTEST_PASSWORD:
        return Weakness.TOO_SHORT
    if len(password) > LONGEST_PASSWORD:
        return Weakness.TOO_LONG
    names = {word for text in about for word in re.split(r"\W+", text.casefold()) if len(word) > 2}
    rest = password.casefold().translate(_LOOK_ALIKES)
    for word in sorted(_COMMON | {name.translate(_LOOK_ALIKES) for name in names}, key=len, reverse=True):
        rest = rest.replace(word, "")
    return Weakness.GUESSABLE if len(set(rest)) < _LEAST_OF_ONES_OWN else None


# As people write letters in passwords: P@ssw0rd.
_LOOK_ALIKES: Final = str.maketrans("@4310$5!", "aaeiossi")

# Of the lists of passwords that were stolen most often: what they are put together from.
_WORDS: Final = """
password passwort passw pass parol пароль pwd qwerty qwertz azerty йцукен йцукенгшщз qwertyuiop asdfghjkl
asdfgh asdf zxcvbnm zxcvbn zxcv фывапролджэ фывапр ячсмить qazwsx qazwsxedc 1q2w3e4r5t6y 1q2w3e4r5t
1q2w3e4r 1q2w3e 1qaz2wsx3edc 1qaz2wsx zaq12wsx q1w2e3r4t5 q1w2e3r4 a1b2c3d4 abcdefghijkl abcdefgh abcdef
abcd abc 1234567890 0123456789 123456789 12345678 1234567 123456 12345 1234 123 0987654321 987654321
87654321 7654321 654321 54321 4321 321 123321 123123 112233 121212 111111 111 000000 000 222 333 444 555
666666 666 777777 777 888888 888 999999 999 696969 131313 789456123 147258369 159753 admin administrator
root user login guest test demo default changeme change welcome letmein secret master hello iloveyou
ilove love любовь привет sunshine princess dragon monkey football baseball soccer superman batman shadow
michael jordan charlie freedom whatever trustno starwars computer internet samsung google facebook summer
winter spring autumn sommer лето зима весна осень january february march april june july august september
october november december monday tuesday wednesday thursday friday saturday sunday london moscow москва
england россия russia 2020 2021 2022 2023 2024 2025 2026 2027 2028 manager менеджер supervisor owner shop
магазин order заказ callbridge call bridge desk
"""
_COMMON: Final = frozenset(word.translate(_LOOK_ALIKES) for word in _WORDS.split())
