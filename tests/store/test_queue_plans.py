"""How the queue is read: from indexes alone, in the order of the rules, and as fast with very many orders."""

from __future__ import annotations

import random
import re
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from bridge.rules.worklist import Part, Why, Work, place_of
from bridge.store.database import Database, now_ms
from bridge.store.folding import folded
from bridge.store.lanes import Session
from bridge.store.managers import add_manager
from bridge.store.schema import assignments, contacts, customers, orders
from bridge.store.worklist import Cursor, Filter, queue_counts, queue_line, queue_page

NOW = now_ms()
ORDERS, MANAGERS = 100_000, 50
NAMES = ("Harriet Vane", "Иван Котов", "Peter Wimsey", "Ольга Ёлкина", "Bunter")

FULL_SCAN_OF_ORDERS = re.compile(r"SCAN orders\b")
INDEX_OF_A_PART = re.compile(r"ix_orders_(?:to_call|waited_for|done)")


def an_order(chance: random.Random, place: int, customer_id: int) -> dict[str, Any]:
    why = chance.choice(list(Why))
    timed = (
        why is Why.CALL_BACK or why is Why.CUSTOMER_CALLED or (why is Why.NO_ANSWER and chance.random() < 0.9)
    )
    return {
        "code": str(1000 + place),
        "customer_id": customer_id,
        "summary": "Two shelves",
        "state": "closed" if why is Why.DONE else "open",
        "created_ms": NOW - chance.randrange(100) * 60_000,
        "why": why.value,
        "due_ms": NOW + chance.randrange(-(10**7), 10**7) if timed else None,
        "attempts": 0,
        "priority": chance.choice([0, 0, 0, 7]),
    }


