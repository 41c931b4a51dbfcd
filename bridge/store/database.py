"""The database file: opened, checked, migrated; one writer at a time.

Transactions are ours, not the driver's. Python's sqlite3 begins them late and only before some statements,
so one that reads and then writes can fail with "database is locked" whatever the timeout. As SQLAlchemy's
documentation of its SQLite dialect advises, the driver's own are switched off (`isolation_level = None`):
`write` begins with BEGIN IMMEDIATE, which takes the write lock at once; `read` begins none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

from sqlalchemy import URL, event, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.store import driver
from bridge.store.audit_chain import Pen
from bridge.store.errors import DatabaseUnusable
from bridge.store.lanes import Lane, Session
from bridge.store.schema import APPLICATION_ID, REVISION
from bridge.vault import AuditSigner

P = ParamSpec("P")
R = TypeVar("R")

BUSY_TIMEOUT_MS: Final = 5000
"""How long a write waits for another process (an import, a backup) before it fails."""

_RETRY_SECONDS: Final = 0.02
_BEGIN: Final = "call_bridge_begin"
_PEN: Final = "call_bridge_audit_pen"


def now_ms() -> int:
    """Milliseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1_000_000


class Database:
    """An open database. The queries, in the other modules here, take it as their first argument."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _make_engine(path)
        self._writing = self._engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE", _PEN: Pen()})
        self._looking = self._engine.execution_options(**{_BEGIN: "BEGIN"})
        # Each has a thread of its own: whoever looks something up does not wait while others commit.
        self._lookups, self._pages, self._commits = (
            Lane(path, BUSY_TIMEOUT_MS / 1000, _set_up_connection) for _ in range(3)
        )
        # Waiting in SQLite is polling, blind to who came first: writers of this process queue here instead.
        self._turn = asyncio.Lock()
        self._took: Callable[[float], None] = lambda _: None

    @classmethod
    async def open(cls, path: Path, *, migrate: bool = False) -> Self:
        """Open the file; with `migrate`, create it where it is missing and bring its tables up to date.

        Raises DatabaseUnusable when it is missing, not readable and writable, open to other users, not a
        call-bridge database, newer than this program or (without `migrate`) older.
        """
        _check_file(path, create=migrate)
        database = cls(path)
        try:
            await database._check_tables(migrate=migrate)
            for lane in database._lanes:
                await lane.open()
        except BaseException:
            await database.close()
            raise
        return database

    async def close(self) -> None:
        for lane in self._lanes:
            await lane.close()
        await self._engine.dispose()

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        return self._lookups, self._pages, self._commits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading. Each statement sees the newest commit: what must agree goes in one."""
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading whose statements all see the same moment."""
        async with self._looking.begin() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that holds the write lock from the start: on disk when this returns, or undone."""
        with self._timed():
            async with self._turn:
                # While another program has the lock, the lane's thread waits: whoever gives up leaves it so.
                await self._commits.write(_take_the_lock)
                async with self._writing.begin() as connection:
                    yield connection

    async def read_in_one_trip(
        self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What `work` reads, as in `read`.

        It runs in SQLite's thread. Most of what a statement costs is the trip there and SQLAlchemy's way to
        run one; what a call waits for is done there as a whole, and without.
        """
        return await self._lookups.read(work, *args, **kwargs)

    async def snapshot_in_one_trip(
        self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What `work` reads, as in `snapshot`: what a page of the desk shows.

        In a thread of its own again, for a page may look through a hundred thousand orders, and a call that
        is being placed is not to wait for that.
        """
        return await self._pages.snapshot(work, *args, **kwargs)

    async def write_in_one_trip(
        self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """A transaction as in `write`, with all that `work` does to it, in SQLite's thread.

        Once begun it is done, or undone, even if nobody waits for it any more.
        """
        with self._timed():
            async with self._turn:
                return await self._commits.write(work, *args, **kwargs)

    async def begin_in_one_trip(
        self, work: Callable[Concatenate[Session, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, asyncio.Future[None]]:
        """As `write_in_one_trip`, but return what `work` returns while it goes to the disk.

        The future ends when it is there, and raises a DBAPIError where that failed. Whoever waits for it
        shields it: it is this class's turn that ends with it.
        """
        begun = time.monotonic()
        await self._turn.acquire()
        try:
            underway = self._commits.begin(work, *args, **kwargs)
        except BaseException:
            self._turn.release()
            raise
        underway.on_disk.add_done_callback(partial(self._on_disk, begun))
        return await underway.found, underway.on_disk

    def _on_disk(self, begun: float, done: asyncio.Future[None]) -> None:
        self._turn.release()
        if not done.cancelled() and done.exception() is None:  # as `_timed`: a write that failed took no time
            self._took(time.monotonic() - begun)

    def time_commits(self, took: Callable[[float], None]) -> None:
        """From now on, tell how many seconds each write took, the wait for its turn included."""
        self._took = took

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self._took(time.monotonic() - begun)

    @property
    def pen(self) -> Pen:
        """What the audit is written with, by whoever has the write lock."""
        return _pen_of(self._writing)

    def sign_audit_with(self, signer: AuditSigner | None) -> None:
        """From now on, sign what is written to the audit; with None, write it unsigned."""
        self._writing = self._writing.execution_options(**{_PEN: Pen(signer)})

    async def copy_to(self, path: Path) -> None:
        """Write a consistent copy to a new file, for its owner's eyes only, without holding writers up."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        async with self.read() as connection:
            await connection.exec_driver_sql("VACUUM INTO ?", (str(path),))

    async def forget_old_pages(self) -> bool:
        """Leave nothing in the files of what rows no longer hold; calls wait while the file is rewritten.

        `secure_delete` overwrites a cell where it lies, but not the copies that SQLite has left in unused
        parts of pages while it moved cells about: VACUUM builds every page anew. The write-ahead log is then
        written back and cut to nothing. False if readers stood in the way of that until the timeout.
        """
        async with self._turn, self._engine.connect() as connection:
            await connection.exec_driver_sql("VACUUM")
            query = await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            return bool(query.one()[0] == 0)

    async def _check_tables(self, *, migrate: bool) -> None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + BUSY_TIMEOUT_MS / 1000
        reason = await self._trouble_with_tables(migrate=migrate)
        # SQLite's own timeout doesn't cover the first change to WAL, which two programs may begin together.
        while reason == "database is locked" and clock() < deadline:
            await asyncio.sleep(_RETRY_SECONDS)
            reason = await self._trouble_with_tables(migrate=migrate)
        if reason is None:
            return
        if "not a database" in reason:
            raise _foreign(self.path)
        raise DatabaseUnusable(self.path, f"SQLite cannot use it ({reason})", "Check the file and its disk")

    async def _trouble_with_tables(self, *, migrate: bool) -> str | None:
        try:
            # One transaction over all: of two programs that start together, the second finds the work done.
            async with self._writing.begin() as connection:
                await connection.run_sync(_check_or_migrate, self.path, migrate)
        except (DBAPIError, sqlite3.Error) as error:  # the latter from the pragmas of a new connection
            return str(error.orig if isinstance(error, DBAPIError) else error)
        return None


def _take_the_lock(_session: Session) -> None:
    """The transaction around it does."""


def audit_pen(connection: AsyncConnection) -> Pen:
    """What the audit is written with in this transaction, which is one of `Database.write`."""
    return _pen_of(connection)


def _pen_of(options: AsyncConnection | AsyncEngine) -> Pen:
    pen: Pen = options.sync_engine.get_execution_options()[_PEN]
    return pen


def _make_engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=lambda: driver.connect(path, BUSY_TIMEOUT_MS / 1000),
        # Statement parameters are names, keys and sealed values: an error must not quote them.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _set_up_pooled)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_up_pooled(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    _set_up_connection(connection)


def _set_up_connection(connection: DBAPIConnection | sqlite3.Connection) -> None:
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # Cells of erased customers are overwritten, not just unlinked.
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get(_BEGIN)
    if statement is not None:
        connection.exec_driver_sql(statement)


def _check_file(path: Path, *, create: bool) -> None:
    """See that the file is there, ours alone, and usable; SQLite gives -wal and -shm the same mode."""
    try:
        if create:
            _create(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    else:
        if mode & 0o077:
            raise DatabaseUnusable(path, "other users can read it", f"Close it to them: chmod 600 {path}")
        if os.access(path, os.R_OK | os.W_OK):
            return
        reason = "it may not be read and written"
    raise DatabaseUnusable(
        path,
        f"the database cannot be opened ({reason})",
        "Check store.path in config.yaml, and that this user may write the file and its folder",
    )


def _create(path: Path) -> None:
    """Make an empty file, unless there is one.

    One that is there is opened by SQLite alone: closing it would release the locks that this process's other
    connections hold on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _foreign(path: Path) -> DatabaseUnusable:
    return DatabaseUnusable(path, "it is not a call-bridge database", "Check store.path in config.yaml")


def _check_or_migrate(connection: Connection, path: Path, migrate: bool) -> None:
    _check_owner(connection, path)
    if _revision(connection) == REVISION:
        return
    # Loading Alembic takes longer than most commands do, and tables are seldom of another age.
    from bridge.store import migrations  # noqa: PLC0415

    if migrations.is_newer(connection):
        raise DatabaseUnusable(
            path,
            "a newer call-bridge has written it",
            "Update this one, or restore the backup made before that update",
        )
    if not migrate:
        raise DatabaseUnusable(path, "its tables are older than this program", "Migrate it first")
    migrations.upgrade(connection)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _check_owner(connection: Connection, path: Path) -> None:
    """Refuse another program's database; a file with nothing in it is nobody's yet."""
    owner = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    empty = connection.exec_driver_sql("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").scalar_one()
    if owner != APPLICATION_ID and not empty:
        raise _foreign(path)


def _revision(connection: Connection) -> str | None:
    """The migration that the tables are at, as Alembic keeps it; None in a file without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    stored = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    return stored[0] if len(stored) == 1 else None
