"""The database file: what it is opened with, and what is refused in words."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from bridge.store.database import BUSY_TIMEOUT_MS, Database, _check_file
from bridge.store.errors import DatabaseUnusable
from bridge.store.lanes import Session
from bridge.store.schema import REVISION, key_checks, metadata

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL
    "foreign_keys": 1,
    "busy_timeout": BUSY_TIMEOUT_MS,
    "secure_delete": 1,
}


async def test_every_connection_is_durable_and_keeps_foreign_keys(db: Database) -> None:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(db.read()) for _ in range(3)]
        connections.append(await stack.enter_async_context(db.write()))
        for connection in connections:
            for pragma, value in PRAGMAS.items():
                assert (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one() == value, pragma
    for pragma, value in PRAGMAS.items():
        for ask in (db.read_in_one_trip, db.write_in_one_trip):
            assert await ask(scalar, f"PRAGMA {pragma}") == value, pragma


def scalar(session: Session, statement: str) -> Any:
    return session.execute(text(statement), {}).fetchone()[0]


def add_check(session: Session, key_id: str, then: Callable[[], object] = lambda: None) -> None:
    session.execute(insert(key_checks), {"key_id": key_id, "value": b"\0"})
    then()


async def checks(db: Database) -> set[str]:
    async with db.read() as connection:
        return set((await connection.exec_driver_sql("SELECT key_id FROM key_checks")).scalars())


async def test_a_write_in_one_trip_is_one_and_is_seen_by_all_when_it_returns(db: Database) -> None:
    before = db._commits._connection._asked
    await db.write_in_one_trip(add_check, "k")
    assert db._commits._connection._asked - before == 1
    assert await checks(db) == {"k"}
    assert await db.read_in_one_trip(scalar, "SELECT key_id FROM key_checks") == "k"


async def test_a_write_in_one_trip_that_fails_is_undone_and_quotes_no_value(db: Database) -> None:
    def twice(session: Session) -> None:
        add_check(session, "first")
        add_check(session, "a value")
        add_check(session, "a value")

    with pytest.raises(IntegrityError) as raised:
        await db.write_in_one_trip(twice)
    assert "a value" not in f"{raised.value!r} {raised.value}"
    assert await checks(db) == set()


async def test_a_write_in_one_trip_holds_the_write_lock_from_its_start(db: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "shop.db", timeout=0, isolation_level=None, check_same_thread=False)

    def refused(_: Session) -> str:
        with pytest.raises(sqlite3.OperationalError) as raised:
            other.execute("BEGIN IMMEDIATE")
        return str(raised.value)

    assert await db.write_in_one_trip(refused) == "database is locked"
    other.execute("BEGIN IMMEDIATE")
    other.close()


async def test_a_write_that_nobody_waits_for_any_more_is_whole_and_in_nobodys_way(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()
    writing = asyncio.get_running_loop().create_task(
        db.write_in_one_trip(add_check, "left", lambda: (begun.set(), go_on.wait(10))), name="write"
    )
    assert await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await db.read_in_one_trip(scalar, "SELECT count(*) FROM key_checks") == 0, "looks up meanwhile"
    go_on.set()
    await db.write_in_one_trip(add_check, "next")
    assert await checks(db) == {"left", "next"}


async def test_the_migrations_make_the_tables_that_the_queries_see(db: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with db.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_newest_migration_is_the_one_that_the_schema_names(db: Database) -> None:
    """Otherwise every start would load Alembic, to find nothing to do."""

    def at(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    async with db.read() as connection:
        assert await connection.run_sync(at) == REVISION


def test_tables_that_are_up_to_date_are_opened_without_loading_alembic(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    asyncio.run(open_and_close(path, migrate=True))
    program = f"""
import asyncio, sys
from pathlib import Path
from bridge.store.database import Database

async def look() -> None:
    async with await Database.open(Path({str(path)!r}), migrate=True):
        pass

