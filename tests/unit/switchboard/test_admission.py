"""What admission makes of a panic and of a day's allowances, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bridge.api.app import REFUSALS
from bridge.calls.model import Kind, Message
from bridge.config import load_config
from bridge.rules import Allowance, Policy, Reason, TimeRange, Usage
from bridge.store.audit import recent_entries
from bridge.store.database import Database, now_ms
from bridge.store.managers import add_manager
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch
from bridge.store.panic import Panic, begin_panic, end_panic
from bridge.store.records import recent_calls
from bridge.switchboard.admission import MESSAGES, Admission, Admitted, Asked, Refused
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
        manager = await add_manager(database, "Anna", "101")
        async with database.write() as connection:
            await write_batch(
                connection,
                Batch(
                    new_customers=[NewCustomer(1, "Harriet Vane", "en", b"wrapped")],
                    new_contacts=[NewContact(1, 1, "phone", 1, b"sealed", b"index", "GB", "mobile")],
                    new_orders=[KnownOrder("1042", 1, "Two shelves")],
                    assigned={1: manager.id},
                ),
            )
        yield database


@pytest.fixture
def book(policy: Policy) -> TollBook:
    return TollBook(policy.tolls, longest_seconds=7200)


@pytest.fixture
def admission(db: Database, policy: Policy, book: TollBook) -> Admission:
    return Admission(db, policy, book, language="en", sealed=False)


def asked(call_id: str = "a") -> Asked:
    return Asked(call_id, Kind.DIAL_ORDER, "101", "1042", f"channel-{call_id}", 0, 0)


def reason_of(outcome: Admitted | Refused) -> Reason | None:
    return outcome.reason if isinstance(outcome, Refused) else None


def test_every_reason_has_words_and_a_message() -> None:
    assert set(MESSAGES) == set(Reason)
    assert set(REFUSALS) == {*Reason, None}


async def test_in_a_panic_a_call_is_refused_until_it_is_over(db: Database, admission: Admission) -> None:
    await begin_panic(db, Panic(now_ms(), "cli:alice", ""))
    assert await admission.ask(asked("a")) == Refused(Reason.PANIC, Message.OUT_OF_SERVICE, "en")
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


async def test_a_call_that_does_not_get_on_record_does_not_count(
    db: Database, admission: Admission, book: TollBook
) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON calls BEGIN SELECT raise(FAIL, 'disk full'); END"
        )
    assert await admission.ask(asked()) == Refused(None, Message.OUT_OF_SERVICE, "en")
    assert book.usage_in_all(now_ms()) == Usage()


async def test_whoever_guesses_codes_is_locked_out_of_their_own_orders_too(
    admission: Admission, policy: Policy
) -> None:
    for guess in range(policy.lock_out.misses):
        miss = replace(asked(f"miss-{guess}"), code=str(9000 + guess))
        assert reason_of(await admission.ask(miss)) is Reason.NOT_YOURS
    assert reason_of(await admission.ask(asked())) is Reason.LOCKED_OUT


async def test_a_code_that_may_be_a_number_goes_on_record_masked(admission: Admission, db: Database) -> None:
    await admission.ask(replace(asked("guess"), code="447700900123"))
    (record,) = await recent_calls(db)
    (entry,) = await recent_entries(db)
    assert record.order_code == "*" * 12
    assert "7700900123" not in f"{entry.subject} {entry.detail}"


async def test_a_sealed_daemon_admits_nothing(db: Database, policy: Policy, book: TollBook) -> None:
    sealed = Admission(db, policy, book, language="en", sealed=True)
    assert reason_of(await sealed.ask(asked())) is Reason.SEALED
