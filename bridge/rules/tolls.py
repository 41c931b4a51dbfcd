"""What calls may cost in a day: what was used goes in; who may go on, and for how long, comes out.

A day is the last 24 hours. A call counts in it while it lasts and until 24 hours after its end. Money is an
upper bound that the shop sets itself, by country and kind of line: the number is never known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

MINUTE_MS: Final = 60_000
DAY_SECONDS: Final = 24 * 3600

SHORTEST_CALL_SECONDS: Final = 10
"""A call that would be cut sooner is not begun: the customer would be rung for less than a greeting."""

_SPARE_SECONDS: Final = 1
"""Paid minutes end a second early: the hang-up takes its time, and must not begin a new one."""


class TollLimit(StrEnum):
    """Every limit of a day, by its name in logs, metrics and the audit."""

    CALLS = "calls"
    MINUTES = "minutes"
    SPEND = "spend"
    CALLS_IN_ALL = "calls_in_all"
    MINUTES_IN_ALL = "minutes_in_all"
    SPEND_IN_ALL = "spend_in_all"


OF_A_MANAGER: Final = (TollLimit.CALLS, TollLimit.MINUTES, TollLimit.SPEND)
IN_ALL: Final = (TollLimit.CALLS_IN_ALL, TollLimit.MINUTES_IN_ALL, TollLimit.SPEND_IN_ALL)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a day has come to, running calls up to now included; money in the currency of the prices."""

    calls: int = 0
    talked_ms: int = 0
    spent: Decimal = Decimal(0)

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.calls + other.calls, self.talked_ms + other.talked_ms, self.spent + other.spent)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.calls - other.calls, self.talked_ms - other.talked_ms, self.spent - other.spent)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a day may come to at most, of one manager or of the whole shop."""

    calls: int
    minutes: int
    spend: Decimal


@dataclass(frozen=True, slots=True)
class Prices:
    """What a started minute costs at most: by region and line type, or anywhere else.

    Money is a plain amount; its currency is for people to know.
    """

    default: Decimal
    by_line: Mapping[tuple[str, str], Decimal]

    def of(self, region: str, line_type: str) -> Decimal:
        return self.by_line.get((region, line_type), self.default)


@dataclass(frozen=True, slots=True)
class Tolls:
    """The allowances of a day, of each manager and of all together, and the prices that spend is told by."""

    manager: Allowance
    in_all: Allowance
    prices: Prices


def cost(talked_ms: int, price: Decimal) -> Decimal:
    """What talking costs: every started minute, as the dearest carriers bill."""
    return started_minutes(talked_ms) * price


def started_minutes(talked_ms: int) -> int:
    """How many minutes are to be paid: one that has begun is."""
    return -(-talked_ms // MINUTE_MS)


def no_minutes_left(managers: Usage, in_all: Usage, tolls: Tolls) -> TollLimit | None:
    """The allowance of minutes that leaves no time for another call, if any."""
    if _seconds_by_minutes(managers, tolls.manager) < SHORTEST_CALL_SECONDS:
        return TollLimit.MINUTES
    if _seconds_by_minutes(in_all, tolls.in_all) < SHORTEST_CALL_SECONDS:
        return TollLimit.MINUTES_IN_ALL
    return None


def too_dear(managers: Usage, in_all: Usage, price: Decimal, tolls: Tolls) -> TollLimit | None:
    """The allowance of money that no longer pays for a minute at this price, if any."""
    if _seconds_by_money(managers, tolls.manager, price) < SHORTEST_CALL_SECONDS:
        return TollLimit.SPEND
    if _seconds_by_money(in_all, tolls.in_all, price) < SHORTEST_CALL_SECONDS:
        return TollLimit.SPEND_IN_ALL
    return None


def talk_seconds(managers: Usage, in_all: Usage, price: Decimal, tolls: Tolls) -> int:
    """How long one call at this price may last, until the first allowance is used up; 0 where one is."""
    return min(
        _seconds_by_minutes(managers, tolls.manager),
        _seconds_by_minutes(in_all, tolls.in_all),
        _seconds_by_money(managers, tolls.manager, price),
        _seconds_by_money(in_all, tolls.in_all, price),
    )


def used_up(usage: Usage, allowance: Allowance) -> bool:
    """Whether running calls must end. The minute that reached the spend is paid, and may be talked out."""
    return _seconds_by_minutes(usage, allowance) == 0 or usage.spent > allowance.spend


def ratios(usage: Usage, allowance: Allowance) -> tuple[float, float, float]:
    """How much of the calls, the minutes and the spend is used: 1 is all of it."""
    return (
        usage.calls / allowance.calls,
        usage.talked_ms / (allowance.minutes * MINUTE_MS),
        float(usage.spent / allowance.spend),
    )


def _seconds_by_minutes(usage: Usage, allowance: Allowance) -> int:
    return max(0, allowance.minutes * MINUTE_MS - usage.talked_ms) // 1000


def _seconds_by_money(usage: Usage, allowance: Allowance, price: Decimal) -> int:
    if price == 0:
        return DAY_SECONDS
    minutes = int(max(Decimal(0), allowance.spend - usage.spent) // price)
    return min(DAY_SECONDS, max(0, minutes * 60 - _SPARE_SECONDS))
