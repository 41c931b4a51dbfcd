"""Who is in a call, or about to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Engagement:
    extension: str
    counted: bool


class Engagements:
    """Kept by call, and counted as they come and go: every dialled code asks how many there are."""

    def __init__(self) -> None:
        self._by_call: dict[str, _Engagement] = {}
        self._calls_of: Counter[str] = Counter()
        """By extension. Only those that are in a call."""
        self._counted_of: Counter[str] = Counter()
        self._counted = 0

    def engage(self, call_id: str, extension: str, *, counted: bool = True) -> None:
        """This call has this manager now, and nobody else. `counted`: it counts against the limits."""
        engagement = _Engagement(extension, counted)
        if self._by_call.get(call_id) != engagement:
            self.release(call_id)
            self._by_call[call_id] = engagement
            self._count(engagement, 1)

    def release(self, call_id: str) -> None:
        """The call, if it is one of these, is over, or as good as over."""
        engagement = self._by_call.pop(call_id, None)
        if engagement is not None:
            self._count(engagement, -1)

    def counted(self, extension: str) -> tuple[int, int]:
        """How many calls count against a limit: the manager's own, and everybody's."""
        return self._counted_of[extension], self._counted

    @property
    def extensions(self) -> Set[str]:
        """Of those who are in a call, as it is now."""
        return frozenset(self._calls_of)

    def _count(self, engagement: _Engagement, by: int) -> None:
        _change(self._calls_of, engagement.extension, by)
        if engagement.counted:
            _change(self._counted_of, engagement.extension, by)
            self._counted += by


def _change(counter: Counter[str], extension: str, by: int) -> None:
    counter[extension] += by
    if not counter[extension]:
        del counter[extension]
