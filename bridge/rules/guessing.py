"""Who dials codes that are not theirs too often is locked out for a while.

A miss is a dialled code that was answered with NOT_YOURS. Misses are counted in a sliding window, and
nothing but time takes them away: a success between them doesn't, or a guesser would dial an own code
after every few guesses; nor does a lock-out that has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from bridge.rules.policy import LockOut

_NO_MISSES: tuple[int, ...] = ()


class MissRecorded(NamedTuple):
    """`just_locked_out` is true for the one miss that caused a lock-out: the moment for an alarm."""

    book: GuessBook
    just_locked_out: bool


@dataclass(frozen=True, slots=True)
class GuessBook:
    """The latest misses of every extension, as an immutable value.

    Times are milliseconds of one clock, best a monotonic one: set back, it would make lock-outs last longer.

    Bounded: an extension keeps as many misses as lock it out, and the book keeps `capacity` extensions.
    Only known managers can miss, so a shop never fills it; were it full, the extension that has missed
    nothing for the longest time is forgotten, one that is locked out only when all others are too.
    """

    rule: LockOut
    capacity: int = 1000
    _misses: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self._misses)

    def locked_out(self, extension: str, now_ms: int) -> bool:
        """Whether the extension is locked out: from the miss that was one too many, for `for_seconds`."""
        times = self._misses.get(extension, _NO_MISSES)
        return _too_many(times, self.rule) and now_ms - times[-1] < self.rule.for_seconds * 1000

    def with_miss(self, extension: str, now_ms: int) -> MissRecorded:
        """The book after one more miss.

        A miss during a lock-out (a call that was already being decided) changes nothing: the lock-out
        ends when it was said to end, and raises one alarm.
        """
        if self.locked_out(extension, now_ms):
            return MissRecorded(self, just_locked_out=False)
        times = (*self._misses.get(extension, _NO_MISSES), now_ms)[-self.rule.misses :]
        others = {
            other: misses
            for other, misses in self._misses.items()
            if other != extension and not self._forgettable(misses, now_ms)
        }
        if len(others) >= self.capacity:
            del others[self._least_missed(others, now_ms)]
        book = replace(self, _misses=MappingProxyType({**others, extension: times}))
        return MissRecorded(book, just_locked_out=book.locked_out(extension, now_ms))

    def _forgettable(self, times: tuple[int, ...], now_ms: int) -> bool:
        """Whether these misses can neither lock out any more nor add to later ones."""
        matters_for_ms = max(self.rule.within_seconds, self.rule.for_seconds) * 1000
        return now_ms - times[-1] >= matters_for_ms

    def _least_missed(self, others: Mapping[str, tuple[int, ...]], now_ms: int) -> str:
        """The mapping is in the order of the last misses, so its first is the longest ago."""
        free = (extension for extension in others if not self.locked_out(extension, now_ms))
        return next(free, next(iter(others)))


def _too_many(times: tuple[int, ...], rule: LockOut) -> bool:
    return len(times) >= rule.misses and times[-1] - times[-rule.misses] < rule.within_seconds * 1000
