"""SQLite in a thread of its own, with one trip there and back for each statement.

aiosqlite makes a trip for each step of a statement: to open a cursor, execute, fetch, and close. A trip costs
more than most of these steps, and until a call is on record nothing is dialled. So a statement is one trip,
its first rows included. What SQLAlchemy's dialect asks of a cursor is all that there is.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, Self, TypeVar

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL

P = ParamSpec("P")
R = TypeVar("R")

_ROWS_AT_ONCE: Final = 256
"""More rows than that are fetched as they are asked for: whole tables are read in streams."""


async def connect(path: Path, timeout_s: float) -> Connection:
    """Open the file; transactions are left to whoever begins them. Raises sqlite3.Error."""
    opening = connection(path, timeout_s)
    await opening
    return opening


def connection(path: Path, timeout_s: float) -> Connection:
    """The same, opened when it is awaited."""
    return Connection(lambda: sqlite3.connect(path, timeout=timeout_s, isolation_level=None))


class Connection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors make fewer trips."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=_ROWS_AT_ONCE)
        self._thread.daemon = True  # a program that is told to end does not wait for a statement
        self._asked = 0
        self._done = 0
        """Trips begun and ended: the loop's thread writes the one, SQLite's the other."""

    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)

    @property
    def sqlite(self) -> sqlite3.Connection:
        """SQLite's own connection, for use in its thread alone."""
        return self._conn

    def stop(self) -> None:
        """Let the thread end after what it has to do, with nobody who waits for it.

        aiosqlite's own returns a future, for which its `close` waits: for ever, where a cancelled `close`
        before it has ended the thread, and else for as long as a locked database lets a statement wait.
        """
        self._running = False
        self._tx.put_nowait((None, self._close_and_stop))

    def _close_and_stop(self) -> object:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        return _STOP_RUNNING_SENTINEL

    async def rollback(self) -> None:
        """Without a transaction, which the pool can't know, there is nothing to do: no trip for that.

        A trip that nobody waits for any more may still begin one.
        """
        if self._asked != self._done or self.in_transaction:
            await super().rollback()

    async def trip(self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `step` in SQLite's thread."""
        result: R = await self._execute(step, *args, **kwargs)
        return result

    def send(self, step: Callable[[], R]) -> asyncio.Future[R]:
        """Have `step` run in SQLite's thread, where it begins at once; the future has what it returns."""
        if not self._running or self._connection is None:
            raise ValueError("Connection closed")
        going: asyncio.Future[R] = asyncio.get_running_loop().create_future()

        def counted() -> R:
            try:
                return step()
            finally:
                self._done += 1

        self._asked += 1
        self._tx.put_nowait((going, counted))
        return going

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Every trip of aiosqlite's own goes through here as well."""
        return await self.send(partial(fn, *args, **kwargs))


class Cursor:
    """One statement at a time. Attributes are those of DB-API 2.0 (PEP 249)."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._connection = connection
        self._rows: deque[Any] = deque()
        self._unfinished: sqlite3.Cursor | None = None
        """SQLite's cursor, while it has rows that were not fetched."""

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        await self._connection.trip(self._execute, statement, parameters)

    async def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        await self._connection.trip(self._execute_many, statement, rows)

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = self.arraysize if size is None else size
        if len(self._rows) < wanted and self._unfinished is not None:
            await self._connection.trip(self._fetch, max(wanted, _ROWS_AT_ONCE))
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        if self._unfinished is not None:
            await self._connection.trip(self._fetch, None)
        rows, self._rows = list(self._rows), deque()
        return rows

    async def close(self) -> None:
        if self._unfinished is not None:
            await self._connection.trip(self._finish)

    # --- in SQLite's thread ---

    def _execute(self, statement: str, parameters: Sequence[Any]) -> None:
        self._begin(self._connection._conn.execute(statement, parameters))
        self._fetch(_ROWS_AT_ONCE)

    def _execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._begin(self._connection._conn.executemany(statement, rows))
        self._finish()

    def _begin(self, cursor: sqlite3.Cursor) -> None:
        self._unfinished = cursor
        self._rows.clear()
        self.description = cursor.description

    def _fetch(self, most: int | None) -> None:
        """Take up to `most` rows, or all; fewer than there was room for are the last."""
        if self._unfinished is None:
            return
        rows = self._unfinished.fetchall() if most is None else self._unfinished.fetchmany(most)
        self._rows.extend(rows)
        if most is None or len(rows) < most:
            self._finish()

    def _finish(self) -> None:
        if self._unfinished is not None:
            self.rowcount, self.lastrowid = self._unfinished.rowcount, self._unfinished.lastrowid
            self._unfinished.close()
            self._unfinished = None
