"""A whole daemon sends texts: what is asked for, what follows a call, and none again after a restart."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hook_shop import LOOPBACK, until
from text_shop import HARRIET, POLICY, Operator

from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.records import Finished, NewCall, begin_call, note
from bridge.store.texts import TextAsked, ask_for_text, newest_texts
from labkit.lab import Lab

DIGITS = HARRIET[1:]
THREE_MINUTES_MS = 180_000


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    operator = Operator(tmp_path)
    await operator.start()
    yield operator
    operator.stop()


@pytest.fixture
async def lab(tmp_path: Path, operator: Operator) -> AsyncIterator[Lab]:
    orders = tmp_path / "orders.csv"
    with orders.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["order", "name", "phone", "manager"], ["1042", "Harriet Vane", HARRIET, "101"]]
        )
    texts = {
        "enabled": True,
        "url": operator.url("/ok"),
        "private_networks": list(LOOPBACK),
        "after": {"no-answer": "tried-to-reach"},
    }
    lab = await asyncio.to_thread(
        Lab.up, tmp_path / "lab", managers=1, orders=orders, settings={"texts": texts}
    )
    yield lab
    await asyncio.to_thread(lab.down)


async def call_in_vain(database: Database) -> None:
    """One that has ended a while ago."""
    async with database.read() as connection:
        found = await connection.exec_driver_sql("SELECT id FROM contacts")
        contact_id = found.scalar_one()
    ended_ms = now_ms() - THREE_MINUTES_MS
    call = NewCall("a-call", "dial-order", "1042", 1, contact_id, None, ended_ms - 30_000)
    await begin_call(database, call, AuditEntry(ended_ms, "101", "dial", "order 1042"))
    await note(database, [Finished("a-call", ended_ms, "no-answer", 19)])


async def test_a_daemon_sends_what_is_asked_for_and_what_follows_a_call_each_once(
    lab: Lab, operator: Operator
) -> None:
    async with await Database.open(lab.database_path) as database:

        async def one_is_sent() -> bool:
            # On record: a daemon that stops before it has heard the answer sends it again by the same id.
            return [text.outcome for text in await newest_texts(database, 9)] == ["sent"]

        async def another_is_sent() -> bool:
            return len(operator.taken()) >= 2

        asked = TextAsked("1042", "missed-call", 1, None, "desk:101")
        await ask_for_text(database, asked, POLICY, most_a_day=3, now_ms=now_ms())
        await until(one_is_sent)
        await call_in_vain(database)
        await asyncio.to_thread(lab.restart_daemon)
        await until(another_is_sent)
    words = [taken.told["text"] for taken in operator.taken()]
    assert {taken.told["to"] for taken in operator.taken()} == {HARRIET}
    missed_call, tried_to_reach = words
    assert "missed your call" in missed_call
    assert "tried to reach you about order 1042" in tried_to_reach
    for path in lab.folder.rglob("*"):
        if path.is_file() and path.suffix != ".csv":
            assert DIGITS[2:].encode() not in path.read_bytes(), path.name
