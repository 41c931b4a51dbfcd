"""What one manager may do less of than the shop's rules allow everybody. Pure.

The configuration is the ceiling: an owner at the desk can lower what one manager may, and raise nothing.
Whoever takes an owner's desk over can make calls fewer, and never dearer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final, TypeVar

from bridge.rules.policy import Policy, TimeRange, WorkingHours
from bridge.rules.tolls import Allowance, Tolls

N = TypeVar("N", int, Decimal)

_DAYS_OF_A_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class OwnLimits:
    """One manager's limits; None where the shop's hold. `hours` are of every day, within the shop's."""

    calls_per_hour: int | None = None
    calls_per_day: int | None = None
    minutes_per_day: int | None = None
    spend_per_day: Decimal | None = None
    hours: TimeRange | None = None

    @property
    def are_any(self) -> bool:
        return any(getattr(self, each.name) is not None for each in fields(self))


NO_OWN_LIMITS: Final = OwnLimits()


def tolls_of(tolls: Tolls, own: OwnLimits) -> Tolls:
    """The allowances that hold for somebody with limits of their own."""
    shops = tolls.manager
    return replace(
        tolls,
        manager=Allowance(
            calls=_lower(shops.calls, own.calls_per_day),
            minutes=_lower(shops.minutes, own.minutes_per_day),
            spend=_lower(shops.spend, own.spend_per_day),
        ),
    )


def policy_of(policy: Policy, own: OwnLimits) -> Policy:
    """The rules that hold for somebody with limits of their own."""
    limits = policy.limits
    return replace(
        policy,
        limits=replace(limits, calls_per_hour=_lower(limits.calls_per_hour, own.calls_per_hour)),
        tolls=tolls_of(policy.tolls, own),
        own_hours=None if own.hours is None else _each_day(own.hours, policy.hours),
    )


def _lower(shops: N, own: N | None) -> N:
    return shops if own is None else min(shops, own)


def _each_day(part: TimeRange, shops: WorkingHours) -> WorkingHours:
    return WorkingHours(((part,),) * _DAYS_OF_A_WEEK, shops.timezone)


def above_the_shops(own: OwnLimits, policy: Policy) -> bool:
    """Whether one of them is no limit, as the shop's is lower."""
    shops = policy.tolls.manager
    pairs = (
        (own.calls_per_hour, policy.limits.calls_per_hour),
        (own.calls_per_day, shops.calls),
        (own.minutes_per_day, shops.minutes),
        (own.spend_per_day, shops.spend),
    )
    return any(mine is not None and mine > most for mine, most in pairs)
