"""The audit's chain: whatever is done to a row, the head or the end of it, is found and named."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from bridge.store import migrations
from bridge.store.audit import AuditEntry, Wanted, find_rows, last_row, write_entry
from bridge.store.audit_chain import Head
from bridge.store.audit_check import Fault, Finding, Wrong, verify_audit, verify_rows
from bridge.store.database import Database
from bridge.store.records import NewCall, begin_call, recent_calls
from bridge.store.schema import APPLICATION_ID
from bridge.vault import AuditSigner, KeyRing

SIGNER = AuditSigner(KeyRing.new().audit)
ROWS = 12
UNSIGNED = {3, 4, 8, 12}
"""Written without the key; the last of them nobody vouches for."""

CHAIN = {
    "at_ms": st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    "actor": st.text() | st.binary(),
    "act": st.text() | st.binary(),
    "subject": st.text() | st.binary(),
    "detail": st.text() | st.binary(),
    "signed": st.integers(0, 1),
    "link": st.binary(min_size=32, max_size=32) | st.binary() | st.text(),
}
HEAD = {
    "row_id": st.integers(0, 2 * ROWS),
    "link": st.binary(min_size=32, max_size=32) | st.text(),
    "signature": st.binary(min_size=32, max_size=32) | st.text(),
}


def entry(number: int) -> AuditEntry:
    return AuditEntry(number, f"extension 10{number % 3}", "dial", f"order {number}", "contact 1")


async def write(db: Database, number: int, *, signed: bool = True) -> None:
    db.sign_audit_with(SIGNER if signed else None)
    await write_on(db, number)


async def write_on(db: Database, number: int) -> None:
    """Write with the pen that the last row was written with."""
    async with db.write() as connection:
        await write_entry(connection, entry(number))


@pytest.fixture
async def chain(db: Database) -> Database:
    for number in range(1, ROWS + 1):
        await write(db, number, signed=number not in UNSIGNED)
    return db


async def test_a_chain_as_it_was_written_is_sound(chain: Database) -> None:
    assert await verify_audit(chain, SIGNER) == Finding(ROWS, unsigned=4, unvouched=1, fault=None)


async def test_an_empty_audit_is_sound(db: Database) -> None:
    assert await verify_audit(db, SIGNER) == Finding(0, 0, 0, None)


async def test_the_key_of_another_shop_verifies_nothing(chain: Database) -> None:
    found = await verify_audit(chain, AuditSigner(KeyRing.new().audit))
    assert found.fault == Fault(Wrong.ALTERED, 1)


# --- one change, any change ---


Statement = tuple[str, tuple[Any, ...]]


class Undo(Exception):
    """Ends a transaction whose changes were only for looking at."""


async def after(db: Database, *statements: Statement, elsewhere: Head | None = None) -> Finding:
    """What verification says once the statements have been run; nothing of them is kept."""
    found: list[Finding] = []

    async def try_out() -> None:
        async with db.write() as connection:
            await connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            for statement, values in statements:
                await connection.exec_driver_sql(statement, values)
            found.append(await verify_rows(connection, SIGNER, elsewhere))
            raise Undo

    with pytest.raises(Undo):
        await try_out()
    return found[0]


@pytest.fixture(scope="module")
def made_chain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    loop = asyncio.new_event_loop()

    async def make() -> Database:
        db = await Database.open(tmp_path_factory.mktemp("chain") / "shop.db", migrate=True)
        for number in range(1, ROWS + 1):
            await write(db, number, signed=number not in UNSIGNED)
        return db

    db = loop.run_until_complete(make())
    yield loop, db
    loop.run_until_complete(db.close())
    loop.close()


async def is_stored(db: Database, row: int, name: str, value: Any) -> bool:
    """Whether SQLite would store this very value in this column, which is then no change."""
    query = f"SELECT {name} IS ? AND typeof({name}) = typeof(?) FROM audit WHERE id = ?"
    async with db.read() as connection:
        return bool((await connection.exec_driver_sql(query, (value, value, row))).scalar_one())


mutations = settings(max_examples=60, deadline=None)
ids = st.integers(1, ROWS)


@mutations
@given(data=st.data(), row=ids, name=st.sampled_from(sorted(CHAIN)))
def test_any_value_of_any_row_that_is_changed_is_found(
    made_chain: Any, data: Any, row: int, name: str
) -> None:
    loop, db = made_chain
    value = data.draw(CHAIN[name])
    assume(not loop.run_until_complete(is_stored(db, row, name, value)))
    found = loop.run_until_complete(after(db, (f"UPDATE audit SET {name} = ? WHERE id = ?", (value, row))))
    assert found.fault == Fault(Wrong.ALTERED, row)


@mutations
@given(data=st.data(), name=st.sampled_from(sorted(HEAD)))
def test_any_change_of_the_head_is_found(made_chain: Any, data: Any, name: str) -> None:
    loop, db = made_chain
    value = data.draw(HEAD[name])

    async def check() -> None:
        async with db.read() as connection:
            before = (await connection.exec_driver_sql(f"SELECT {name} FROM audit_head")).scalar_one()
        found = await after(db, (f"UPDATE audit_head SET {name} = ?", (value,)))
        assert (found.fault is None) == (before == value)

    loop.run_until_complete(check())


@mutations
@given(row=ids)
def test_any_row_that_is_removed_is_named(made_chain: Any, row: int) -> None:
    loop, db = made_chain
    found = loop.run_until_complete(after(db, ("DELETE FROM audit WHERE id = ?", (row,))))
    assert found.fault == Fault(Wrong.MISSING, row)


@mutations
@given(row=ids)
def test_rows_closed_up_over_a_removed_one_are_found(made_chain: Any, row: int) -> None:
    loop, db = made_chain
    found = loop.run_until_complete(
        after(
            db,
            ("DELETE FROM audit WHERE id = ?", (row,)),
            ("UPDATE audit SET id = -id WHERE id > ?", (row,)),
            ("UPDATE audit SET id = -id - 1 WHERE id < 0", ()),
            ("UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'audit'", ()),
        )
    )
    # Nobody vouches for the last row, which is unsigned: with SQLite's own count set back it never was.
    assert found.fault == (None if row == ROWS else Fault(Wrong.ALTERED, row))


@mutations
@given(first=st.integers(1, ROWS))
def test_rows_cut_off_at_the_end_are_missed_whatever_sqlite_remembers(made_chain: Any, first: int) -> None:
    loop, db = made_chain
    cut = ("DELETE FROM audit WHERE id >= ?", (first,))
    found = loop.run_until_complete(after(db, cut))
    assert found.fault == Fault(Wrong.MISSING, first)
    found = loop.run_until_complete(after(db, cut, ("DELETE FROM sqlite_sequence", ())))
    assert found.fault == (None if first == ROWS else Fault(Wrong.MISSING, first))


@mutations
@given(one=ids, other=ids)
def test_rows_that_change_places_are_found(made_chain: Any, one: int, other: int) -> None:
    loop, db = made_chain
    swap = (
        ("UPDATE audit SET id = -1 WHERE id = ?", (one,)),
        ("UPDATE audit SET id = ? WHERE id = ?", (one, other)),
        ("UPDATE audit SET id = ? WHERE id = -1", (other,)),
    )
    found = loop.run_until_complete(after(db, *(swap if one != other else ())))
    assert found.fault == (None if one == other else Fault(Wrong.ALTERED, min(one, other)))


@mutations
@given(row=ids, copied=ids)
def test_a_row_that_is_slipped_in_is_found(made_chain: Any, row: int, copied: int) -> None:
    loop, db = made_chain
    columns = "at_ms, actor, act, subject, detail, signed, link"
    found = loop.run_until_complete(
        after(
            db,
            ("UPDATE audit SET id = -id - 1 WHERE id >= ?", (row,)),
            ("UPDATE audit SET id = -id WHERE id < 0", ()),
            (
                f"INSERT INTO audit (id, {columns}) SELECT ?, {columns} FROM audit WHERE id = ?",
                (row, copied if copied < row else copied + 1),
            ),
        )
    )
    # A copy of the row itself, in its own place, is the row; what was it before is then one too many.
    assert found.fault == Fault(Wrong.ALTERED, row + (copied == row))


@pytest.mark.parametrize("number", [0, -5, ROWS + 1, ROWS + 2])
async def test_a_row_added_before_or_after_all_others_is_found(chain: Database, number: int) -> None:
    found = await after(
        chain,
        (
            "INSERT INTO audit SELECT ?, at_ms, actor, act, subject, detail, signed, link"
            " FROM audit WHERE id = 12",
            (number,),
        ),
    )
    assert found.fault in (Fault(Wrong.ALTERED, number), Fault(Wrong.MISSING, ROWS + 1))


async def test_a_head_that_is_taken_away_is_missed(chain: Database) -> None:
    assert (await after(chain, ("DELETE FROM audit_head", ()))).fault == Fault(Wrong.HEAD, None)


async def test_a_head_that_is_taken_away_is_not_made_anew(chain: Database) -> None:
    async with chain.write() as connection:
        await connection.exec_driver_sql(
            "DELETE FROM audit WHERE id > 7"
        )  # the last one is then a signed row
        await connection.exec_driver_sql("DELETE FROM sqlite_sequence")
        await connection.exec_driver_sql("DELETE FROM audit_head")
    await write(chain, 8)
    assert (await verify_audit(chain, SIGNER)).fault == Fault(Wrong.HEAD, None)


async def test_a_transaction_that_was_undone_leaves_no_gap(db: Database) -> None:
    async def write_and_undo() -> None:
        async with db.write() as connection:
            await write_entry(connection, entry(2))
            raise Undo

    await write(db, 1)
    with pytest.raises(Undo):
        await write_and_undo()
    await write_on(db, 3)
    assert await verify_audit(db, SIGNER) == Finding(2, 0, 0, None)


@pytest.mark.parametrize("name", ["actor", "act", "subject", "detail", "link"])
async def test_a_value_of_the_same_bytes_and_another_type_is_found(chain: Database, name: str) -> None:
    kind = "TEXT" if name == "link" else "BLOB"
    found = await after(chain, (f"UPDATE audit SET {name} = CAST({name} AS {kind}) WHERE id = 5", ()))
    assert found.fault == Fault(Wrong.ALTERED, 5)


async def test_bytes_that_are_no_link_stop_neither_calls_nor_the_search(chain: Database) -> None:
    async with chain.write() as connection:
        await connection.exec_driver_sql("UPDATE audit SET link = CAST(x'ff00fe' AS TEXT) WHERE id = 12")
        await connection.exec_driver_sql("UPDATE audit_head SET link = CAST(x'ff00fe' AS TEXT)")
    await write(chain, 13)
    assert (await verify_audit(chain, SIGNER)).fault == Fault(Wrong.ALTERED, 12)


async def test_text_that_is_no_text_any_more_is_found_and_stops_nothing(chain: Database) -> None:
    found = await after(chain, ("UPDATE audit SET detail = CAST(x'ff00fe' AS TEXT) WHERE id = 5", ()))
    assert found.fault == Fault(Wrong.ALTERED, 5)


# --- somebody who knows how it works, and has no key ---


async def test_a_signed_row_replaced_by_an_unsigned_one_is_found_even_once_more_is_signed(
    db: Database,
) -> None:
    for number in (1, 2, 3):
        await write(db, number)
    head = await head_of(db)
    with sqlite3.connect(db.path) as connection:  # the forger's own writing, as if the third had never been
        connection.execute("DELETE FROM audit WHERE id = 3")
        connection.execute("UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'")
        connection.execute("DELETE FROM audit_head")
    connection.close()
    await write(db, 99, signed=False)
    await put_back(db, head)
    assert (await verify_audit(db, SIGNER)).fault == Fault(Wrong.ALTERED, 3)
    await write(db, 4)
    assert (await verify_audit(db, SIGNER)).fault == Fault(Wrong.ALTERED, 3)


async def test_rows_cut_off_stay_missing_once_others_are_written(db: Database) -> None:
    for number in (1, 2, 3):
        await write(db, number)
    with sqlite3.connect(db.path) as connection:
        connection.execute("DELETE FROM audit WHERE id > 1")
        connection.execute("DELETE FROM sqlite_sequence")
    connection.close()
    await write(db, 4)
    await write(db, 5)
    assert (await verify_audit(db, SIGNER)).fault == Fault(Wrong.MISSING, 2)


async def test_a_head_that_is_set_back_is_not_moved_on(db: Database) -> None:
    await write(db, 1)
    old = await head_of(db)
    await write(db, 2)
    await put_back(db, old)
    await write(db, 3)
    assert (await verify_audit(db, SIGNER)).fault == Fault(Wrong.HEAD, None)


async def test_a_whole_older_audit_is_told_by_a_head_kept_elsewhere(db: Database, tmp_path: Path) -> None:
    await write(db, 1)
    await db.copy_to(tmp_path / "older.db")
    await write(db, 2)
    kept = await last_row(db)
    assert kept is not None
    assert (await verify_audit(db, SIGNER, kept)).fault is None
    async with await Database.open(tmp_path / "older.db") as older:
        assert (await verify_audit(older, SIGNER)).fault is None
        assert (await verify_audit(older, SIGNER, kept)).fault == Fault(Wrong.MISSING, 2)
        await write(older, 3)
        assert (await verify_audit(older, SIGNER, kept)).fault == Fault(Wrong.ELSEWHERE, 2)


Stored = tuple[int, int, bytes, bytes]


async def head_of(db: Database) -> Stored:
    async with db.read() as connection:
        row = (await connection.exec_driver_sql("SELECT * FROM audit_head")).one()
    return row[0], row[1], row[2], row[3]


async def put_back(db: Database, head: Stored) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql("INSERT OR REPLACE INTO audit_head VALUES (?, ?, ?, ?)", head)


# --- writing ---


async def test_writers_of_several_processes_write_one_chain(db: Database) -> None:
    async with await Database.open(db.path) as other:
        for each in (db, other):
            each.sign_audit_with(SIGNER)
        await asyncio.gather(
            *(write_on(one, number) for number in range(20) for one in (db, other)),
        )
    assert await verify_audit(db, SIGNER) == Finding(40, 0, 0, None)


async def test_no_call_is_begun_whose_audit_row_cannot_be_written(db: Database) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql("DROP TABLE audit_head")
    db.sign_audit_with(SIGNER)
    with pytest.raises(Exception, match="audit_head"):
        await begin_call(db, NewCall("a", "dial-order", "1042", None, None, None, 1), entry(1))
    assert await recent_calls(db) == []


async def test_rows_are_looked_up_by_time_actor_act_and_order(chain: Database) -> None:
    async def found(**wanted: Any) -> list[int]:
        return [row.id for row in await find_rows(chain, Wanted(**wanted))]

    assert await found() == list(range(1, ROWS + 1))
    assert await found(since_ms=10) == [10, 11, 12]
    assert await found(actor="extension 100") == [3, 6, 9, 12]
    assert await found(actor="extension 100", since_ms=7) == [9, 12]
    assert await found(order_code="7") == [7]
    assert await found(act="refuse") == []
    assert [row.id for row in await find_rows(chain, Wanted(), limit=2)] == [11, 12]
    assert [row.signed for row in await find_rows(chain, Wanted(), limit=2)] == [True, False]


async def test_an_audit_from_before_the_chain_is_linked_by_the_migration(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_unchained_audit(path)
    async with await Database.open(path, migrate=True) as db:
        assert await verify_audit(db, SIGNER) == Finding(3, unsigned=3, unvouched=3, fault=None)
        await write(db, 4)
        assert await verify_audit(db, SIGNER) == Finding(4, unsigned=3, unvouched=0, fault=None)


def make_unchained_audit(path: Path) -> None:
    """A database of the migration before the chain, with three rows."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(migrations.config(connection), "0002")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(
            """
            INSERT INTO audit (at_ms, actor, act, subject, detail) VALUES
                (1, 'cli:alice', 'keys-new', 'k', ''), (2, 'daemon', 'dial', 'order 1042', 'contact 1'),
                (3, 'cli:алиса', 'panic', 'all calls', 'ложная тревога')
            """
        )
    engine.dispose()
    path.chmod(0o600)
