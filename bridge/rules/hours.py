"""What time it is in the shop: are customers called at this moment?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.rules.policy import TimeRange, WorkingHours

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def within_hours(at_ms: int, hours: WorkingHours) -> bool:
    """Whether `at_ms` (milliseconds since the epoch, UTC) falls into the shop's working hours.

    The hours are what a clock on the shop's wall shows. So on the night that clocks go forward the
    skipped hour never comes, and on the night they go back the repeated hour counts both times.
    """
    local = on_the_wall(at_ms, hours.timezone)
    today = local.weekday()
    return covers(hours.days[today], hours.days[today - 1], local)  # Monday's -1 is Sunday


def on_the_wall(at_ms: int, timezone: ZoneInfo) -> datetime:
    """What the shop's clock and calendar show at `at_ms`, milliseconds since the epoch, UTC."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(timezone)


def minute_on_the_wall(at_ms: int, timezone: ZoneInfo) -> int:
    """How many minutes the shop's clock shows since midnight."""
    local = on_the_wall(at_ms, timezone)
    return local.hour * 60 + local.minute


def covers(today: Iterable[TimeRange], yesterday: Iterable[TimeRange], local: datetime) -> bool:
    """Whether this moment lies in a part of its own day, or in a night that has begun the day before."""
    minute = local.hour * 60 + local.minute
    begun_today = any(part.start <= minute and (part.overnight or minute < part.end) for part in today)
    begun_yesterday = any(part.overnight and minute < part.end for part in yesterday)
    return begun_today or begun_yesterday
