"""A shop from before the desk: what its orders and customers are to the queue."""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, text

from bridge.rules.worklist import Part
from bridge.store import migrations
from bridge.store.database import Database, now_ms
from bridge.store.folding import folded
from bridge.store.schema import APPLICATION_ID
from bridge.store.worklist import Cursor, Filter, queue_page


def make_old_shop(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(migrations.config(connection), "0003")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        for id_, name, state in ((1, "Пётр Ёлкин", "open"), (2, "Harriet  Vane", "closed")):
            values = {"id": id_, "name": name, "state": state}
            connection.execute(
                text("INSERT INTO customers (id, name, created_ms) VALUES (:id, :name, 0)"), values
            )
            connection.execute(
                text(
                    "INSERT INTO orders (code, customer_id, summary, state, created_ms)"
                    " VALUES (:id, :id, '', :state, 0)"
                ),
                values,
            )
    engine.dispose()


async def test_old_orders_are_in_the_queue_and_old_customers_are_found(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    make_old_shop(path)
    async with await Database.open(path, migrate=True) as database:
        found = {}
        for shown, sought in (
            (Filter.TO_CALL, ""),
            (Filter.DONE, ""),
            (Filter.ALL, "елк"),
            (Filter.ALL, "VANE"),
        ):
            page = await queue_page(
                database, shown, manager_id=None, sought=sought, start=Cursor(now_ms(), Part.DUE), limit=9
            )
            found[shown, sought] = [line.code for line in page.lines]
        async with database.read() as connection:
            names = await connection.exec_driver_sql("SELECT name, folded FROM customers")
            assert all(stored == folded(name) for name, stored in names)
    assert found == {
        (Filter.TO_CALL, ""): ["1"],
        (Filter.DONE, ""): ["2"],
        (Filter.ALL, "елк"): ["1"],
        (Filter.ALL, "VANE"): ["2"],
    }
