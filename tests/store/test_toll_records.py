"""What is read of a day's calls when the daemon starts, alarms, and the panic, on a real file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from audit_rows import since_managers_were_added
from decided import refuse_call
from sqlalchemy.exc import IntegrityError

from bridge.store.audit import AuditEntry
from bridge.store.database import Database
from bridge.store.panic import Panic, begin_panic, current_panic, end_panic
from bridge.store.records import (
    DAY_MS,
    Answered,
    Dialled,
    Finished,
    NewCall,
    begin_call,
    dial_facts,
    note,
)
from bridge.store.tolls import PastCall, calls_of_a_day, raise_alarm

NOW = 1_800_000_000_000
MINUTE_MS = 60_000
ENTRY = AuditEntry(NOW, "extension 101", "dial", "order 1042")

pytestmark = pytest.mark.usefixtures("orders")


async def placed(
    db: Database,
    id_: str,
    *,
    started: int,
    answered: int | None = None,
    ended: int | None = None,
    result: str = "talked",
    manager_id: int = 1,
    contact_id: int | None = 1,
) -> None:
    """A call on record; times are minutes before now."""
    start_ms = NOW - started * MINUTE_MS
    call = NewCall(id_, "dial-order", "1042", manager_id, contact_id, None, start_ms)
    await begin_call(db, call, ENTRY)
    if answered is not None:
        await note(db, [Answered(id_, NOW - answered * MINUTE_MS)])
    if ended is not None:
        await note(db, [Finished(id_, NOW - ended * MINUTE_MS, result, 16)])


async def test_a_call_is_read_with_its_extension_its_line_and_its_times(db: Database) -> None:
    await placed(db, "a", started=10, answered=9, ended=5, contact_id=2, manager_id=2)
    assert await calls_of_a_day(db, NOW) == [
        PastCall("a", "102", "GB", "fixed_line", NOW - 9 * MINUTE_MS, NOW - 5 * MINUTE_MS)
    ]


async def test_calls_that_ended_a_day_ago_are_left_out_however_long_they_took(db: Database) -> None:
    day = DAY_MS // MINUTE_MS
    await placed(db, "old", started=day + 10, answered=day + 9, ended=day)
    await placed(db, "late", started=day + 10, answered=day + 9, ended=day - 1)
    await placed(db, "new", started=3, answered=2, ended=1)
    assert [call.id for call in await calls_of_a_day(db, NOW)] == ["late", "new"]


async def test_calls_that_have_not_ended_are_read_however_old(db: Database) -> None:
    await placed(db, "ringing", started=1)
    await placed(db, "talking", started=3 * DAY_MS // MINUTE_MS, answered=2)
    calls = {call.id: call for call in await calls_of_a_day(db, NOW)}
    assert calls["ringing"].answered_ms is None
    assert calls["talking"].answered_ms == NOW - 2 * MINUTE_MS
    assert {call.ended_ms for call in calls.values()} == {None}


async def test_refused_calls_cost_nothing(db: Database) -> None:
    await refuse_call(db, NewCall("r", "dial-order", "1042", 1, None, None, NOW), ENTRY)
    assert await calls_of_a_day(db, NOW) == []


async def test_a_call_that_nobody_answered_has_no_talk(db: Database) -> None:
    await placed(db, "a", started=10, ended=9, result="no-answer")
    assert [call.answered_ms for call in await calls_of_a_day(db, NOW)] == [None]


async def test_talk_whose_beginning_a_dead_daemon_did_not_put_down_counts_from_the_calls(
    db: Database,
) -> None:
    await placed(db, "a", started=10, ended=5, result="talked")
    assert [call.answered_ms for call in await calls_of_a_day(db, NOW)] == [NOW - 10 * MINUTE_MS]


async def test_a_call_whose_contact_is_not_known_is_read_all_the_same(db: Database) -> None:
    await placed(db, "a", started=10, answered=9, ended=5, contact_id=None)
    (call,) = await calls_of_a_day(db, NOW)
    assert (call.region, call.line_type) == (None, None)


def alarm(at_ms: int, subject: str = "limit minutes of extension 101") -> AuditEntry:
    return AuditEntry(at_ms, "daemon", "alarm", subject, "81% used")


async def test_an_alarm_is_raised_once_a_day_for_each_limit(db: Database) -> None:
    assert await raise_alarm(db, alarm(NOW))
    assert not await raise_alarm(db, alarm(NOW + DAY_MS - 1))
    assert await raise_alarm(db, alarm(NOW + 1, "limit minutes of extension 102"))
    assert await raise_alarm(db, alarm(NOW + DAY_MS))
    assert [entry.act for entry in await since_managers_were_added(db)] == ["alarm"] * 3


async def test_an_alarm_is_not_raised_again_by_the_next_daemon(db: Database) -> None:
    await raise_alarm(db, alarm(NOW))
    async with await Database.open(db.path) as again:
        assert not await raise_alarm(again, alarm(NOW + 1))


PANIC = Panic(NOW, "cli:alice", "strange calls")


async def test_a_panic_is_seen_by_the_next_dialled_code_and_so_is_its_end(db: Database) -> None:
    assert not (await dial_facts(db, Dialled("101", "1042", NOW))).panic
    async with await Database.open(db.path) as another_program:
        await begin_panic(another_program, PANIC)
        assert (await dial_facts(db, Dialled("101", "1042", NOW))).panic
        await end_panic(another_program, "cli:alice", NOW + 1)
    assert not (await dial_facts(db, Dialled("101", "1042", NOW))).panic


async def test_a_panic_outlives_whoever_declared_it(db: Database, tmp_path: Path) -> None:
    await begin_panic(db, PANIC)
    await db.close()
    async with await Database.open(tmp_path / "shop.db", migrate=True) as again:
        assert await current_panic(again) == PANIC


async def test_the_first_panic_stands_until_it_is_ended(db: Database) -> None:
    later = Panic(NOW + 1, "cli:bob", "me too")
    assert await begin_panic(db, PANIC) == PANIC
    assert await begin_panic(db, later) == PANIC
    assert await end_panic(db, "cli:bob", NOW + 2)
    assert not await end_panic(db, "cli:bob", NOW + 3)
    assert [(entry.act, entry.actor, entry.detail) for entry in await since_managers_were_added(db)] == [
        ("panic-off", "cli:bob", ""),
        ("panic", "cli:alice", "strange calls"),
    ]


async def test_of_two_who_panic_at_once_both_are_told_the_same(db: Database) -> None:
    bobs = Panic(NOW, "cli:bob", "")
    async with await Database.open(db.path) as another:
        told = await asyncio.gather(begin_panic(db, PANIC), begin_panic(another, bobs))
    assert told[0] == told[1]
    assert [entry.act for entry in await since_managers_were_added(db)] == ["panic"]


async def test_there_is_one_panic_at_most(db: Database) -> None:
    async with db.write() as connection:
        with pytest.raises(IntegrityError):
            await connection.exec_driver_sql("INSERT INTO panic VALUES (2, 0, 'x', '')")
