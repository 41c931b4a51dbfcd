"""Calls on record, and the facts that decide whether one may be placed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from bridge.store.audit import AuditEntry, recent_entries
from bridge.store.database import Database
from bridge.store.managers import Manager
from bridge.store.orders import assign_customer
from bridge.store.records import (
    DAY_MS,
    HOUR_MS,
    NewCall,
    OrderRef,
    SealedContact,
    begin_call,
    dial_facts,
    finish_call,
    mark_answered,
    open_calls,
    recent_calls,
    refuse_call,
)

NOW = 1_800_000_000_000

pytestmark = pytest.mark.usefixtures("orders")


def call(id_: str, *, started_ms: int = NOW, manager_id: int | None = 1, code: str = "1042") -> NewCall:
    return NewCall(id_, "dial-order", code, manager_id, None, None, started_ms)


def entry(act: str = "call") -> AuditEntry:
    return AuditEntry(NOW, "101", act, "order 1042")


async def run(db: Database, statement: str, *values: object) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql(statement, values)


async def test_the_facts_of_a_dialled_order(db: Database, managers: tuple[Manager, Manager]) -> None:
    facts = await dial_facts(db, "101", "1042", NOW)
    assert facts.manager == managers[0]
    assert facts.order == OrderRef("1042", 1, "open")
    assert facts.assigned_manager_id == managers[0].id
    assert facts.contact == SealedContact(1, 1, "phone", None, b"sealed-1", b"wrapped", "GB", "mobile")
    assert (facts.calls_last_hour, facts.calls_last_day) == (0, 0)


async def test_leading_zeros_of_a_code_matter(db: Database) -> None:
    assert (await dial_facts(db, "101", "42", NOW)).order is None
    assert (await dial_facts(db, "101", "0042", NOW)).order == OrderRef("0042", 1, "open")


@pytest.mark.parametrize(("extension", "code"), [("101", "9999"), ("999", "1042"), ("999", "9999")])
async def test_an_unknown_code_or_extension_takes_the_same_single_statement(
    db: Database, extension: str, code: str
) -> None:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(db._engine.sync_engine, "before_cursor_execute", note)
    known = await dial_facts(db, "101", "1042", NOW)
    unknown = await dial_facts(db, extension, code, NOW)
    assert len(statements) == 2
    assert statements[0] == statements[1]
    assert (unknown.manager is None) == (extension == "999")
    assert (unknown.order is None) == (code == "9999")
    assert known.order is not None


@pytest.mark.parametrize(
    ("standings", "dialled"),
    [
        (("usable", "usable"), 1),
        (("suspect", "usable"), 2),
        (("suspect", "suspect"), 1),
        (("wrong", "suspect"), 2),
        (("wrong", "wrong"), None),
    ],
)
async def test_the_contact_most_likely_right_is_dialled(
    db: Database, standings: tuple[str, str], dialled: int | None
) -> None:
    for contact_id, standing in enumerate(standings, 1):
        await run(db, "UPDATE contacts SET standing = ? WHERE id = ?", standing, contact_id)
    contact = (await dial_facts(db, "101", "1042", NOW)).contact
    assert (contact.contact_id if contact else None) == dialled


async def test_an_erased_customer_has_no_contact_to_dial(db: Database) -> None:
    await run(db, "UPDATE customers SET data_key = NULL")
    facts = await dial_facts(db, "101", "1042", NOW)
    assert facts.order is not None
    assert facts.contact is None


async def test_placed_calls_of_the_last_hour_and_day_are_counted(db: Database) -> None:
    for id_, age in (
        ("now", 0),
        ("hour", HOUR_MS - 1),
        ("out", HOUR_MS),
        ("day", DAY_MS - 1),
        ("old", DAY_MS),
    ):
        await begin_call(db, call(id_, started_ms=NOW - age), entry())
    await finish_call(db, "now", "talked", 16, NOW + 1)
    await refuse_call(db, call("refused"), entry("refuse"))
    await begin_call(db, call("other", manager_id=2), entry())
    facts = await dial_facts(db, "101", "1042", NOW)
    assert (facts.calls_last_hour, facts.calls_last_day) == (2, 4)


async def test_a_reassigned_customer_is_anothers(db: Database, managers: tuple[Manager, Manager]) -> None:
    await assign_customer(db, "0042", "102")
    assert (await dial_facts(db, "101", "1042", NOW)).assigned_manager_id == managers[1].id


async def test_a_call_and_its_audit_entry_are_recorded_together_or_not_at_all(db: Database) -> None:
    await begin_call(db, call("a"), entry())
    with pytest.raises(IntegrityError):
        await begin_call(db, call("a"), entry())
    assert await recent_entries(db) == [entry()]
    with pytest.raises(IntegrityError):
        await begin_call(db, call("b"), AuditEntry(NOW, None, "call", "order"))  # type: ignore[arg-type]
    assert [record.id for record in await recent_calls(db)] == ["a"]


async def test_the_first_word_on_a_call_stands(db: Database) -> None:
    await begin_call(db, call("a"), entry())
    await mark_answered(db, "a", NOW + 1)
    await mark_answered(db, "a", NOW + 2)
    await finish_call(db, "a", "talked", 16, NOW + 3)
    await finish_call(db, "a", "failed", 38, NOW + 4)
    await mark_answered(db, "a", NOW + 5)
    (record,) = await recent_calls(db)
    assert (record.answered_ms, record.ended_ms) == (NOW + 1, NOW + 3)
    assert (record.result, record.cause) == ("talked", 16)


async def test_a_refused_call_is_over_at_once(db: Database) -> None:
    await refuse_call(db, call("a", manager_id=None, code="9999"), entry("refuse"))
    assert await open_calls(db) == []
    (record,) = await recent_calls(db)
    assert (record.result, record.ended_ms, record.manager_id) == ("refused", NOW, None)
    assert await recent_entries(db) == [entry("refuse")]


async def test_a_successor_finds_the_calls_that_have_not_ended(db: Database) -> None:
    for id_, age in (("ended", 3), ("newer", 1), ("older", 2)):
        await begin_call(db, call(id_, started_ms=NOW - age), entry())
    await finish_call(db, "ended", "busy", 17, NOW)
    assert [(open_.id, open_.extension) for open_ in await open_calls(db)] == [
        ("older", "101"),
        ("newer", "101"),
    ]
    assert [record.id for record in await recent_calls(db, 2)] == ["newer", "older"]
