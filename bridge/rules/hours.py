"""Are customers called at this moment?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bridge.rules.policy import WorkingHours

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def within_hours(at_ms: int, hours: WorkingHours) -> bool:
    """Whether `at_ms` (milliseconds since the epoch, UTC) falls into the shop's working hours.

    The hours are what a clock on the shop's wall shows. So on the night that clocks go forward the
    skipped hour never comes, and on the night they go back the repeated hour counts both times.
    """
    local = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(hours.timezone)
    minute = local.hour * 60 + local.minute
    today = hours.days[local.weekday()]
    yesterday = hours.days[local.weekday() - 1]  # Monday's -1 is Sunday
    begun_today = any(part.start <= minute and (part.overnight or minute < part.end) for part in today)
    begun_yesterday = any(part.overnight and minute < part.end for part in yesterday)
    return begun_today or begun_yesterday
