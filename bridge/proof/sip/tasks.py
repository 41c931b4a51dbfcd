"""Background work of a peer, owned by it: kept, named, ended with it, and never failing in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """`close` cancels what still runs, and raises what went wrong: a peer with a bug must not pass a test."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._errors: list[Exception] = []

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Raises ExceptionGroup with the errors of tasks that failed."""
        for task in self._running:
            task.cancel()
        while self._running:
            await asyncio.wait(self._running)
        if self._errors:
            errors, self._errors = self._errors, []
            raise ExceptionGroup("a peer's background work failed", errors)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._errors.append(error)


async def happens(event: asyncio.Event, what: str, within: float, *, seen: object = "") -> None:
    """Wait for an event. Raises TimeoutError that says what did not happen, and what was `seen` instead."""
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        so_far = f"; so far: {seen}" if seen else ""
        raise TimeoutError(f"{what} within {within:g} s: no{so_far}") from None


async def until(condition: Callable[[], bool], changed: asyncio.Event, what: str, within: float) -> None:
    """Wait for a condition that can become true only when `changed` is set. Raises TimeoutError."""
    try:
        async with asyncio.timeout(within):
            while not condition():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        raise TimeoutError(f"{what} within {within:g} s: no") from None
