"""Moments and durations as people read them. Times come as milliseconds since the epoch, UTC."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale

DECENT_HOURS: Final = range(9, 20)
"""Hours of a customer's own day in which a call surprises nobody."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class LocalTime:
    """What a customer's clock shows. `decent`: an hour to be called at."""

    text: str
    decent: bool


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells times in the shop's time zone and a language's own way, as of one moment."""

    timezone: ZoneInfo
    locale: Locale
    now_ms: int

    def moment(self, at_ms: int) -> str:
        """As short as can be understood: today's have no date."""
        at, today = self._at(at_ms), self._at(self.now_ms).date()
        if at.date() == today:
            return self._time(at)
        if abs((at.date() - today).days) < 300:
            return f"{self._day(at)} {self._time(at)}"
        return f"{self._day(at)} {at.year}"

    def full(self, at_ms: int) -> str:
        at = self._at(at_ms)
        return f"{self._day(at)} {at.year} {at:%H:%M:%S}"

    def machine(self, at_ms: int) -> str:
        """For the attribute `datetime`."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")

    def day(self, day: str) -> str:
        """A date of the API, YYYY-MM-DD."""
        at = date.fromisoformat(day)
        return f"{self.locale.days['format']['abbreviated'][at.weekday()]} {self._day(at)}"

    def short_day(self, day: str) -> str:
        return self._day(date.fromisoformat(day))

    def elapsed_ms(self, since_ms: int) -> int:
        return max(0, self.now_ms - since_ms)

    def is_past(self, at_ms: int) -> bool:
        return at_ms <= self.now_ms

    def local(self, timezone: str | None) -> LocalTime | None:
        """What the clock of a customer in this time zone shows; None where it is not known."""
        zone = _zone(timezone)
        if zone is None:
            return None
        at = datetime.fromtimestamp(self.now_ms / 1000, zone)
        return LocalTime(self._time(at), at.hour in DECENT_HOURS)

    def local_moment(self, at_ms: int, timezone: str | None) -> str | None:
        """A moment by the customer's clock, where that differs from the shop's."""
        zone = _zone(timezone) or self.timezone
        there, here = datetime.fromtimestamp(at_ms / 1000, zone), self._at(at_ms)
        return self._time(there) if there.utcoffset() != here.utcoffset() else None

    def today_at(self, hour: int) -> int:
        """Milliseconds since the epoch of a whole hour of the shop's today."""
        return self._ms(datetime.combine(self._at(self.now_ms).date(), time_of_day(hour), self.timezone))

    def tomorrow_at(self, hour: int) -> int:
        tomorrow = self._at(self.now_ms).date() + timedelta(days=1)
        return self._ms(datetime.combine(tomorrow, time_of_day(hour), self.timezone))

    def typed(self, text: str) -> int:
        """What a datetime-local field holds, meant in the shop's time zone. Raises ValueError."""
        return self._ms(datetime.fromisoformat(text).replace(tzinfo=self.timezone))

    def field(self, at_ms: int) -> str:
        """For a datetime-local field."""
        return self._at(at_ms).strftime("%Y-%m-%dT%H:%M")

    def _day(self, at: date) -> str:
        """Put together by hand: a queue has a hundred times, and Babel reads its pattern anew for each."""
        return f"{at.day} {self.locale.months['format']['abbreviated'][at.month]}"

    @staticmethod
    def _time(at: datetime) -> str:
        return f"{at:%H:%M}"

    def _at(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, self.timezone)

    @staticmethod
    def _ms(at: datetime) -> int:
        return int(at.timestamp() * 1000)


def _zone(name: str | None) -> ZoneInfo | None:
    """None also where this machine does not know the zone."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, such as Europe
        return None


def duration(milliseconds: int) -> str:
    """Minutes and seconds, as call timers show them: 2:13, 1:02:13."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
