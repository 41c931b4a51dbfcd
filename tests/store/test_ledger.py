"""What became of calls, on a real database: in order, together where it can be, and until it is on disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.calls.model import Result
from bridge.store.audit import AuditEntry
from bridge.store.database import Database
from bridge.store.records import NewCall, OpenCall, begin_call, open_calls, recent_calls
from bridge.switchboard.ledger import Ledger

CALLS = 250
NOW = 1_800_000_000_000

pytestmark = pytest.mark.usefixtures("orders")


class CountingDatabase(Database):
    """One that knows how often it was written to."""

    commits = 0

    async def write_in_one_trip(self, *args: Any, **kwargs: Any) -> Any:
        done = await super().write_in_one_trip(*args, **kwargs)
        self.commits += 1
        return done


@contextmanager
def locked(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def test_what_a_locked_database_has_held_up_shares_a_few_commits(db: Database) -> None:
    for index in range(CALLS):
        call = NewCall(f"call-{index}", "dial-order", "1042", 1, None, None, NOW)
        await begin_call(db, call, AuditEntry(NOW, "101", "dial", "order 1042"))
    async with await CountingDatabase.open(db.path) as database:
        ledger = Ledger(database)
        with locked(db.path):
            writing = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")
            for index in range(CALLS):
                ledger.answered(f"call-{index}", NOW + 1)
                ledger.finished(f"call-{index}", Result.TALKED, 16)
            assert ledger.backlog == 2 * CALLS
            await asyncio.sleep(0.05)  # so that the first of them have met the lock
            assert ledger.backlog == 2 * CALLS, "what is being written is not on disk yet"
            assert await ledger.unfinished() == [], "an end that is not on disk yet is an end all the same"
        assert await ledger.flush(seconds=10)
        writing.cancel()
        assert ledger.backlog == 0
        assert 0 < database.commits <= 2 * CALLS / 50
    recorded = await recent_calls(db, limit=CALLS + 1)
    assert [(call.answered_ms, call.result) for call in recorded] == [(NOW + 1, "talked")] * CALLS


async def test_a_call_whose_end_is_written_while_open_ones_are_looked_for_is_not_one_of_them(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(3):
        call = NewCall(f"call-{index}", "dial-order", "1042", 1, None, None, NOW)
        await begin_call(db, call, AuditEntry(NOW, "101", "dial", "order 1042"))
    ledger = Ledger(db)
    writing = asyncio.get_running_loop().create_task(ledger.run(), name="ledger")

    async def looked_too_early(database: Database) -> list[OpenCall]:
        found = await open_calls(database)
        ledger.finished("call-1", Result.BUSY, 17)
        assert await ledger.flush(seconds=10)
        return found

    monkeypatch.setattr("bridge.switchboard.ledger.open_calls", looked_too_early)
    ledger.finished("call-0", Result.CANCELLED, None)
    assert [call.id for call in await ledger.unfinished()] == ["call-2"]
    writing.cancel()
