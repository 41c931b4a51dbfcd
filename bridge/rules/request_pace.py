"""How many requests a program may make: so many at once, and then as many as trickle in again. Pure."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

_MINUTE_MS: Final = 60_000


class _Bucket(NamedTuple):
    left: float
    at_ms: int


class RequestPace:
    """What is left to each of those who ask, by name. Times are milliseconds of one clock.

    Bounded: of `capacity` names, those that asked last. Who is forgotten begins anew, with a full minute.
    """

    def __init__(self, per_minute: int, *, capacity: int = 2000) -> None:
        self._per_minute = per_minute
        self._capacity = capacity
        self._buckets: dict[str, _Bucket] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_seconds(self, name: str, now_ms: int, *, cost: int = 1) -> int:
        """0 where it may be, and then it is counted; else how long it has to wait, and nothing is counted."""
        left = self._left(name, now_ms)
        if left < cost:
            missing = min(cost, self._per_minute) - left
            return max(1, math.ceil(missing * 60 / self._per_minute))
        self.take(name, now_ms, cost=cost)
        return 0

    def take(self, name: str, now_ms: int, *, cost: int) -> None:
        """Count it whatever is left."""
        left = max(0.0, self._left(name, now_ms) - cost)
        self._buckets.pop(name, None)  # whoever asked last is last
        if len(self._buckets) >= self._capacity:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[name] = _Bucket(left, now_ms)

    def _left(self, name: str, now_ms: int) -> float:
        bucket = self._buckets.get(name)
        if bucket is None:
            return float(self._per_minute)
        trickled = max(0, now_ms - bucket.at_ms) * self._per_minute / _MINUTE_MS
        return min(float(self._per_minute), bucket.left + trickled)
