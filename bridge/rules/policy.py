"""What the shop allows: plain frozen values, made once from the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from bridge.rules.tolls import Tolls

MINUTES_OF_A_DAY = 24 * 60


class LineType(StrEnum):
    """What kind of line a number belongs to, by the numbering plan of its country."""

    MOBILE = "mobile"
    FIXED_LINE = "fixed_line"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"  # some plans (the US) don't tell the two apart
    TOLL_FREE = "toll_free"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    VOIP = "voip"
    OTHER = "other"


# What private customers have. Premium-rate and shared-cost numbers are absent because whoever gets one
# into an order is paid for every minute the shop calls it; toll-free and other numbers because no
# customer is reached there, only switchboards.
ORDINARY_LINES = frozenset(
    {LineType.MOBILE, LineType.FIXED_LINE, LineType.FIXED_LINE_OR_MOBILE, LineType.VOIP}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls at most: in the last 60 minutes, and at once."""

    calls_per_hour: int
    live_in_all: int
    live_per_manager: int = 1


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A part of a day in minutes since local midnight: `start` belongs to it, `end` does not.

    An end before the start lies on the next day: 22:00-06:00 is the night that begins on this day.
    Raises ValueError for minutes outside the day, and where both ends are one: that could mean
    nothing or a whole day, and the whole day has a form of its own, 00:00-24:00.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < MINUTES_OF_A_DAY and 0 <= self.end <= MINUTES_OF_A_DAY):
            raise ValueError("must lie between 00:00 and 24:00")
        if self.start == self.end:
            raise ValueError("must not begin and end at the same minute (a whole day is 00:00-24:00)")

    @property
    def overnight(self) -> bool:
        return self.end < self.start

    def covers(self, minute: int) -> bool:
        """Whether a minute of any day is in it, where it is a part of every day."""
        if self.overnight:
            return minute >= self.start or minute < self.end
        return self.start <= minute < self.end

    @classmethod
    def read(cls, text: str) -> Self:
        """From 09:00-18:00. Raises ValueError."""
        match = re.fullmatch(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", text, re.ASCII)
        if match is None:
            raise ValueError('must be a time range such as "09:00-18:00"')
        from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
        return cls(from_hour * 60 + from_minute, to_hour * 60 + to_minute)

    def __str__(self) -> str:
        return f"{_time(self.start)}-{_time(self.end)}"


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """When customers may be called: seven days, Monday first, each with any number of ranges or none.

    Holds the zone itself rather than its name: to look a name up reads files, which rules never do.
    """

    days: tuple[tuple[TimeRange, ...], ...]
    timezone: ZoneInfo

    def __post_init__(self) -> None:
        if len(self.days) != 7:
            raise ValueError("working hours need seven days")


@dataclass(frozen=True, slots=True)
class Countries:
    """Where a number may belong to: ISO 3166-1 alpha-2 codes as phonenumbers uses them."""

    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class LineTypes:
    """Which kinds of lines may be called."""

    allowed: frozenset[LineType] = ORDINARY_LINES


@dataclass(frozen=True, slots=True)
class LockOut:
    """`misses` misses, the last less than `within_seconds` after the first, lock out for `for_seconds`."""

    misses: int
    within_seconds: int
    for_seconds: int


@dataclass(frozen=True, slots=True)
class Policy:
    """All that decides about a call.

    `refusal_delay_ms` is how long after dialling a manager is told that a code is not theirs. It is
    longer than any look-up takes, so that the time of the answer says no more than the answer.
    `own_hours` are those of the caller, where there are any, within the shop's.
    """

    limits: Limits
    tolls: Tolls
    hours: WorkingHours
    countries: Countries
    line_types: LineTypes
    lock_out: LockOut
    refusal_delay_ms: int
    own_hours: WorkingHours | None = None
