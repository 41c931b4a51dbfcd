"""The book of a day's calls: what it sums up, what it forgets, and what a successor reads."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rules import Allowance, Prices, Tolls, Usage
from bridge.rules.tolls import MINUTE_MS, cost
from bridge.store.records import DAY_MS
from bridge.store.tolls import PastCall
from bridge.switchboard.tolls import TollBook

NOW = 1_800_000_000_000
LINE = ("GB", "mobile")
PRICE = Decimal("0.10")
TOLLS = Tolls(
    manager=Allowance(calls=10, minutes=10, spend=Decimal("0.50")),
    in_all=Allowance(calls=20, minutes=12, spend=Decimal(5)),
    prices=Prices(default=Decimal("0.50"), by_line={LINE: PRICE}),
)


def book(*, longest_seconds: int = 7200) -> TollBook:
    return TollBook(TOLLS, longest_seconds=longest_seconds)


def test_a_call_costs_nothing_before_it_is_answered() -> None:
    tolls = book()
    tolls.begun("a", "101", *LINE)
    assert tolls.usage_of("101", NOW + MINUTE_MS) == Usage(calls=1)


def test_a_running_call_counts_up_to_now() -> None:
    tolls = book()
    tolls.begun("a", "101", *LINE)
    tolls.answered("a", NOW)
    used = Usage(1, 90_000, Decimal("0.20"))
    assert tolls.usage_of("101", NOW + 90_000) == tolls.usage_in_all(NOW + 90_000) == used


def test_each_manager_has_a_sum_and_all_have_one() -> None:
    tolls = book()
    for call, extension in (("a", "101"), ("b", "102"), ("c", "101")):
        tolls.begun(call, extension, *LINE)
        tolls.answered(call, NOW)
    tolls.ended("a", NOW + MINUTE_MS)
    assert tolls.usage_of("101", NOW + MINUTE_MS).talked_ms == 2 * MINUTE_MS
    assert tolls.usage_of("102", NOW + MINUTE_MS).talked_ms == MINUTE_MS
    assert tolls.usage_of("103", NOW + MINUTE_MS) == Usage()
    assert tolls.usage_in_all(NOW + MINUTE_MS).calls == 3
    assert set(tolls.usage_of_each(NOW + MINUTE_MS)) == {"101", "102"}


def test_a_call_is_forgotten_a_day_after_its_end() -> None:
    tolls = book()
    tolls.begun("a", "101", *LINE)
    tolls.answered("a", NOW - MINUTE_MS)
    tolls.ended("a", NOW)
    assert tolls.usage_in_all(NOW + DAY_MS - 1).calls == 1
    assert tolls.usage_in_all(NOW + DAY_MS) == tolls.usage_of("101", NOW + DAY_MS) == Usage()
    assert tolls.usage_of_each(NOW + DAY_MS) == {}


def test_a_withdrawn_call_was_never_there() -> None:
    tolls = book()
    tolls.begun("a", "101", *LINE)
    tolls.withdrawn("a")
    tolls.ended("a", NOW)
    assert tolls.usage_in_all(NOW) == Usage()


def test_a_refused_call_ends_without_a_trace() -> None:
    tolls = book()
    tolls.ended("never begun", NOW)
    assert tolls.usage_in_all(NOW) == Usage()


def test_no_call_counts_as_longer_than_calls_can_be() -> None:
    """It ended in the night, with no daemon there; the next one puts its end down in the morning."""
    tolls = book(longest_seconds=600)
    tolls.load([PastCall("a", "101", "GB", "mobile", NOW, None)])
    tolls.ended("a", NOW + 10 * 3_600_000)
    assert tolls.usage_of("101", NOW + 10 * 3_600_000) == Usage(1, 600_000, Decimal("1.00"))


def test_a_contact_that_is_not_known_costs_what_unknown_ones_do() -> None:
    tolls = book()
    tolls.load([PastCall("a", "101", None, None, NOW, NOW + 1)])
    assert tolls.usage_in_all(NOW + 1).spent == Decimal("0.50")


def test_a_running_call_may_last_until_the_first_allowance_is_used_up() -> None:
    tolls = book()
    tolls.begun("a", "101", *LINE)
    assert tolls.seconds_left("a", NOW) == 5 * 60 - 1, "0.50 pays for five minutes"
    tolls.answered("a", NOW)
    assert tolls.seconds_left("a", NOW + 90_000) == 3 * 60 - 1, "two are begun"
    assert tolls.seconds_left("never begun", NOW) == 0


calls = st.lists(
    st.tuples(
        st.sampled_from(["101", "102"]),
        st.integers(0, 2 * DAY_MS),  # begun
        st.none() | st.integers(0, 100 * MINUTE_MS),  # answered after
        st.none() | st.integers(0, 100 * MINUTE_MS),  # ended after
    ),
    max_size=30,
)


@settings(max_examples=200)
@given(calls)
def test_a_successor_reads_from_the_records_what_its_predecessor_knew(
    made: list[tuple[str, int, int | None, int | None]],
) -> None:
    now = NOW + 3 * DAY_MS
    past = []
    for number, (extension, begun, answered_after, ended_after) in enumerate(made):
        answered = None if answered_after is None else NOW + begun + answered_after
        ended = None if ended_after is None else (answered or NOW + begun) + ended_after
        past.append(PastCall(str(number), extension, "GB", "mobile", answered, ended))
    past.sort(key=lambda call: call.ended_ms or 0)
    lived, read = book(), book()
    for call in past:
        lived.begun(call.id, call.extension, *LINE)
        if call.answered_ms is not None:
            lived.answered(call.id, call.answered_ms)
        if call.ended_ms is not None:
            lived.ended(call.id, call.ended_ms)
    of_the_day = [call for call in past if call.ended_ms is None or call.ended_ms > now - DAY_MS]
    read.load(of_the_day)
    assert lived.usage_in_all(now) == read.usage_in_all(now)
    for extension in ("101", "102"):
        assert lived.usage_of(extension, now) == read.usage_of(extension, now)
        assert read.usage_of_each(now).get(extension, Usage()) == read.usage_of(extension, now)
    for call_id, seconds in read.seconds_left_of_each(now).items():
        assert seconds == read.seconds_left(call_id, now)
    talked = [
        min((call.ended_ms or now) - call.answered_ms, 7_200_000)
        for call in of_the_day
        if call.answered_ms is not None
    ]
    expected = Usage(len(of_the_day), sum(talked), sum((cost(ms, PRICE) for ms in talked), start=Decimal(0)))
    assert read.usage_in_all(now) == expected


def test_other_prices_and_limits_hold_from_the_next_call() -> None:
    tolls = book()
    tolls.begun("old", "101", *LINE)
    tolls.answered("old", NOW)
    dear = Prices(default=Decimal(1), by_line={LINE: Decimal(1)})
    tolls.follow(
        Tolls(manager=Allowance(10, 10, Decimal(50)), in_all=TOLLS.in_all, prices=dear), longest_seconds=60
    )
    tolls.begun("new", "102", *LINE)
    tolls.answered("new", NOW)
    assert tolls.usage_of("101", NOW + MINUTE_MS).spent == PRICE, "it was begun at this price"
    assert tolls.usage_of("102", NOW + MINUTE_MS).spent == 1
    assert tolls.usage_of("102", NOW + 5 * MINUTE_MS).talked_ms == MINUTE_MS, "none counts as longer"
    assert tolls.seconds_left("new", NOW + MINUTE_MS) > 0


calls_named = st.sampled_from("abcde")
happenings = st.lists(
    st.tuples(
        st.integers(0, 3 * MINUTE_MS),  # since the one before
        st.one_of(
            st.tuples(st.just("begun"), calls_named, st.sampled_from(["101", "102"])),
            st.tuples(st.just("answered"), calls_named, st.integers(0, 2 * MINUTE_MS)),
            st.tuples(st.sampled_from(["ended", "withdrawn"]), calls_named, st.none()),
            st.tuples(st.just("clock set"), st.none(), st.integers(-5 * MINUTE_MS, 5 * MINUTE_MS)),
            st.tuples(st.just("longest"), st.none(), st.sampled_from([90, 240, 7200])),
            st.tuples(st.just("renamed"), st.none(), st.none()),
        ),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(happenings)
def test_all_that_runs_together_is_the_sum_of_what_each_manager_has_running(
    happened: list[tuple[int, tuple[str, str | None, Any]]],
) -> None:
    """The one is kept up to date, call by call; the other is summed up when somebody asks."""
    tolls, now, running = book(longest_seconds=240), NOW, set()
    for since_ms, (what, call, value) in happened:
        now += since_ms
        match what, call:
            case "begun", str() if call not in running:
                tolls.begun(call, value, *(LINE if call < "c" else ("FR", "mobile")))
                running.add(call)
            case "answered", str():
                tolls.answered(call, now + value)
            case "ended", str():
                tolls.ended(call, now)
                running.discard(call)
            case "withdrawn", str():
                tolls.withdrawn(call)
                running.discard(call)
            case "clock set", _:
                now += value
                tolls.move(value)
            case "longest", _:
                tolls.follow(TOLLS, longest_seconds=value)
            case "renamed", _:
                tolls.rename("101", "103")
        each = tolls.usage_of_each(now)
        assert sum(each.values(), start=Usage()) == tolls.usage_in_all(now)
        assert all(each[extension] == tolls.usage_of(extension, now) for extension in each)
        assert tolls.usage_in_all(now).calls >= len(running)
