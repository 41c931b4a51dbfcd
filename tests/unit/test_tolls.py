"""What calls may cost in a day, and how long the next one may last."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import load_config
from bridge.rules import Allowance, Prices, TollLimit, Tolls, Usage
from bridge.rules.tolls import (
    MINUTE_MS,
    SHORTEST_CALL_SECONDS,
    cost,
    no_minutes_left,
    ratios,
    talk_seconds,
    too_dear,
    used_up,
)

ROOT = Path(__file__).parents[2]
PRICE = Decimal("0.50")
PRICES = Prices(default=PRICE, by_line={})
ALLOWANCE = Allowance(calls=10, minutes=30, spend=Decimal(10))
TOLLS = Tolls(manager=ALLOWANCE, in_all=Allowance(calls=40, minutes=50, spend=Decimal(18)), prices=PRICES)

usages = st.builds(
    Usage,
    calls=st.integers(0, 60),
    talked_ms=st.integers(0, 60 * MINUTE_MS),
    spent=st.decimals(0, 30, places=2),
)
allowances = st.builds(
    Allowance,
    calls=st.integers(1, 60),
    minutes=st.integers(1, 60),
    spend=st.decimals(Decimal("0.01"), 30, places=2),
)
prices = st.decimals(0, 3, places=4)
tolls = st.builds(Tolls, manager=allowances, in_all=allowances, prices=st.just(PRICES))


@pytest.mark.parametrize(("talked_ms", "minutes"), [(0, 0), (1, 1), (60_000, 1), (60_001, 2), (600_000, 10)])
def test_every_started_minute_is_paid(talked_ms: int, minutes: int) -> None:
    assert cost(talked_ms, PRICE) == minutes * PRICE


@pytest.mark.parametrize(
    ("managers", "in_all", "seconds"),
    [
        (Usage(), Usage(), 20 * 60 - 1),  # 10 pays for 20 minutes
        (Usage(spent=Decimal("9.49")), Usage(), 59),
        (Usage(spent=Decimal("9.51")), Usage(), 0),
        (Usage(talked_ms=29 * MINUTE_MS), Usage(), 60),
        (Usage(talked_ms=31 * MINUTE_MS), Usage(), 0),
        (Usage(), Usage(talked_ms=45 * MINUTE_MS), 300),
        (Usage(), Usage(spent=Decimal(17)), 119),
    ],
)
def test_a_call_lasts_until_the_first_allowance_is_used_up(
    managers: Usage, in_all: Usage, seconds: int
) -> None:
    assert talk_seconds(managers, in_all, PRICE, TOLLS) == seconds


def test_at_a_flat_rate_only_minutes_count() -> None:
    poor = Usage(talked_ms=20 * MINUTE_MS, spent=Decimal(10))
    assert talk_seconds(poor, poor, Decimal(0), TOLLS) == 600
    assert too_dear(poor, poor, Decimal(0), TOLLS) is None


def test_whose_allowance_is_used_up_is_told() -> None:
    talked, spent = Usage(talked_ms=60 * MINUTE_MS), Usage(spent=Decimal(20))
    assert no_minutes_left(talked, talked, TOLLS) is TollLimit.MINUTES
    assert no_minutes_left(Usage(), talked, TOLLS) is TollLimit.MINUTES_IN_ALL
    assert no_minutes_left(Usage(), Usage(), TOLLS) is None
    assert too_dear(spent, spent, PRICE, TOLLS) is TollLimit.SPEND
    assert too_dear(Usage(), spent, PRICE, TOLLS) is TollLimit.SPEND_IN_ALL
    assert too_dear(Usage(), Usage(), PRICE, TOLLS) is None


@given(usages, usages, prices, tolls)
def test_a_call_is_refused_exactly_when_it_could_not_last(
    managers: Usage, in_all: Usage, price: Decimal, tolls: Tolls
) -> None:
    refused = no_minutes_left(managers, in_all, tolls) or too_dear(managers, in_all, price, tolls)
    assert (refused is None) == (talk_seconds(managers, in_all, price, tolls) >= SHORTEST_CALL_SECONDS)


@given(usages, usages, usages, usages, prices, tolls)
def test_more_usage_never_lets_a_call_last_longer(
    managers: Usage, in_all: Usage, more: Usage, more_in_all: Usage, price: Decimal, tolls: Tolls
) -> None:
    assert talk_seconds(managers + more, in_all + more_in_all, price, tolls) <= talk_seconds(
        managers, in_all, price, tolls
    )


@given(allowances, allowances, st.lists(st.tuples(prices, st.integers(0, 2 * 3600), st.booleans())))
def test_calls_one_after_the_other_never_go_beyond_an_allowance(
    managers: Allowance, in_all: Allowance, wanted: list[tuple[Decimal, int, bool]]
) -> None:
    """Each call lasts as long as two people wish, but no longer than it may; half are another manager's."""
    tolls = Tolls(manager=managers, in_all=in_all, prices=PRICES)
    used = {True: Usage(), False: Usage()}
    for price, seconds, whose in wanted:
        everybodys = used[True] + used[False]
        may = talk_seconds(used[whose], everybodys, price, tolls)
        if may >= SHORTEST_CALL_SECONDS:
            talked_ms = min(seconds, may) * 1000
            used[whose] += Usage(1, talked_ms, cost(talked_ms, price))
            assert not used[whose].spent > managers.spend
    for usage, allowance in [
        (used[True], managers),
        (used[False], managers),
        (used[True] + used[False], in_all),
    ]:
        assert usage.talked_ms <= allowance.minutes * MINUTE_MS
        assert usage.spent <= allowance.spend


