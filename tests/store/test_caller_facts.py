"""Whom a blind index belongs to, as far as a call that comes in is concerned."""

from __future__ import annotations

import pytest

from bridge.rules.callbacks import Attendant
from bridge.rules.dialling import Role
from bridge.store.audit import AuditEntry
from bridge.store.callbacks import caller_facts, code_facts
from bridge.store.database import Database
from bridge.store.managers import Manager, add_manager, disable_manager
from bridge.store.panic import Panic, begin_panic
from bridge.store.records import (
    Dialled,
    Finished,
    NewCall,
    Rung,
    begin_call,
    dial_facts,
    note,
    open_calls,
    recent_calls,
)
from bridge.store.tolls import calls_of_a_day

NOW = 1_800_000_000_000
SUPERVISORS = frozenset({Role.SUPERVISOR})
ENTRY = AuditEntry(NOW, "customer", "callback", "order 1042")

pytestmark = pytest.mark.usefixtures("orders")


def callback(id_: str = "c", manager_id: int = 1, started_ms: int = NOW) -> NewCall:
    return NewCall(id_, "callback", "1042", manager_id, 1, None, started_ms, customer_channel="1732.5")


async def run(db: Database, statement: str) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql(statement)


async def codes(db: Database, index: bytes = b"index-1") -> set[str]:
    return {order.code for order in (await caller_facts(db, index, SUPERVISORS)).orders}


async def test_every_open_order_is_found_by_any_of_the_customers_numbers(db: Database) -> None:
    assert await codes(db) == await codes(db, b"index-2") == {"1042", "0042"}
    assert await codes(db, b"index-3") == set()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE contacts SET standing = 'wrong'",
        "UPDATE contacts SET proposed_by = 1, proposed_ms = 1",
        "UPDATE orders SET state = 'closed'",
        "UPDATE customers SET data_key = NULL",
    ],
)
async def test_what_is_not_certainly_theirs_is_not_found(db: Database, change: str) -> None:
    await run(db, change)
    assert await codes(db) == set()


async def test_a_suspect_number_is_still_theirs(db: Database) -> None:
    await run(db, "UPDATE contacts SET standing = 'suspect'")
    assert await codes(db) == {"1042", "0042"}


async def test_when_an_order_was_last_called_about(db: Database) -> None:
    await begin_call(db, NewCall("a", "dial-order", "1042", 1, 1, None, NOW), ENTRY)
    await begin_call(db, NewCall("b", "dial-order", "0042", 1, 1, None, NOW + 1), ENTRY)
    await note(db, [Finished("b", NOW + 2, "refused", None)])
    found = (await caller_facts(db, b"index-1", SUPERVISORS)).orders
    assert {order.code: order.last_called_ms for order in found} == {"1042": NOW, "0042": None}


async def test_who_may_be_rung_is_enabled_and_serves_them_or_stands_in(
    db: Database, managers: tuple[Manager, Manager]
) -> None:
    clara = await add_manager(db, "Clara", "103", Role.SUPERVISOR, actor="cli:alice")
    serving, standing_in = Attendant(managers[0].id, "101"), Attendant(clara.id, "103")
    assert set((await caller_facts(db, b"index-1", SUPERVISORS)).attendants) == {serving, standing_in}
    assert (await caller_facts(db, b"index-1", frozenset())).attendants == (serving,)
    assert len((await caller_facts(db, b"index-1", frozenset(Role))).attendants) == 3
    await disable_manager(db, "101", "cli:alice")
    assert (await caller_facts(db, b"index-1", SUPERVISORS)).attendants == (standing_in,)


async def test_an_order_is_found_by_its_code_and_by_no_contact(
    db: Database, managers: tuple[Manager, Manager]
) -> None:
    clara = await add_manager(db, "Clara", "103", Role.SUPERVISOR, actor="cli:alice")
    facts = await code_facts(db, "1042", SUPERVISORS)
    assert [(order.code, order.contact_id) for order in facts.orders] == [("1042", None)]
    assert set(facts.attendants) == {Attendant(managers[0].id, "101"), Attendant(clara.id, "103")}
    assert not facts.panic


@pytest.mark.parametrize(
    "change", ["UPDATE orders SET state = 'closed'", "UPDATE customers SET data_key = NULL"]
)
async def test_no_code_leads_to_an_order_that_is_done_with(db: Database, change: str) -> None:
    await run(db, change)
    assert (await code_facts(db, "1042", SUPERVISORS)).orders == ()


@pytest.mark.parametrize("code", ["", "7777", "104", "10422", "%", "1042 "])
async def test_what_is_no_orders_code_finds_nothing(db: Database, code: str) -> None:
    facts = await code_facts(db, code, SUPERVISORS)
    assert (facts.orders, facts.attendants) == ((), ())


async def test_a_panic_is_seen(db: Database) -> None:
    assert not (await caller_facts(db, b"index-1", SUPERVISORS)).panic
    await begin_panic(db, Panic(NOW, "cli:alice", "a test"))
    assert (await caller_facts(db, b"index-1", SUPERVISORS)).panic


async def test_a_callback_is_on_record_with_who_was_rung_last(db: Database) -> None:
    await begin_call(db, callback(), ENTRY)
    await note(db, [Rung("c", 1), Rung("c", 2)])
    (left,) = await open_calls(db)
    assert (left.extension, left.manager_channel, left.customer_channel) == ("102", None, "1732.5")
    await note(db, [Rung("c", 1), Finished("c", NOW + 1, "missed", None)])
    await note(db, [Rung("c", 2)])
    (ended,) = await recent_calls(db)
    assert (ended.manager_id, ended.kind, ended.result) == (1, "callback", "missed")


async def test_a_callback_counts_against_no_limit(db: Database) -> None:
    await begin_call(db, callback(started_ms=NOW - 1000), ENTRY)
    facts = await dial_facts(db, Dialled("101", "1042", NOW))
    assert (facts.calls_last_hour, facts.calls_last_day) == (0, 0)
    assert await calls_of_a_day(db, NOW) == []
