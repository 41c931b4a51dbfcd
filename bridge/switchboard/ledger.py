"""What became of calls, written in the order in which it happened, off the calls' own path.

A conversation never waits for the database: an entry is handed over at once and written by one task, again
and again until it is on disk. What must be on disk before anything happens (a call's beginning) is not
written here but by `admission`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from bridge.calls.model import Result
from bridge.store.database import Database, now_ms
from bridge.store.records import OpenCall, finish_call, mark_answered, open_calls

log = structlog.get_logger()

Entry = Callable[[], Awaitable[None]]

_MOST_WAITING: Final = 10_000
_LONGEST_WAIT_SECONDS: Final = 5.0


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: asyncio.Queue[Entry] = asyncio.Queue(_MOST_WAITING)
        self._finishing: set[str] = set()
        """Calls that have ended, which the database does not know yet."""

    @property
    def backlog(self) -> int:
        """Entries not on disk yet."""
        return self._waiting.qsize()

    def answered(self, call_id: str, at_ms: int) -> None:
        self._hand_over(lambda: mark_answered(self._database, call_id, at_ms))

    def finished(self, call_id: str, result: Result, cause: int | None) -> None:
        ended_ms = now_ms()

        async def finish() -> None:
            await finish_call(self._database, call_id, result.value, cause, ended_ms)
            self._finishing.discard(call_id)

        self._finishing.add(call_id)
        self._hand_over(finish)

    async def unfinished(self) -> list[OpenCall]:
        """The calls on record that have not ended."""
        return [call for call in await open_calls(self._database) if call.id not in self._finishing]

    async def run(self) -> None:
        """Write entries for ever; started once by the daemon."""
        while True:
            await self._write(await self._waiting.get())
            self._waiting.task_done()

    async def flush(self, seconds: float) -> bool:
        """Wait until everything is on disk. False where `seconds` were not enough."""
        try:
            async with asyncio.timeout(seconds):
                await self._waiting.join()
        except TimeoutError:
            return False
        return True

    def _hand_over(self, entry: Entry) -> None:
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            # The record stays open, and whoever adopts open records closes it.
            log.error("an entry is lost: the database has taken none for too long")

    async def _write(self, entry: Entry) -> None:
        wait = 0.1
        while True:
            try:
                return await entry()
            except DBAPIError as error:
                log.error("the database refuses an entry; trying again", error=type(error.orig).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
