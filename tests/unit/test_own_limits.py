"""One manager's limits: below the shop's, and never above."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import load_config
from bridge.rules import TimeRange, Usage, within_hours
from bridge.rules.own_limits import NO_OWN_LIMITS, OwnLimits, above_the_shops, policy_of, tolls_of
from bridge.rules.tolls import ratios, used_up

SHIPPED = load_config(Path(__file__).parents[2] / "config.yaml").policy()
counts = st.none() | st.integers(1, 100_000)
limits = st.builds(
    OwnLimits, counts, counts, counts, st.none() | st.decimals("0.01", 1000, places=2), st.none()
)


@given(limits)
def test_a_managers_own_limits_only_lower_the_shops(own: OwnLimits) -> None:
    policy = policy_of(SHIPPED, own)
    mine, shops = policy.tolls.manager, SHIPPED.tolls.manager
    assert mine.calls == min(shops.calls, own.calls_per_day or shops.calls)
    assert mine.minutes <= shops.minutes
    assert mine.spend <= shops.spend
    assert policy.limits.calls_per_hour <= SHIPPED.limits.calls_per_hour
    assert policy.tolls.in_all == SHIPPED.tolls.in_all
    assert above_the_shops(own, SHIPPED) == (
        (own.calls_per_day or 0) > shops.calls
        or (own.minutes_per_day or 0) > shops.minutes
        or (own.spend_per_day or 0) > shops.spend
        or (own.calls_per_hour or 0) > SHIPPED.limits.calls_per_hour
    )


def test_without_any_nothing_changes() -> None:
    assert policy_of(SHIPPED, NO_OWN_LIMITS) == SHIPPED
    assert not NO_OWN_LIMITS.are_any


def test_own_hours_are_every_days() -> None:
    policy = policy_of(SHIPPED, OwnLimits(hours=TimeRange.read("09:30-17:00")))
    assert policy.own_hours is not None
    for day in range(23, 30):  # a week of November 2026, when London has UTC
        for hour, minute, allowed in ((9, 29, False), (9, 30, True), (16, 59, True), (17, 0, False)):
            at_ms = int(datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp() * 1000)
            assert within_hours(at_ms, replace(policy.own_hours)) is allowed
    assert policy.hours == SHIPPED.hours


def test_running_calls_end_by_the_managers_own_allowance() -> None:
    mine = tolls_of(SHIPPED.tolls, OwnLimits(minutes_per_day=10, spend_per_day=Decimal(1))).manager
    usage = Usage(calls=3, talked_ms=10 * 60_000, spent=Decimal("0.50"))
    assert used_up(usage, mine)
    assert not used_up(usage, SHIPPED.tolls.manager)
    assert ratios(usage, mine)[1:] == (1.0, 0.5)


@pytest.mark.parametrize("text", ["09:00-18:00", "22:00-06:00", "00:00-24:00"])
def test_hours_are_written_as_they_are_read(text: str) -> None:
    assert str(TimeRange.read(text)) == text
