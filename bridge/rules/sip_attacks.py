"""Who tries passwords and names on the PBX: failures of each source within a window, and in all.

SIP over UDP lets a sender write any address. So what one address has tried is no proof of who it is, and who
uses a thousand addresses must neither fill the memory, nor the list of alarms, nor stay unseen: sources are
few, alarms are few, and there is a limit of all sources together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from bridge.rules.signing_in import place_of


class Tried(StrEnum):
    """What somebody has tried in vain."""

    PASSWORDS = "passwords"
    """Of an account that there is: brute force."""
    NAMES = "names"
    """Accounts that there are not."""


EVERYWHERE: Final = "everywhere"
"""The source of an alarm about all together."""


class Attack(NamedTuple):
    """What supervisors are told of. `source`: an address, an IPv6 network, or EVERYWHERE."""

    source: str
    tried: Tried


class AttackCounted(NamedTuple):
    book: AttackBook
    attack: Attack | None


@dataclass(frozen=True, slots=True)
class _Source:
    """The failures within the window, oldest first, and when there was last an alarm of them."""

    times_ms: tuple[int, ...] = ()
    alarm_ms: int | None = None


def _no_sources() -> Mapping[str, _Source]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AttackBook:
    """The failures of late, as an immutable value of bounded size. Times are milliseconds of one clock.

    A phone with a wrong password looks the same as somebody who guesses: it tries about once in a minute.
    """

    most: int = 20
    """So many failures of one source within the window are an attack."""
    most_in_all: int = 200
    window_ms: int = 600_000
    silence_ms: int = 3_600_000
    """For so long there is no other alarm of a source."""
    most_alarms: int = 5
    """About single sources, within `silence_ms`: beyond, one about all of them has to do."""
    capacity: int = 500
    """So many sources are remembered, those that tried last."""
    _sources: Mapping[str, _Source] = field(default_factory=_no_sources)
    _in_all: _Source = _Source()
    _alarms_ms: tuple[int, ...] = ()

    def __len__(self) -> int:
        """How many failures are remembered."""
        return sum(len(each.times_ms) for each in (*self._sources.values(), self._in_all))

    def with_failure(self, address: str, tried: Tried, now_ms: int) -> AttackCounted:
        """The book after one more failure, and the attack that it makes known, if any."""
        place = place_of(address)
        source = self._one_more(self._sources.get(place, _Source()), self.most, now_ms)
        in_all = self._one_more(self._in_all, self.most_in_all, now_ms)
        alarms_ms = tuple(each for each in self._alarms_ms if now_ms - each < self.silence_ms)
        attack: Attack | None = None
        if self._is_new(source, self.most, now_ms) and len(alarms_ms) < self.most_alarms:
            attack, source = Attack(place, tried), replace(source, alarm_ms=now_ms)
            alarms_ms = (*alarms_ms, now_ms)
        elif self._is_new(in_all, self.most_in_all, now_ms):
            attack, in_all = Attack(EVERYWHERE, tried), replace(in_all, alarm_ms=now_ms)
        book = replace(self, _sources=self._with(place, source), _in_all=in_all, _alarms_ms=alarms_ms)
        return AttackCounted(book, attack)

    def _one_more(self, source: _Source, most: int, now_ms: int) -> _Source:
        recent = [each for each in source.times_ms if now_ms - each < self.window_ms]
        return replace(source, times_ms=(*recent, now_ms)[-most:])

    def _is_new(self, source: _Source, most: int, now_ms: int) -> bool:
        if len(source.times_ms) < most:
            return False
        return source.alarm_ms is None or now_ms - source.alarm_ms >= self.silence_ms

    def _with(self, place: str, source: _Source) -> Mapping[str, _Source]:
        others = {other: each for other, each in self._sources.items() if other != place}
        if len(others) >= self.capacity:
            del others[next(iter(others))]
        return MappingProxyType({**others, place: source})
