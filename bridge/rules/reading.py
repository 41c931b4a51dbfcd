"""How fast somebody may open orders: work has its pace, and copying a shop's customers is faster. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

EPISODE_MS: Final = 10 * MINUTE_MS
"""Refusals that are no further apart belong together, and raise one alarm."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How many different orders may be opened in any minute, and in any hour."""

    per_minute: int
    per_hour: int


def wait_ms(read_ms: Mapping[str, int], code: str, now_ms: int, pace: Pace) -> int:
    """For how long an order may not be opened yet; 0 where it may. Windows slide.

    `read_ms` has the orders that the reader has opened in the last hour, with when they last did. One of them
    is opened again without further ado: whoever works on an order looks at it more than once.
    """
    if code in read_ms and now_ms - read_ms[code] < HOUR_MS:
        return 0
    return max(
        _until_fewer(read_ms, now_ms, window_ms=MINUTE_MS, most=pace.per_minute),
        _until_fewer(read_ms, now_ms, window_ms=HOUR_MS, most=pace.per_hour),
    )


def _until_fewer(read_ms: Mapping[str, int], now_ms: int, *, window_ms: int, most: int) -> int:
    """How long until fewer than `most` lie in the window that ends then."""
    inside = sorted(at_ms for at_ms in read_ms.values() if now_ms - at_ms < window_ms)
    if len(inside) < most:
        return 0
    return inside[len(inside) - most] + window_ms - now_ms


class Noted(NamedTuple):
    """`begins_episode` is true for the first refusal of several: the moment for an alarm."""

    refusals: Refusals
    begins_episode: bool


@dataclass(frozen=True, slots=True)
class Refusals:
    """When each manager was last refused an order, as an immutable value.

    Bounded: of `capacity` managers, those that were refused last.
    """

    capacity: int = 1000
    _latest: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self._latest)

    def with_refusal(self, manager_id: int, now_ms: int) -> Noted:
        before = self._latest.get(manager_id)
        recent = {
            other: at_ms
            for other, at_ms in self._latest.items()
            if other != manager_id and now_ms - at_ms < EPISODE_MS
        }
        while len(recent) >= self.capacity:
            del recent[next(iter(recent))]
        noted = replace(self, _latest=MappingProxyType({**recent, manager_id: now_ms}))
        return Noted(noted, begins_episode=before is None or now_ms - before >= EPISODE_MS)