@given(usages, usages, allowances)
def test_what_is_used_up_stays_used_up(usage: Usage, more: Usage, allowance: Allowance) -> None:
    if used_up(usage, allowance):
        assert used_up(usage + more, allowance)


def test_a_minute_that_is_paid_for_may_be_talked_out() -> None:
    assert not used_up(Usage(spent=Decimal(10)), ALLOWANCE)
    assert used_up(Usage(spent=Decimal("10.01")), ALLOWANCE)
    assert used_up(Usage(talked_ms=30 * MINUTE_MS), ALLOWANCE)


def test_how_much_of_an_allowance_is_used_is_a_part_of_one() -> None:
    assert ratios(Usage(5, 15 * MINUTE_MS, Decimal(8)), ALLOWANCE) == (0.5, 0.5, 0.8)


# --- what docs/toll-fraud.md promises ---


def _thiefs_day(tolls: Tolls, price: Decimal, seconds: float) -> Usage:
    """A day of one phone whose every call lasts so long, or as long as it may."""
    used = Usage()
    while used.calls < tolls.manager.calls:
        may = talk_seconds(used, used, price, tolls)
        if may < SHORTEST_CALL_SECONDS:
            break
        talked_ms = round(min(seconds, may) * 1000)
        used += Usage(1, talked_ms, cost(talked_ms, price))
    return used


def test_one_phone_costs_no_more_than_the_page_says() -> None:
    tolls = load_config(ROOT / "config.yaml").policy().tolls
    page = (ROOT / "docs" / "toll-fraud.md").read_text()
    told = re.findall(r"^\| .* \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.MULTILINE)
    assert [Decimal(price) for price, *_ in told] == [
        tolls.prices.of("GB", "mobile"),
        tolls.prices.of("FR", "mobile"),
    ]
    for text, by_minutes, by_seconds in told:
        price = Decimal(text)
        days = [_thiefs_day(tolls, price, seconds) for seconds in (10, 59, 60, 60.001, 61, 90, 300, 7200)]
        assert max(day.spent for day in days) == Decimal(by_minutes)
        dearest = max(Decimal(day.talked_ms) / MINUTE_MS * price for day in days)
        assert Decimal(by_seconds) - 1 < dearest <= Decimal(by_seconds)
