"""Since when a contact is doubted, as its calls tell of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from bridge.calls.model import Result
from bridge.rules.worklist import Came, Outcome
from bridge.store.database import Database
from bridge.store.schema import contacts, customers
from bridge.store.worth import let_call_tell


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        async with database.write() as connection:
            await connection.execute(insert(customers), {"id": 1, "name": "Anna", "created_ms": 0})
            contact = {
                "id": 1,
                "customer_id": 1,
                "kind": "phone",
                "standing": "usable",
                "position": 1,
                "sealed": b"",
                "blind_index": b"",
                "region": "GB",
                "line_type": "mobile",
                "created_ms": 0,
            }
            await connection.execute(insert(contacts), contact)
        yield database


async def after(db: Database, came: Came, at_ms: int) -> tuple[str, int | None]:
    async with db.write() as connection:
        await connection.run_sync(let_call_tell, 1, came, at_ms)
        row = (await connection.execute(select(contacts.c.standing, contacts.c.doubted_ms))).one()
    return row[0], row[1]


async def test_a_contact_is_doubted_since_the_call_that_made_it_suspect(db: Database) -> None:
    assert await after(db, Result.INVALID_NUMBER, 10) == ("usable", None)
    assert await after(db, Result.INVALID_NUMBER, 20) == ("suspect", 20)
    assert await after(db, Result.INVALID_NUMBER, 30) == ("suspect", 20), "it still is"
    assert (await after(db, Result.TALKED, 40))[0] == "usable"
    await after(db, Result.INVALID_NUMBER, 50)
    assert await after(db, Result.INVALID_NUMBER, 60) == ("suspect", 60), "it is doubted anew"
    assert (await after(db, Outcome.WRONG_NUMBER, 70))[0] == "wrong"
    assert (await after(db, Result.TALKED, 80))[0] == "wrong"


async def test_a_contact_that_is_gone_is_no_fault(db: Database) -> None:
    async with db.write() as connection:
        assert await connection.run_sync(let_call_tell, 99, Result.INVALID_NUMBER, 10) is None
