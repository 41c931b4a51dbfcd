"""The database's driver: a statement costs one trip to SQLite's thread, and says all that it has to say."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.store.driver import Connection, Cursor, connect

MANY = 1000


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Connection]:
    opened = await connect(tmp_path / "file.db", timeout_s=5)
    cursor = opened.cursor()
    await cursor.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY, name TEXT)")
    await cursor.execute("BEGIN")
    await cursor.executemany("INSERT INTO numbers VALUES (?, ?)", [(n, f"name {n}") for n in range(MANY)])
    await cursor.execute("COMMIT")
    yield opened
    await opened.close()


@asynccontextmanager
async def cursor_of(connection: Connection) -> AsyncIterator[Cursor]:
    """A cursor that is closed in the end, as SQLAlchemy closes its own."""
    cursor = connection.cursor()
    yield cursor
    await cursor.close()


def trips(connection: Connection) -> int:
    return connection._asked


async def test_a_statement_with_its_rows_is_one_trip(connection: Connection) -> None:
    before = trips(connection)
    async with cursor_of(connection) as cursor:
        await cursor.execute("SELECT name FROM numbers WHERE n < ?", (3,))
        assert cursor.description is not None
        assert cursor.description[0][0] == "name"
        assert await cursor.fetchall() == [("name 0",), ("name 1",), ("name 2",)]
    assert trips(connection) - before == 1


async def test_a_change_is_one_trip_and_tells_how_many_rows(connection: Connection) -> None:
    before = trips(connection)
    async with cursor_of(connection) as cursor:
        await cursor.execute("UPDATE numbers SET name = ? WHERE n < ?", ("", 7))
        assert (cursor.rowcount, cursor.description) == (7, None)
        await cursor.execute("INSERT INTO numbers VALUES (?, ?)", (5000, "new"))
        assert cursor.lastrowid == 5000
    assert trips(connection) - before == 2


async def test_all_rows_of_a_large_answer_come_in_order(connection: Connection) -> None:
    async with cursor_of(connection) as cursor:
        await cursor.execute("SELECT n FROM numbers ORDER BY n")
        assert await cursor.fetchone() == (0,)
        assert await cursor.fetchmany(2) == [(1,), (2,)]
        assert [n for (n,) in await cursor.fetchall()] == list(range(3, MANY))
        assert await cursor.fetchone() is None


async def test_a_large_answer_is_not_read_before_it_is_asked_for(connection: Connection) -> None:
    """A row that is not there yet while the statement runs on can only be seen if rows are still fetched."""
    async with cursor_of(connection) as reader, cursor_of(connection) as writer:
        await reader.execute("SELECT n FROM numbers ORDER BY n")
        await writer.execute("INSERT INTO numbers VALUES (?, ?)", (MANY, "late"))
        assert (await reader.fetchall())[-1] == (MANY,)


async def test_an_answer_that_is_left_half_read_holds_nothing(connection: Connection, tmp_path: Path) -> None:
    cursor = connection.cursor()
    await cursor.execute("SELECT n FROM numbers")
    await cursor.close()
    with sqlite3.connect(tmp_path / "file.db") as other:
        other.execute("DROP TABLE numbers")  # locked while anybody reads
    other.close()


async def test_a_failing_statement_raises_sqlites_error(connection: Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await connection.cursor().execute("SELECT 1 FROM nowhere")


async def test_a_rollback_of_nothing_makes_no_trip(connection: Connection) -> None:
    before = trips(connection)
    await connection.rollback()
    assert trips(connection) == before


async def test_a_rollback_undoes_a_transaction(connection: Connection) -> None:
    cursor = connection.cursor()
    await cursor.execute("BEGIN IMMEDIATE")
    await cursor.execute("DELETE FROM numbers")
    await connection.rollback()
    await cursor.execute("SELECT count(*) FROM numbers")
    assert await cursor.fetchone() == (MANY,)


async def test_a_rollback_waits_for_a_beginning_that_nobody_awaits_any_more(
    connection: Connection, tmp_path: Path
) -> None:
    """Else a cancelled call would leave a connection in a transaction, which holds up every other writer."""
    other = sqlite3.connect(tmp_path / "file.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.get_running_loop().create_task(connection.cursor().execute("BEGIN IMMEDIATE"))
    while trips(connection) == connection._done:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    undoing = asyncio.get_running_loop().create_task(connection.rollback())
    other.execute("COMMIT")
    await undoing
    while trips(connection) != connection._done:
        await asyncio.sleep(0.01)
    assert not connection.in_transaction
    other.close()
