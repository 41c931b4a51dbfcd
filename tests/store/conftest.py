"""A shop's database on a real file, with two managers and one customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.store.database import Database
from bridge.store.managers import Manager, add_manager
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        yield database


@pytest.fixture
async def managers(db: Database) -> tuple[Manager, Manager]:
    return await add_manager(db, "Anna", "101", actor="cli:alice"), await add_manager(
        db, "Boris", "102", actor="cli:alice"
    )


@pytest.fixture
async def orders(db: Database, managers: tuple[Manager, Manager]) -> None:
    """Orders 1042 and 0042 of one customer with two contacts, served by the first manager."""
    async with db.write() as connection:
        await write_batch(
            connection,
            Batch(
                new_customers=[NewCustomer(1, "Harriet Vane", "en", b"wrapped")],
                new_contacts=[
                    NewContact(1, 1, "phone", 1, b"sealed-1", b"index-1", "GB", "mobile"),
                    NewContact(2, 1, "phone", 2, b"sealed-2", b"index-2", "GB", "fixed_line"),
                ],
                new_orders=[KnownOrder("1042", 1, "Two shelves"), KnownOrder("0042", 1, "A lamp")],
                assigned={1: managers[0].id},
            ),
        )
