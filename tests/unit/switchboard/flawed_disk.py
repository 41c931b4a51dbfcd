"""A disk that fails at the statement that a test chooses, as SQLite tells it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from sqlalchemy import event

from bridge.store.database import Database

ONCE = 1
FOR_GOOD = 1_000_000


class Disk:
    """What SQLite says: from its `first` statement on (commits count as one), `times` of them fail."""

    def __init__(self, database: Database) -> None:
        self.statements = 0
        self._first, self._left, self._error = 0, 0, ""
        engine = database._engine.sync_engine
        event.listen(engine, "do_execute", lambda *_: self.spin())
        commit = partial(self._run_commit, engine.dialect.do_commit)
        engine.dialect.do_commit = commit  # type: ignore[method-assign]
        for lane in (database._lookups, database._commits):
            assert lane._session is not None
            lane._session._connection = cast(sqlite3.Connection, Flawed(lane._session._connection, self))

    def fail(self, error: str, *, first: int, times: int) -> None:
        self.statements = 0
        self._first, self._left, self._error = first, times, error

    @property
    def has_failed(self) -> bool:
        """Whether the call came as far as the statement that was to fail."""
        return self._left == 0

    def heal(self) -> None:
        self.fail("", first=1, times=0)

    def spin(self) -> None:
        self.statements += 1
        if self.statements >= self._first and self._left > 0:
            self._left -= 1
            raise sqlite3.OperationalError(self._error)

    def _run_commit(self, commit: Callable[[Any], None], connection: Any) -> None:
        self.spin()
        commit(connection)


class Flawed:
    """SQLite's connection on such a disk."""

    def __init__(self, connection: sqlite3.Connection, disk: Disk) -> None:
        self._connection = connection
        self._disk = disk

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        if statement != ("ROLLBACK",):
            self._disk.spin()
        return self._connection.execute(*statement)

    def executemany(self, *statement: Any) -> sqlite3.Cursor:
        self._disk.spin()
        return self._connection.executemany(*statement)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction
