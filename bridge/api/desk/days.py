"""The days of the shop, which begin at midnight where the shop is."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo

from bridge.store.results import Day


def last_days(count: int, now_ms: int, timezone: tzinfo) -> list[Day]:
    """So many days up to today, the oldest first; one of a clock change has 23 hours or 25."""
    today = datetime.fromtimestamp(now_ms / 1000, timezone).date()
    dates = [today - timedelta(days=ago) for ago in reversed(range(count))]
    return [
        Day(each.isoformat(), _midnight(each, timezone), _midnight(each + timedelta(days=1), timezone))
        for each in dates
    ]


def _midnight(day: date, timezone: tzinfo) -> int:
    return int(datetime.combine(day, time.min, timezone).timestamp() * 1000)