async def fill(database: Database, *, orders_in_all: int, managers_in_all: int) -> None:
    """A customer for each order but every fifth, all of them served by somebody."""
    chance = random.Random(7)
    for place in range(managers_in_all):
        await add_manager(database, f"Manager {place}", str(100 + place), actor="cli:test")
    ids = range(1, orders_in_all * 4 // 5 + 1)
    named = {id_: f"{chance.choice(NAMES)} {id_}" for id_ in ids}
    at = {"created_ms": NOW}
    tables = (
        (
            customers,
            [
                at | {"id": id_, "name": named[id_], "folded": folded(named[id_]), "data_key": b"k"}
                for id_ in ids
            ],
        ),
        (contacts, [at | a_contact(id_) for id_ in ids]),
        (orders, [an_order(chance, place, place % len(ids) + 1) for place in range(orders_in_all)]),
        (
            assignments,
            [
                {"customer_id": id_, "manager_id": chance.randrange(managers_in_all) + 1, "since_ms": NOW}
                for id_ in ids
            ],
        ),
    )
    async with database.write() as connection:
        for table, rows in tables:
            await connection.execute(insert(table), rows)


def a_contact(customer_id: int) -> dict[str, Any]:
    return {
        "id": customer_id,
        "customer_id": customer_id,
        "kind": "phone",
        "standing": "usable",
        "position": 1,
        "sealed": b"sealed",
        "blind_index": customer_id.to_bytes(8, "big"),
        "region": "GB",
        "line_type": "mobile",
    }


@pytest.fixture
async def some(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        await fill(database, orders_in_all=500, managers_in_all=3)
        yield database


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        await fill(database, orders_in_all=ORDERS, managers_in_all=MANAGERS)
        yield database


@pytest.mark.parametrize("manager_id", [1, None])
@pytest.mark.parametrize("shown", Filter)
async def test_a_queue_is_read_in_the_order_of_the_rules(
    some: Database, shown: Filter, manager_id: int | None
) -> None:
    lines, start = [], Cursor(NOW, Part.DUE)
    while True:
        page = await queue_page(some, shown, manager_id=manager_id, start=start, limit=17)
        lines += page.lines
        if page.next is None:
            break
        start = Cursor.read(str(page.next))
    expected = [order for order in await all_orders(some, manager_id) if belongs(order, shown)]
    assert [line.code for line in lines] == [code for _, code in sorted(map(key, expected))]


def key(order: Any) -> tuple[tuple[int, int, int], str]:
    part, first, second = place_of(work_of(order), order.created_ms, NOW)
    return (list(Part).index(part), first, second), order.code


def work_of(order: Any) -> Work:
    return Work(order.state, Why(order.why), order.attempts, order.due_ms, order.priority)


def belongs(order: Any, shown: Filter) -> bool:
    part = place_of(work_of(order), order.created_ms, NOW)[0]
    match shown:
        case Filter.ALL:
            return True
        case Filter.TO_CALL:
            return part in (Part.DUE, Part.NOW)
        case Filter.NEW:
            return part is Part.NOW and order.why == "new"
        case Filter.NO_ANSWER:
            return part is Part.NOW and order.why == "no-answer"
    return part.value == shown.value


async def all_orders(database: Database, manager_id: int | None) -> list[Any]:
    query = orders.select().join(assignments, assignments.c.customer_id == orders.c.customer_id)
    if manager_id is not None:
        query = query.where(assignments.c.manager_id == manager_id)
    async with database.read() as connection:
        return list((await connection.execute(query)).all())


@pytest.mark.parametrize("manager_id", [1, None])
async def test_counts_are_those_of_the_parts(some: Database, manager_id: int | None) -> None:
    counts = await queue_counts(some, NOW, manager_id=manager_id)
    found = await all_orders(some, manager_id)
    counted = {
        shown: sum(belongs(order, shown) for order in found)
        for shown in (Filter.DUE, Filter.NEW, Filter.NO_ANSWER, Filter.LATER, Filter.DONE)
    }
    assert counted == {
        Filter.DUE: counts.due,
        Filter.NEW: counts.new,
        Filter.NO_ANSWER: counts.no_answer,
        Filter.LATER: counts.later,
        Filter.DONE: counts.done,
    }


@contextmanager
def statements_run() -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []
    execute = Session.execute

    def note(session: Session, statement: Any, parameters: Any) -> Any:
        compiled = session._compile(statement, tuple(parameters))
        seen.append((compiled.text, compiled.values(parameters)))
        return execute(session, statement, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "execute", note)
        yield seen


async def test_no_managers_page_scans_the_orders_and_none_of_all_but_by_its_index(some: Database) -> None:
    with statements_run() as seen:
        for manager_id in (1, None):
            for sought in ("", "котов", "10"):
                await queue_page(
                    some,
                    Filter.ALL,
                    manager_id=manager_id,
                    sought=sought,
                    start=Cursor(NOW, Part.DUE),
                    limit=500,
                )
            await queue_line(some, "1042", manager_id=manager_id)
        await queue_counts(some, NOW, manager_id=1)
    assert len(seen) > 20
    async with some.read() as connection:
        for statement, parameters in seen:
            plan = [
                row[3]
                for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
            whole = [step for step in plan if FULL_SCAN_OF_ORDERS.search(step)]
            allowed = [step for step in whole if INDEX_OF_A_PART.search(step)]
            assert whole == allowed, (statement, plan)
            if "JOIN orders ON" in statement:
                assert whole == [], "a manager's"


async def test_a_page_takes_a_few_milliseconds_with_a_hundred_thousand_orders(many: Database) -> None:
    for manager_id, sought, most_ms in (
        (1, "", 50),
        (None, "", 50),
        (1, "котов", 100),
        (None, "vane 77", 150),
    ):
        took = []
        for _ in range(7):
            began = time.perf_counter()
            await queue_page(
                many, Filter.ALL, manager_id=manager_id, sought=sought, start=Cursor(NOW, Part.DUE), limit=50
            )
            took.append((time.perf_counter() - began) * 1000)
        assert min(took) < most_ms, (manager_id, sought, statistics.median(took))
