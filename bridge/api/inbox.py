"""What an open stream of server-sent events has still to send."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Holds `most` at most. Whoever has so much to read does not read, and is lost."""

    def __init__(self, most: int) -> None:
        self.is_lost = False
        """Something was dropped: its reader has to begin anew."""
        self._most = most
        self._waiting: deque[T] = deque()
        self._something = asyncio.Event()

    def __contains__(self, told: T) -> bool:
        """Whether it waits to be read."""
        return told in self._waiting

    def tell(self, told: T) -> None:
        if len(self._waiting) >= self._most:
            self.is_lost = True
        else:
            self._waiting.append(told)
        self._something.set()

    async def next(self, seconds: float) -> T | None:
        """What comes next; None if there is none for so long, or none will come any more."""
        if not self._waiting:
            self._something.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._something.wait()
            except TimeoutError:
                return None
        return self._waiting.popleft() if self._waiting and not self.is_lost else None
