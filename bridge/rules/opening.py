"""When the shop takes customers' calls: its week, its holidays, and the days that are unlike others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Self

from bridge.rules.hours import covers, on_the_wall
from bridge.rules.policy import TimeRange, WorkingHours

_A_LEAP_YEAR: Final = 2000


@dataclass(frozen=True, slots=True)
class Day:
    """A date, or, where `year` is None, the same day of every year; 02-29 of those that have it.

    Raises ValueError for a day that no calendar has.
    """

    month: int
    day: int
    year: int | None = None

    def __post_init__(self) -> None:
        try:
            date(_A_LEAP_YEAR if self.year is None else self.year, self.month, self.day)
        except ValueError:
            raise ValueError("must be a day that the calendar has") from None

    @classmethod
    def read(cls, text: str) -> Self:
        """From 2026-12-25, or 12-25 for that of every year. Raises ValueError."""
        match = re.fullmatch(r"(?:(\d{4})-)?(\d\d)-(\d\d)", text, re.ASCII)
        if match is None:
            raise ValueError('must be a day such as "2026-12-25", or "12-25" for every year')
        year, month, day = match.groups()
        return cls(int(month), int(day), None if year is None else int(year))

    @classmethod
    def every_year(cls, of: date) -> Self:
        return cls(of.month, of.day)

    @classmethod
    def once(cls, of: date) -> Self:
        return cls(of.month, of.day, of.year)

    def __str__(self) -> str:
        year = "" if self.year is None else f"{self.year:04}-"
        return f"{year}{self.month:02}-{self.day:02}"


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """`holidays` have no hours; those in `open_days` have theirs, holiday or not.

    Of a day that is in `open_days` both as a date and as one of every year, the date's count. A night is
    part of the day on which it begins: the shop that is open into a holiday closes when that night is over.
    """

    week: WorkingHours
    holidays: frozenset[Day] = frozenset()
    open_days: Mapping[Day, tuple[TimeRange, ...]] = field(default_factory=dict)

    def on(self, day: date) -> tuple[TimeRange, ...]:
        """The hours that begin on this day."""
        once, every_year = Day.once(day), Day.every_year(day)
        for own in (once, every_year):
            if own in self.open_days:
                return self.open_days[own]
        if not self.holidays.isdisjoint((once, every_year)):
            return ()
        return self.week.days[day.weekday()]


def is_open(at_ms: int, hours: OpeningHours) -> bool:
    """Whether customers who call at `at_ms` (milliseconds since the epoch, UTC) find the shop open.

    By the clock on the shop's wall, through summer time as `within_hours`.
    """
    local = on_the_wall(at_ms, hours.week.timezone)
    today = local.date()
    return covers(hours.on(today), hours.on(today - timedelta(days=1)), local)
