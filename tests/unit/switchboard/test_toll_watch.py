"""Alarms, gauges, and conversations that are ended together, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from bridge.rules import Allowance, Prices, Tolls
from bridge.rules.own_limits import OwnLimits
from bridge.rules.tolls import MINUTE_MS
from bridge.store.audit import recent_entries
from bridge.store.database import Database
from bridge.store.records import DAY_MS
from bridge.switchboard.toll_watch import TollWatch
from bridge.switchboard.tolls import TollBook

NOW = 1_800_000_000_000
TOLLS = Tolls(
    manager=Allowance(calls=10, minutes=10, spend=Decimal(100)),
    in_all=Allowance(calls=20, minutes=15, spend=Decimal(100)),
    prices=Prices(default=Decimal("0.50"), by_line={}),
)


@dataclass
class Conversations:
    """A switchboard that notes whose conversations are to end."""

    ended: set[str] = field(default_factory=set)

    def end_conversations(self, extensions: Collection[str]) -> int:
        self.ended |= set(extensions)
        return len(extensions)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        yield database


@pytest.fixture
def switchboard() -> Conversations:
    return Conversations()


@pytest.fixture
def book() -> TollBook:
    return TollBook(TOLLS, longest_seconds=7200)


@pytest.fixture
def watch(db: Database, switchboard: Conversations, book: TollBook) -> TollWatch:
    return TollWatch(book, db, switchboard)  # type: ignore[arg-type]  # all that is asked of it


def talking(book: TollBook, extension: str, since_minutes: int) -> None:
    book.begun(extension, extension, "GB", "mobile")
    book.answered(extension, NOW - since_minutes * MINUTE_MS)


async def alarms(db: Database) -> list[tuple[str, str]]:
    return [(entry.subject, entry.detail) for entry in reversed(await recent_entries(db))]


async def test_an_alarm_is_raised_at_eighty_percent_and_once(
    db: Database, watch: TollWatch, book: TollBook
) -> None:
    talking(book, "101", since_minutes=7)
    await watch.look(NOW)
    assert await alarms(db) == []
    await watch.look(NOW + MINUTE_MS)
    await watch.look(NOW + 2 * MINUTE_MS)
    assert await alarms(db) == [("limit minutes of extension 101", "80% used")]


async def test_the_next_day_has_an_alarm_of_its_own(db: Database, watch: TollWatch, book: TollBook) -> None:
    talking(book, "101", since_minutes=8)
    await watch.look(NOW)
    await watch.look(NOW + DAY_MS - 1)
    minutes = [subject for subject, _ in await alarms(db) if subject == "limit minutes of extension 101"]
    assert len(minutes) == 1
    await watch.look(NOW + DAY_MS)
    assert len(await alarms(db)) > len(minutes)


async def test_each_limit_and_manager_has_an_alarm(db: Database, watch: TollWatch, book: TollBook) -> None:
    talking(book, "101", since_minutes=8)
    talking(book, "102", since_minutes=8)
    await watch.look(NOW)
    assert {subject for subject, _ in await alarms(db)} == {
        "limit minutes_in_all",
        "limit minutes of extension 101",
        "limit minutes of extension 102",
    }


async def test_a_managers_own_limit_ends_their_call_and_raises_its_alarm(
    db: Database, watch: TollWatch, switchboard: Conversations, book: TollBook
) -> None:
    book.limit({"101": OwnLimits(minutes_per_day=2)})
    talking(book, "101", since_minutes=1)
    talking(book, "102", since_minutes=1)
    assert book.seconds_left("101", NOW) == 60
    assert book.seconds_left("102", NOW) > 60
    await watch.look(NOW + MINUTE_MS)
    assert switchboard.ended == {"101"}
    assert [subject for subject, _ in await alarms(db)] == ["limit minutes of extension 101"]


async def test_a_manager_whose_minutes_are_used_up_ends_alone(
    watch: TollWatch, switchboard: Conversations, book: TollBook
) -> None:
    talking(book, "101", since_minutes=9)
    talking(book, "102", since_minutes=1)
    await watch.look(NOW)
    assert switchboard.ended == set()
    await watch.look(NOW + MINUTE_MS)
    assert switchboard.ended == {"101"}


async def test_all_end_together_when_the_shops_minutes_are_used_up(
    watch: TollWatch, switchboard: Conversations, book: TollBook
) -> None:
    talking(book, "101", since_minutes=7)
    talking(book, "102", since_minutes=7)
    await watch.look(NOW)
    assert switchboard.ended == set()
    await watch.look(NOW + MINUTE_MS // 2)
    assert switchboard.ended == {"101", "102"}


async def test_the_gauge_shows_the_manager_nearest_to_a_limit_and_all_together(
    watch: TollWatch, book: TollBook
) -> None:
    talking(book, "101", since_minutes=2)
    talking(book, "102", since_minutes=4)
    await watch.look(NOW)
    assert _shown("minutes") == 0.4
    assert _shown("minutes_in_all") == 0.4
    assert _shown("calls") == 0.1
    assert _shown("spend_in_all") == 0.03


def _shown(limit: str) -> float | None:
    return REGISTRY.get_sample_value("callbridge_toll_usage_ratio", {"limit": limit})


async def test_a_limit_that_is_lowered_ends_conversations_beyond_it(
    watch: TollWatch, book: TollBook, switchboard: Conversations
) -> None:
    talking(book, "101", since_minutes=5)
    await watch.look(NOW)
    assert switchboard.ended == set()
    lowered = replace(TOLLS.manager, minutes=4)
    book.follow(replace(TOLLS, manager=lowered), longest_seconds=7200)
    await watch.look(NOW)
    assert switchboard.ended == {"101"}


@pytest.mark.parametrize("hours", [-5, 30])
async def test_a_clock_that_is_set_neither_cuts_a_conversation_nor_gives_minutes_back(
    watch: TollWatch, switchboard: Conversations, book: TollBook, hours: int
) -> None:
    talking(book, "101", since_minutes=3)
    talking(book, "102", since_minutes=4)
    book.ended("102", NOW)
    jump_ms = hours * 60 * MINUTE_MS
    watch.note_clock(jump_ms)
    await watch.look(NOW + jump_ms + MINUTE_MS)
    assert switchboard.ended == set()
    assert book.usage_of("101", NOW + jump_ms + MINUTE_MS).talked_ms == 4 * MINUTE_MS
    assert book.usage_of("102", NOW + jump_ms + MINUTE_MS).talked_ms == 4 * MINUTE_MS


async def test_a_clock_that_is_only_slewed_moves_nothing(watch: TollWatch, book: TollBook) -> None:
    talking(book, "101", since_minutes=3)
    watch.note_clock(100)
    assert book.usage_of("101", NOW).talked_ms == 3 * MINUTE_MS
