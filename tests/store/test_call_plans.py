"""What a call asks of the database takes as long after the millionth call: no table is read whole."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from decided import refuse_call

from bridge.calls.model import Result
from bridge.rules.reading import Pace
from bridge.rules.worklist import Outcome
from bridge.store import driver
from bridge.store.audit import AuditEntry
from bridge.store.callbacks import caller_facts, code_facts
from bridge.store.cards import Reading, card, names_of_call, note_reading
from bridge.store.comparisons import compare_in_call
from bridge.store.database import Database
from bridge.store.misses import misses_since
from bridge.store.new_contacts import spoken_in
from bridge.store.outcomes import Said, count_result, leave_alone, record_outcome, undo_outcome
from bridge.store.records import (
    DAY_MS,
    Answered,
    ContactChange,
    Dialled,
    Finished,
    NewCall,
    Rung,
    begin_call,
    change_contact,
    dial_facts,
    note,
    open_calls,
    recorded_calls,
)
from bridge.store.texts import calls_to_follow, next_text
from bridge.store.tolls import calls_of_a_day
from bridge.store.webhook_outbox import count_waiting, forget_old, next_message

NOW = 1_800_000_000_000
GROWING = (
    *("calls", "orders", "customers", "contacts", "assignments", "outcomes", "notes", "texts"),
    *("audit", "card_reads", "do_not_call", "number_links", "voice_messages", "webhook_outbox", "alarms"),
)
"""Tables that have the more rows the longer a shop calls, and the more customers it has."""

OF_FEW = ("ix_calls_open", "ix_webhook_outbox_waiting", "ix_texts_waiting")
"""Indexes of the rows alone that are not done with."""

A_SCAN = re.compile(rf"SCAN ({'|'.join(GROWING)})\b(?! USING .*(?:{'|'.join(OF_FEW)}))")
AT_ONE_END = re.compile(r"ORDER BY (\w+)\.id(?: DESC)?\s+LIMIT")
"""Ends after the first rows, or the last."""

ENTRY = AuditEntry(NOW, "101", "dial", "order 1042")

pytestmark = pytest.mark.usefixtures("orders")


@pytest.fixture
def run_since(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that SQLite is given, by whatever way, its values in place."""
    seen: list[str] = []
    connect = sqlite3.connect

    def listened_to(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **settings)
        connection.set_trace_callback(seen.append)
        return connection

    monkeypatch.setattr(driver.sqlite3, "connect", listened_to)
    return seen


@pytest.fixture
async def listened(run_since: list[str], db: Database) -> AsyncIterator[Database]:
    async with await Database.open(db.path) as database:
        run_since.clear()
        yield database


def read_from_end_to_end(path: Path, statements: list[str]) -> dict[str, list[str]]:
    """By statement: the growing tables of which it looks at every row."""
    found = {
        statement: {table for step in plan for table in A_SCAN.findall(step)}
        - set(AT_ONE_END.findall(statement))
        for statement, plan in plans(path, statements).items()
    }
    return {statement: sorted(tables) for statement, tables in found.items() if tables}


def plans(path: Path, statements: list[str]) -> dict[str, list[str]]:
    """How SQLite means to run them, step by step."""
    connection = sqlite3.connect(path)
    found = {
        statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        for statement in dict.fromkeys(statements)
        if statement.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    }
    connection.close()
    return found


async def test_no_statement_of_a_call_reads_a_growing_table_from_end_to_end(
    run_since: list[str], listened: Database
) -> None:
    await live_through_calls(listened)
    assert len(run_since) > 50
    assert read_from_end_to_end(listened.path, run_since) == {}


async def test_a_managers_calls_are_counted_from_an_index_alone(
    run_since: list[str], listened: Database
) -> None:
    await dial_facts(listened, Dialled("101", "1042", NOW))
    ((_, plan),) = plans(listened.path, run_since).items()
    counts = [step for step in plan if step.startswith("SEARCH calls")]
    assert len(counts) == 2  # of the hour, and of the day without it
    assert all("USING COVERING INDEX" in step for step in counts), counts


async def live_through_calls(db: Database) -> None:
    """A call by code that goes on to a second contact, a refused one, and a customer's own."""
    await note_reading(db, Reading("1042", 1, None, NOW), Pace(10, 100))
    await card(db, "1042", sees=1)
    await dial_facts(db, Dialled("101", "1042", NOW, minute=700))
    await begin_call(db, NewCall("one", "dial-order", "1042", 1, 1, "m-one", NOW), ENTRY)
    await change_contact(db, ContactChange("one", 1, 2, Result.NO_ANSWER), ENTRY)
    await note(db, [Rung("one", 1), Answered("one", NOW)])
    await names_of_call(db, "1042", "101")
    await spoken_in(db, "1042", "one")
    await compare_in_call(db, "one", b"index-2", actor="manager:101", most=9, now_ms=NOW)
    await open_calls(db)
    await recorded_calls(db, ["one", "two"])
    await note(db, [Finished("one", NOW, "no-answer", 19)])
    await count_result(db, "one", Result.NO_ANSWER, NOW)
    said = Said(Outcome.NO_ANSWER, None, "one", 1, sees=1, actor="manager:101")
    recorded = await record_outcome(db, "1042", said, NOW)
    await undo_outcome(db, recorded.id, manager_id=1, actor="manager:101", now_ms=NOW)
    await leave_alone(db, "one", actor="manager:101", now_ms=NOW)
    await refuse_call(db, NewCall("two", "dial-order", "1042", 1, None, "m-two", NOW), ENTRY)
    await caller_facts(db, b"index-1", frozenset())
    await code_facts(db, "1042", frozenset())


async def test_what_a_daemon_asks_for_at_its_start_and_from_then_on_reads_no_growing_table_from_end_to_end(
    run_since: list[str], listened: Database
) -> None:
    await calls_of_a_day(listened, NOW)
    await misses_since(listened, NOW - DAY_MS, limit=10)
    await open_calls(listened)
    await next_text(listened, NOW)
    await calls_to_follow(listened, ["busy", "no-answer"], NOW - 60_000, NOW)
    await next_message(listened, 1, NOW)
    await count_waiting(listened)
    await forget_old(listened, NOW)
    assert len(run_since) >= 8
    assert read_from_end_to_end(listened.path, run_since) == {}


async def test_the_search_sees_what_is_read_from_end_to_end(run_since: list[str], listened: Database) -> None:
    async with listened.read() as connection:
        await connection.exec_driver_sql("SELECT count(*) FROM outcomes WHERE before = 'x'")
        await connection.exec_driver_sql("SELECT id FROM calls WHERE ended_ms IS NULL")
        await connection.exec_driver_sql("SELECT id FROM audit ORDER BY audit.id DESC LIMIT 1")
    assert list(read_from_end_to_end(listened.path, run_since).values()) == [["outcomes"]]
