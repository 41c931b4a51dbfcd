"""Whole transactions, each in one trip to SQLite's thread, for what a call waits for.

SQLAlchemy words the statements, and no more: to run one by it takes several times as long as SQLite does. So
each is compiled once, and handed to SQLite's own connection. What fails is told as SQLAlchemy tells it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, cast

from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from bridge.store import driver

P = ParamSpec("P")
R = TypeVar("R")

Values = Mapping[str, Any]

_SECONDS_TO_CLOSE: Final = 0.3

_DIALECT: Final = sqlite.dialect(paramstyle="qmark")


class Result(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Sequence[Any] | None: ...

    def __iter__(self) -> Iterator[Any]: ...


class Runs(Protocol):
    """What runs statements: a `Session`, or a connection of SQLAlchemy's."""

    def execute(self, statement: Executable, parameters: Any, /) -> Result: ...


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement in SQLite's words; `constants` are the values that it brings itself."""

    text: str
    names: tuple[str, ...]
    constants: Values

    def values(self, parameters: Values) -> tuple[Any, ...]:
        return tuple(map({**self.constants, **parameters}.__getitem__, self.names))

    def arranged(self, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
        """Rows of values in the order of `names`, in the order in which the statement has them."""
        if names == self.names:
            return rows
        ours = {name: value for name, value in self.constants.items() if name not in names}
        take, rest = itemgetter(*map((*names, *ours).index, self.names)), tuple(ours.values())
        return (take(row + rest) for row in rows)


class Session:
    """SQLite's own connection, in its thread, for statements of SQLAlchemy's without types of their own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._compiled: dict[tuple[Executable, tuple[str, ...]], _Compiled] = {}
        """By statement and names of parameters: an INSERT has the columns that it is given."""

    def execute(self, statement: Executable, parameters: Values, /) -> sqlite3.Cursor:
        compiled = self._compile(statement, tuple(parameters))
        return self._connection.execute(compiled.text, compiled.values(parameters))

    def execute_many(self, statement: Executable, rows: Sequence[Values]) -> None:
        """All rows have the same names."""
        compiled = self._compile(statement, tuple(rows[0]))
        self._connection.executemany(compiled.text, map(compiled.values, rows))

    def execute_rows(
        self, statement: Executable, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """As `execute_many`, of many rows, for which the names are told once."""
        compiled = self._compile(statement, names)
        self._connection.executemany(compiled.text, compiled.arranged(names, rows))

    def transaction(self) -> AbstractContextManager[None]:
        """One that holds the write lock from the start: on disk at the end, or undone."""
        return self._between("BEGIN IMMEDIATE")

    def snapshot(self) -> AbstractContextManager[None]:
        """One whose statements all see the same moment."""
        return self._between("BEGIN")

    @contextmanager
    def _between(self, begin: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _compile(self, statement: Executable, names: tuple[str, ...]) -> _Compiled:
        found = self._compiled.get((statement, names))
        if found is None:
            found = self._compiled[statement, names] = _compile(statement, names)
        return found


def execute_rows(
    connection: Runs, statement: Executable, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Run a statement with each of the rows, whatever it is run by; nothing where there are none."""
    if not rows:
        return
    if isinstance(connection, Session):
        connection.execute_rows(statement, names, rows)
    else:
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])


def _compile(statement: Executable, names: tuple[str, ...]) -> _Compiled:
    compiled = cast(SQLCompiler, statement.compile(dialect=_DIALECT, column_keys=list(names)))  # type: ignore[attr-defined]
    return _Compiled(compiled.string, tuple(compiled.positiontup or ()), compiled.params)


@dataclass(frozen=True, slots=True)
class Underway(Generic[R]):
    """A transaction in SQLite's thread: what its work finds, and then whether it is on disk.

    Both futures raise what has gone wrong, a DBAPIError.
    """

    found: asyncio.Future[R]
    on_disk: asyncio.Future[None]


class Lane:
    """One connection with a thread of its own. `set_up` is done to it when it is opened."""

    def __init__(self, path: Path, timeout_s: float, set_up: Callable[[sqlite3.Connection], None]) -> None:
        self._connection = driver.connection(path, timeout_s)
        self._set_up = set_up
        self._session: Session | None = None

    async def open(self) -> None:
        await self._connection
        await self._connection.trip(self._set_up, self._connection.sqlite)
        self._session = Session(self._connection.sqlite)

    async def close(self) -> None:
        """A statement that waits for another program's lock is left to its thread."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_TO_CLOSE):
                await self._connection.close()

    async def read(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` with no transaction around it: each statement sees the newest commit."""

        def reading() -> R:
            with _told_by_sqlalchemy():
                return work(self._opened, *args, **kwargs)

        return await self._connection.trip(reading)

    async def snapshot(
        self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run `work` on what there is at one moment."""

        def looking() -> R:
            with _told_by_sqlalchemy(), self._opened.snapshot():
                return work(self._opened, *args, **kwargs)

        return await self._connection.trip(looking)

    async def write(self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work` in a transaction."""

        def writing() -> R:
            with _told_by_sqlalchemy(), self._opened.transaction():
                return work(self._opened, *args, **kwargs)

        return await self._connection.trip(writing)

    def begin(
        self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> Underway[R]:
        """Run `work` in a transaction; what it returns is known before that is on disk."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[R] = loop.create_future()

        def writing() -> None:
            with _told_by_sqlalchemy(), self._opened.transaction():
                loop.call_soon_threadsafe(_tell, found, work(self._opened, *args, **kwargs))

        on_disk = self._connection.send(writing)
        on_disk.add_done_callback(partial(_nothing_is_found, found))
        return Underway(found, on_disk)

    @property
    def _opened(self) -> Session:
        assert self._session is not None  # noqa: S101 - whoever has the lane has opened it
        return self._session


def _tell(found: asyncio.Future[R], value: R) -> None:
    if not found.done():
        found.set_result(value)


def _nothing_is_found(found: asyncio.Future[R], on_disk: asyncio.Future[None]) -> None:
    """Where a transaction has failed before its work was done, whoever waits for that is told."""
    error = None if on_disk.cancelled() else on_disk.exception()
    if not found.done() and error is not None:
        found.set_exception(error)


@contextmanager
def _told_by_sqlalchemy() -> Iterator[None]:
    """What SQLite raises as SQLAlchemy's: without statement and parameters, which are nobody's business."""
    try:
        yield
    except sqlite3.Error as error:
        raise DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True) from error
