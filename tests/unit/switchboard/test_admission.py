"""What admission makes of a panic and of a day's allowances, on a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from bridge.api.app import REFUSALS
from bridge.calls.model import Kind, Message, Result
from bridge.config import load_config
from bridge.rules import Allowance, GuessBook, Policy, Reason, TimeRange, Usage
from bridge.store.alarms import newest_alarms
from bridge.store.audit import AuditEntry, recent_entries, write_entry
from bridge.store.database import Database, now_ms
from bridge.store.managers import add_manager
from bridge.store.misses import REFUSE, Miss, actor_of, misses_since
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch
from bridge.store.panic import Panic, begin_panic, end_panic
from bridge.store.records import DAY_MS, recent_calls
from bridge.store.schema import calls, contacts, do_not_call
from bridge.switchboard.admission import MESSAGES, Admission, Admitted, Asked, Refused, past_guesses
from bridge.switchboard.tolls import TollBook

MINUTE_MS = 60_000


@pytest.fixture
def policy() -> Policy:
    """The shipped one, at any hour, with two minutes and a call or two in a day."""
    shipped = load_config(Path(__file__).parents[3] / "config.yaml").policy()
    always = ((TimeRange(0, 24 * 60),),) * 7
    return replace(
        shipped,
        hours=replace(shipped.hours, days=always),
        tolls=replace(
            shipped.tolls,
            manager=Allowance(calls=10, minutes=2, spend=Decimal(20)),
            in_all=Allowance(calls=2, minutes=20, spend=Decimal(20)),
        ),
    )


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        manager = await add_manager(database, "Anna", "101", actor="cli:alice")
        async with database.write() as connection:
            await write_batch(connection, one_customer("1042", 1, assigned={1: manager.id}))
        yield database


def one_customer(code: str, id_: int, *, assigned: dict[int, int]) -> Batch:
    return Batch(
        new_customers=[NewCustomer(id_, "Harriet Vane", "en", b"wrapped")],
        new_contacts=[NewContact(id_, id_, "phone", 1, b"sealed", b"index", "GB", "mobile")],
        new_orders=[KnownOrder(code, id_, "Two shelves")],
        assigned=assigned,
    )


@pytest.fixture
def book(policy: Policy) -> TollBook:
    return TollBook(policy.tolls, longest_seconds=7200)


@pytest.fixture
def admission(db: Database, policy: Policy, book: TollBook) -> Admission:
    return Admission(db, policy, book, GuessBook(policy.lock_out), language="en", sealed=False)


def asked(call_id: str = "a") -> Asked:
    return Asked(call_id, Kind.DIAL_ORDER, "101", "1042", f"channel-{call_id}", 0, 0)


def reason_of(outcome: Admitted | Refused) -> Reason | None:
    return outcome.reason if isinstance(outcome, Refused) else None


def truth_of(outcome: Admitted | Refused) -> str | None:
    return outcome.audit_reason if isinstance(outcome, Refused) else None


def test_every_reason_has_words_and_a_message() -> None:
    assert set(MESSAGES) == set(Reason)
    assert set(REFUSALS) == {*Reason, None}


async def test_in_a_panic_a_call_is_refused_until_it_is_over(db: Database, admission: Admission) -> None:
    await begin_panic(db, Panic(now_ms(), "cli:alice", ""))
    assert await admission.ask(asked("a")) == Refused(Reason.PANIC, "panic", Message.OUT_OF_SERVICE, "en")
    await end_panic(db, "cli:alice", now_ms())
    assert isinstance(await admission.ask(asked("b")), Admitted)


async def test_a_call_may_last_as_long_as_the_day_leaves(admission: Admission, book: TollBook) -> None:
    book.begun("before", "101", "GB", "mobile")
    book.answered("before", now_ms() - MINUTE_MS)
    book.ended("before", now_ms())
    outcome = await admission.ask(asked())
    assert isinstance(outcome, Admitted)
    assert 58 <= outcome.talk_seconds <= 60


async def test_a_manager_who_talks_too_long_is_refused(admission: Admission, book: TollBook) -> None:
    book.begun("before", "101", "GB", "mobile")
    book.answered("before", now_ms() - 2 * MINUTE_MS)
    assert reason_of(await admission.ask(asked())) is Reason.MINUTES_LIMIT


async def test_calls_that_are_asked_for_at_once_are_counted_one_by_one(
    admission: Admission, book: TollBook
) -> None:
    outcomes = await asyncio.gather(*(admission.ask(asked(call)) for call in "abcdef"))
    assert sum(isinstance(outcome, Admitted) for outcome in outcomes) == 2
    assert {reason_of(outcome) for outcome in outcomes} == {None, Reason.DAILY_LIMIT_IN_ALL}


FAILED = Refused(None, "database", Message.OUT_OF_SERVICE, "en")


async def test_a_call_that_can_not_be_put_on_record_does_not_count(
    db: Database, admission: Admission, book: TollBook
) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON calls BEGIN SELECT raise(FAIL, 'disk full'); END"
        )
    assert await admission.ask(asked()) == FAILED
    assert book.usage_in_all(now_ms()) == Usage()


async def test_an_admitted_call_that_does_not_get_to_the_disk_does_not_count(
    db: Database, admission: Admission, book: TollBook
) -> None:
    async with db.write() as connection:  # looked at when all is committed, and not before
        await connection.exec_driver_sql("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        await connection.exec_driver_sql(
            "CREATE TABLE orphans (id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"
        )
        await connection.exec_driver_sql(
            "CREATE TRIGGER late AFTER INSERT ON calls BEGIN INSERT INTO orphans VALUES (1); END"
        )
    admitted = await admission.ask(asked())
    assert isinstance(admitted, Admitted)
    assert book.usage_in_all(now_ms()).calls == 1
    assert await admission.recorded(admitted) == FAILED
    assert book.usage_in_all(now_ms()) == Usage()
    assert await recent_calls(db) == []


async def guess_until_locked_out(admission: Admission, policy: Policy) -> None:
    for guess in range(policy.lock_out.misses):
        miss = replace(asked(f"miss-{guess}"), code=str(9000 + guess))
        assert truth_of(await admission.ask(miss)) == "unknown_code"


async def test_whoever_guesses_codes_is_locked_out_of_their_own_orders_too(
    admission: Admission, policy: Policy
) -> None:
    await guess_until_locked_out(admission, policy)
    assert truth_of(await admission.ask(asked())) == "locked_out"


async def test_supervisors_are_told_once_of_whoever_is_locked_out(
    admission: Admission, policy: Policy, db: Database
) -> None:
    await guess_until_locked_out(admission, policy)
    await admission.ask(replace(asked("one-more"), code="9100"))
    (alarm,) = await newest_alarms(db, 10)
    assert (alarm.kind, alarm.extension, alarm.order_code) == ("locked-out", "101", None)


async def test_a_restart_frees_nobody_who_is_locked_out(
    db: Database, admission: Admission, policy: Policy, book: TollBook
) -> None:
    await guess_until_locked_out(admission, policy)
    guesses = await past_guesses(db, policy.lock_out)
    successor = Admission(db, policy, book, guesses, language="en", sealed=False)
    assert truth_of(await successor.ask(asked())) == "locked_out"


async def test_a_lock_out_does_not_outlast_its_time_by_a_restart(db: Database, policy: Policy) -> None:
    rule = policy.lock_out
    await record_misses(db, "101", [now_ms() - rule.for_seconds * 1000 - each for each in range(rule.misses)])
    guesses = await past_guesses(db, rule)
    assert not guesses.locked_out("101", clock_ms())
    assert guesses.locked_out("101", clock_ms() - 1000)


async def test_only_misses_are_read_back(db: Database, policy: Policy) -> None:
    refusals = [now_ms() - each for each in range(policy.lock_out.misses)]
    await record_misses(db, "101", refusals, detail="no_contact")
    assert len(await past_guesses(db, policy.lock_out)) == 0


async def test_a_clock_that_was_set_back_locks_nobody_out_for_longer(db: Database, policy: Policy) -> None:
    rule = policy.lock_out
    await record_misses(db, "101", [now_ms() + DAY_MS + each for each in range(rule.misses)])
    guesses = await past_guesses(db, rule)
    assert guesses.locked_out("101", clock_ms())
    assert not guesses.locked_out("101", clock_ms() + rule.for_seconds * 1000)


async def test_no_more_misses_are_read_back_than_asked_for(db: Database) -> None:
    await record_misses(db, "101", [1_000, 2_000, 3_000])
    assert await misses_since(db, 0, limit=2) == [Miss("101", 2_000), Miss("101", 3_000)]
    assert await misses_since(db, 2_000, limit=9) == [Miss("101", 3_000)]


def clock_ms() -> int:
    """The clock of lock-outs."""
    return int(time.monotonic() * 1000)


async def record_misses(
    db: Database, extension: str, times_ms: list[int], detail: str = "unknown_code"
) -> None:
    async with db.write() as connection:
        for at_ms in sorted(times_ms):
            entry = AuditEntry(at_ms, actor_of(extension), REFUSE, "order 9999", detail)
            await write_entry(connection, entry)


async def test_why_a_code_is_not_theirs_is_told_to_nobody(
    db: Database, admission: Admission, policy: Policy
) -> None:
    """One answer: to a code that is nobody's or another's, without a number, or dialled in a lock-out."""
    async with db.write() as connection:
        await write_batch(connection, one_customer("1043", 2, assigned={2: 1}))
        await write_batch(connection, one_customer("1044", 3, assigned={}))
        await connection.execute(update(contacts).where(contacts.c.id == 2).values(standing="wrong"))
    codes = {"1043": "no_contact", "1044": "not_assigned"}
    codes |= {str(guess): "unknown_code" for guess in range(9000, 9000 + policy.lock_out.misses - 1)}
    codes |= {"1042": "locked_out"}
    for code, why in codes.items():
        outcome = await admission.ask(replace(asked(f"call-{code}"), code=code))
        assert outcome == Refused(Reason.NOT_YOURS, why, Message.NOT_YOURS, "en")


async def test_a_place_that_no_contact_has_is_told_as_a_code_that_is_nobodys(admission: Admission) -> None:
    """Neither of one's own order, nor of another's: there a place is not even looked at."""
    assert isinstance(await admission.ask(replace(asked("first"), place=1)), Admitted)
    for code, place, why in (
        ("1042", 2, "no_contact"),
        ("9999", 1, "unknown_code"),
        ("9999", 2, "unknown_code"),
    ):
        outcome = await admission.ask(replace(asked(f"call-{code}-{place}"), code=code, place=place))
        assert outcome == Refused(Reason.NOT_YOURS, why, Message.NOT_YOURS, "en")


async def put_second_number(db: Database, region: str = "GB") -> None:
    async with db.write() as connection:
        second = NewContact(2, 1, "phone", 2, b"sealed-2", b"index-2", region, "mobile")
        await write_batch(connection, Batch(new_contacts=[second]))


async def test_another_number_is_on_record_before_it_is_dialled_and_the_first_is_doubted_at_the_second_time(
    db: Database, admission: Admission, book: TollBook
) -> None:
    await put_second_number(db)
    first = await admission.ask(asked())
    assert isinstance(first, Admitted)
    await admission.recorded(first)
    found = await admission.find_next(asked(), first.contact, Result.INVALID_NUMBER)
    assert found is not None
    assert found.contact.contact_id == 2
    (record,) = await recent_calls(db)
    assert record.contact_id == 2
    async with db.read() as connection:
        failed = await connection.scalar(select(calls.c.failed_contact_id))
        standings = list(await connection.scalars(select(contacts.c.standing).order_by(contacts.c.id)))
        in_a_row = await connection.scalar(select(contacts.c.invalid_in_a_row).where(contacts.c.id == 1))
    assert (failed, standings, in_a_row) == (1, ["usable", "usable"], 1)
    entries = [entry.detail for entry in await recent_entries(db) if entry.act == "dial"]
    assert entries == ["contact 2, after contact 1: invalid-number", "contact 1"]
    await admission.find_next(asked(), first.contact, Result.INVALID_NUMBER)
    async with db.read() as connection:
        doubted = await connection.scalar(select(contacts.c.standing).where(contacts.c.id == 1))
    assert doubted == "suspect"
    assert book.usage_in_all(now_ms()).calls == 1


async def test_a_number_that_is_busy_is_not_doubted(db: Database, admission: Admission) -> None:
    await put_second_number(db)
    first = await admission.ask(asked())
    assert isinstance(first, Admitted)
    await admission.recorded(first)
    assert await admission.find_next(asked(), first.contact, Result.BUSY) is not None
    async with db.read() as connection:
        assert set(await connection.scalars(select(contacts.c.standing))) == {"usable"}


async def test_another_number_is_dialled_by_the_rules_alone_and_never_the_same(
    db: Database, admission: Admission
) -> None:
    first = await admission.ask(asked())
    assert isinstance(first, Admitted)
    await admission.recorded(first)
    assert await admission.find_next(asked(), first.contact, Result.INVALID_NUMBER) is None, "there is none"
    await put_second_number(db, region="AQ")
    assert await admission.find_next(asked(), first.contact, Result.INVALID_NUMBER) is None, "not there"
    async with db.write() as connection:
        await connection.execute(update(contacts).where(contacts.c.id == 2).values(region="GB"))
        await connection.execute(insert(do_not_call).values(blind_index=b"index-2", since_ms=1))
    assert await admission.find_next(asked(), first.contact, Result.INVALID_NUMBER) is None, (
        "not to be called"
    )


async def test_the_last_call_of_the_hour_may_try_another_number(
    db: Database, admission: Admission, policy: Policy
) -> None:
    one = replace(policy, limits=replace(policy.limits, calls_per_hour=1))
    admission.follow(one, language="en", sealed=False)
    await put_second_number(db)
    first = await admission.ask(asked())
    assert isinstance(first, Admitted)
    await admission.recorded(first)
    assert reason_of(await admission.ask(asked("b"))) is Reason.HOURLY_LIMIT
    assert await admission.find_next(asked(), first.contact, Result.INVALID_NUMBER) is not None


async def test_a_code_that_may_be_a_number_goes_on_record_masked(admission: Admission, db: Database) -> None:
    await admission.ask(replace(asked("guess"), code="447700900123"))
    (record,) = await recent_calls(db)
    entry, *_ = await recent_entries(db)
    assert record.order_code == "*" * 12
    assert "7700900123" not in f"{entry.subject} {entry.detail}"


async def test_a_sealed_daemon_admits_nothing(db: Database, policy: Policy, book: TollBook) -> None:
    sealed = Admission(db, policy, book, GuessBook(policy.lock_out), language="en", sealed=True)
    assert reason_of(await sealed.ask(asked())) is Reason.SEALED


async def test_a_daemon_that_is_about_to_end_admits_nothing_and_tells_strangers_no_more_than_before(
    admission: Admission,
) -> None:
    admission.stop()
    assert await admission.ask(asked("a")) == Refused(Reason.STOPPING, "stopping", Message.TRY_LATER, "en")
    assert reason_of(await admission.ask(replace(asked("b"), code="9000"))) is Reason.NOT_YOURS


async def test_another_policy_holds_from_the_next_call_and_misses_stay_counted(
    admission: Admission, policy: Policy, book: TollBook
) -> None:
    for guess in range(policy.lock_out.misses - 1):
        await admission.ask(replace(asked(f"miss-{guess}"), code=str(9000 + guess)))
    closed = replace(policy, hours=replace(policy.hours, days=((),) * 7))
    admission.follow(closed, language="ru", sealed=False)
    assert await admission.ask(asked("a")) == Refused(
        Reason.OUTSIDE_HOURS, "outside_hours", Message.NOT_NOW, "ru"
    )
    admission.follow(policy, language="en", sealed=False)
    await admission.ask(replace(asked("last"), code="9999"))
    locked = await admission.ask(asked("b"))
    assert isinstance(locked, Refused)
    assert locked.audit_reason == "locked_out"


async def test_the_keys_may_come_later(db: Database, policy: Policy, book: TollBook) -> None:
    admission = Admission(db, policy, book, GuessBook(policy.lock_out), language="en", sealed=True)
    admission.follow(policy, language="en", sealed=False)
    assert isinstance(await admission.ask(asked()), Admitted)
