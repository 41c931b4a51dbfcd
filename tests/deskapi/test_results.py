"""Days of the shop, and results that are counted once when a day is over."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from desk_orders import add_customers, execute
from desk_shop import DAY_MS, HOUR_MS, DeskShop, Person

from bridge.api.desk.days import last_days
from bridge.store.results import Day, ResultsBook

LONDON = ZoneInfo("Europe/London")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=LONDON).timestamp() * 1000)


def test_days_begin_at_the_shops_midnight_and_follow_each_other() -> None:
    days = last_days(3, at("2026-07-01T00:30"), LONDON)
    assert [day.name for day in days] == ["2026-06-29", "2026-06-30", "2026-07-01"]
    assert days[0].start_ms == at("2026-06-29T00:00")
    assert all(day.end_ms == after.start_ms for day, after in pairwise(days))


def test_the_days_of_a_clock_change_are_shorter_and_longer() -> None:
    spring, autumn = (
        last_days(1, at("2026-03-29T12:00"), LONDON),
        last_days(1, at("2026-10-25T12:00"), LONDON),
    )
    assert [(day.end_ms - day.start_ms) // HOUR_MS for day in (*spring, *autumn)] == [23, 25]


async def call(shop: DeskShop, who: Person, id_: str, at_ms: int) -> None:
    await execute(
        shop,
        "INSERT INTO calls (id, kind, order_code, manager_id, started_ms, ended_ms, result)"
        " VALUES (:id, 'dial-order', '1001', :m, :at, :at, 'busy')",
        id=id_,
        m=who.manager.id,
        at=at_ms,
    )


async def test_a_day_that_is_over_is_counted_once_and_others_each_time(shop: DeskShop) -> None:
    anna, book = await shop.hire("101", "Anna"), ResultsBook()
    await add_customers(shop, [1], anna.manager)
    days = [Day(str(ago), shop.now_ms - ago * DAY_MS, shop.now_ms - (ago - 1) * DAY_MS) for ago in (4, 1)]
    for seen in ((1, 1), (1, 2)):  # what is added to the first is of no use: nothing begins in the past
        await call(shop, anna, f"old{seen}", days[0].start_ms)
        await call(shop, anna, f"new{seen}", days[1].start_ms)
        found = await book.of(shop.database, days, shop.now_ms)
        assert tuple(came.calls for _, came in found.days) == seen
        assert [each.came.calls for each in found.managers] == [sum(seen)]


async def test_the_book_does_not_grow_for_ever(shop: DeskShop) -> None:
    book = ResultsBook()
    for first in range(0, 600, 90):
        days = [Day(str(number), number, number + 1) for number in range(first, first + 90)]
        assert len((await book.of(shop.database, days, shop.now_ms)).days) == 90
    assert len(book._over) == 200
