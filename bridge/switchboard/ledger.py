"""What became of calls, written in the order in which it happened, off the calls' own path.

A conversation never waits for the database: an entry is handed over at once and written by one task, again
and again until it is on disk. Entries that come within a moment share a commit: where a disk is slow, or the
database was locked for a while, there may be hundreds. What must be on disk before anything happens (a call's
beginning) is not written here but by `admission`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.calls.model import Result
from bridge.store.database import Database, now_ms
from bridge.store.records import Answered, Finished, Note, OpenCall, Rung, note, open_calls, recorded_calls

log = structlog.get_logger()

_MOST_WAITING: Final = 10_000
_MOST_AT_ONCE: Final = 100
_GATHERING_SECONDS: Final = 0.02
"""How long an entry waits for others. Nobody waits for it; and at that moment two are being connected."""

_SECONDS_BETWEEN: Final = 0.1
"""Where entries keep coming, these share a commit: for each one, calls that are being placed have to wait."""

_LONGEST_WAIT_SECONDS: Final = 5.0


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: asyncio.Queue[Note] = asyncio.Queue(_MOST_WAITING)
        self._owed = 0
        self._finishing: set[str] = set()
        """Calls that have ended, which the database does not know yet."""
        self._ended_meanwhile: list[set[str]] = []
        """For each look at the database: the calls whose end it may have been too early for."""

    @property
    def backlog(self) -> int:
        """Entries not on disk yet."""
        return self._owed

    def rung(self, call_id: str, manager_id: int) -> None:
        self._hand_over(Rung(call_id, manager_id))

    def answered(self, call_id: str, at_ms: int) -> None:
        self._hand_over(Answered(call_id, at_ms))

    def finished(self, call_id: str, result: Result, cause: int | None) -> None:
        self._finishing.add(call_id)
        for ended in self._ended_meanwhile:
            ended.add(call_id)
        self._hand_over(Finished(call_id, now_ms(), result.value, cause))

    async def unfinished(self) -> list[OpenCall]:
        """The calls on record that have not ended."""
        ended = set(self._finishing)
        self._ended_meanwhile.append(ended)
        try:
            return [call for call in await open_calls(self._database) if call.id not in ended]
        finally:
            self._ended_meanwhile = [each for each in self._ended_meanwhile if each is not ended]

    async def recorded(self, call_ids: Collection[str]) -> frozenset[str]:
        """Those of these calls that are on record at all."""
        return await recorded_calls(self._database, call_ids)

    async def run(self) -> None:
        """Write entries for ever; started once by the daemon."""
        now = asyncio.get_running_loop().time
        not_before = now()
        while True:
            entries = [await self._waiting.get()]
            await asyncio.sleep(max(_GATHERING_SECONDS, not_before - now()))
            while len(entries) < _MOST_AT_ONCE and not self._waiting.empty():
                entries.append(self._waiting.get_nowait())
            await self._write(entries)
            not_before = now() + _SECONDS_BETWEEN
            self._owed -= len(entries)
            for _ in entries:
                self._waiting.task_done()

    async def flush(self, seconds: float) -> bool:
        """Wait until everything is on disk. False where `seconds` were not enough."""
        try:
            async with asyncio.timeout(seconds):
                await self._waiting.join()
        except TimeoutError:
            return False
        return True

    def _hand_over(self, entry: Note) -> None:
        try:
            self._waiting.put_nowait(entry)
            self._owed += 1
        except asyncio.QueueFull:
            # The record stays open, and whoever adopts open records closes it: we, after the next connect.
            self._finishing.discard(entry.call_id)
            log.error("an entry is lost: the database has taken none for too long")

    async def _write(self, entries: Sequence[Note]) -> None:
        wait = 0.1
        while True:
            try:
                await note(self._database, entries)
                break
            except SQLAlchemyError as error:
                log.error("the database refuses an entry; trying again", error=type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
        self._finishing -= {entry.call_id for entry in entries if isinstance(entry, Finished)}