asyncio.run(look())
sys.exit("alembic" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def open_and_close(path: Path, *, migrate: bool) -> None:
    async with await Database.open(path, migrate=migrate):
        pass


async def test_every_check_of_the_schema_is_in_the_migrated_tables(db: Database) -> None:
    """Alembic doesn't compare CHECK constraints."""
    async with db.read() as connection:
        made = (await connection.exec_driver_sql("SELECT group_concat(sql) FROM sqlite_master")).scalar_one()
    checks = [
        constraint
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    ]
    assert checks
    for constraint in checks:
        assert f"CONSTRAINT {constraint.name} CHECK ({constraint.sqltext})" in made


async def test_all_files_of_the_database_are_its_owners_alone(db: Database, tmp_path: Path) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql("INSERT INTO key_checks VALUES ('k', x'00')")
        files = list(tmp_path.iterdir())
        assert {file.name for file in files} == {"shop.db", "shop.db-wal", "shop.db-shm"}
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 3


async def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    async with await Database.open(path, migrate=True) as database, database.write() as connection:
        await connection.exec_driver_sql("INSERT INTO key_checks VALUES ('k', x'00')")
    for migrate in (False, True):
        async with await Database.open(path, migrate=migrate) as database, database.read() as connection:
            assert (await connection.exec_driver_sql("SELECT key_id FROM key_checks")).scalar_one() == "k"


async def test_programs_that_start_together_migrate_once(tmp_path: Path) -> None:
    """Without a retry about one opening in twenty-five fails here: SQLite doesn't wait to change to WAL."""
    for round_ in range(25):
        path = tmp_path / f"{round_}.db"
        opened = await asyncio.gather(*(Database.open(path, migrate=True) for _ in range(4)))
        for database in opened:
            await database.close()


async def test_opening_a_database_leaves_the_locks_of_its_other_users_alone(tmp_path: Path) -> None:
    """A file closed by a process loses all its locks: a writer elsewhere would then come in between."""
    path = tmp_path / "shop.db"
    async with await Database.open(path, migrate=True) as database, database.read() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode")
        held = locks_on(path)
        assert held
        _check_file(path, create=True)
        assert locks_on(path) == held


def locks_on(path: Path) -> list[str]:
    """POSIX locks on the file, as the kernel lists them (proc(5), /proc/locks)."""
    locks = Path("/proc/locks").read_text().splitlines()
    return [line.split(": ", 1)[1] for line in locks if f":{path.stat().st_ino} " in line]


def write_plain(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    path.chmod(0o600)


async def test_a_missing_file_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match=r"No such file.*store\.path"):
        await Database.open(tmp_path / "shop.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="No such file"):
        await Database.open(tmp_path / "no" / "shop.db", migrate=True)


async def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.write_bytes(b"Dear diary, " * 100)
    path.chmod(0o600)
    for migrate in (False, True):
        with pytest.raises(DatabaseUnusable, match="not a call-bridge database"):
            await Database.open(path, migrate=migrate)
    assert path.read_bytes() == b"Dear diary, " * 100


async def test_another_programs_database_is_not_migrated(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write_plain(path, "CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(DatabaseUnusable, match="not a call-bridge database"):
        await Database.open(path, migrate=True)


async def test_an_older_database_is_migrated_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    write_plain(path)
    path.touch(mode=0o600)
    with pytest.raises(DatabaseUnusable, match="Migrate it first"):
        await Database.open(path)


@pytest.mark.parametrize("migrate", [False, True])
async def test_a_newer_database_is_refused(tmp_path: Path, migrate: bool) -> None:
    path = tmp_path / "shop.db"
    await (await Database.open(path, migrate=True)).close()
    write_plain(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable, match="a newer call-bridge has written it"):
        await Database.open(path, migrate=migrate)


async def test_a_database_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    await (await Database.open(path, migrate=True)).close()
    path.chmod(0o640)
    with pytest.raises(DatabaseUnusable, match="chmod 600"):
        await Database.open(path)


async def test_a_write_that_fails_leaves_nothing(db: Database) -> None:
    async def fail() -> None:
        async with db.write() as connection:
            await connection.exec_driver_sql("INSERT INTO key_checks VALUES ('k', x'00')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with db.read() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM key_checks")).scalar_one() == 0


async def test_writers_that_read_first_wait_for_each_other(tmp_path: Path) -> None:
    """With deferred transactions the later of two such writers fails at once, whatever the timeout."""
    path = tmp_path / "shop.db"

    async def count_up(database: Database) -> None:
        for _ in range(5):
            async with database.write() as connection:
                query = await connection.exec_driver_sql("SELECT count(*) FROM key_checks")
                await connection.exec_driver_sql(
                    "INSERT INTO key_checks VALUES (?, x'')", (query.scalar_one(),)
                )

    async with await Database.open(path, migrate=True) as one, await Database.open(path) as other:
        await asyncio.gather(count_up(one), count_up(other), count_up(one), count_up(other))
        async with one.read() as connection:
            assert (await connection.exec_driver_sql("SELECT count(*) FROM key_checks")).scalar_one() == 20


async def test_an_error_of_the_database_quotes_no_value(db: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with db.write() as connection:
            await connection.exec_driver_sql("INSERT INTO key_checks VALUES (?, NULL)", ("Harriet Vane",))
    assert "Harriet" not in str(caught.value)


async def test_a_copy_has_all_rows_and_is_its_owners_alone(db: Database, tmp_path: Path) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql("INSERT INTO key_checks VALUES ('k', x'00')")
    copy = tmp_path / "copy.db"
    await db.copy_to(copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    async with await Database.open(copy) as copied, copied.read() as connection:
        assert (await connection.exec_driver_sql("SELECT key_id FROM key_checks")).scalar_one() == "k"
