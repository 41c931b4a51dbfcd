"""Working hours against a brute-force oracle, and on the nights clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import TimeRange, WorkingHours, within_hours

LONDON = ZoneInfo("Europe/London")
WEEK_MINUTES = 7 * 24 * 60
CLOSED: tuple[TimeRange, ...] = ()

moments = st.integers(1_600_000_000_000, 1_900_000_000_000)
zones = st.sampled_from(
    ["Europe/London", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
ranges = (
    st.tuples(st.integers(0, 1439), st.integers(0, 1440))
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: TimeRange(*ends))
)
weeks = st.tuples(*[st.lists(ranges, max_size=3).map(tuple)] * 7)


def _utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


def _minutes_of_the_week(days: tuple[tuple[TimeRange, ...], ...]) -> set[int]:
    """Every open minute since Monday 00:00, walked one by one from each start to its end."""
    open_minutes = set()
    for day, parts in enumerate(days):
        for part in parts:
            minute = part.start
            while minute % 1440 != part.end % 1440 or minute == part.start:
                open_minutes.add((day * 1440 + minute) % WEEK_MINUTES)
                minute += 1
    return open_minutes


@given(weeks, zones, moments)
def test_hours_are_those_that_walking_minute_by_minute_finds(
    days: tuple[tuple[TimeRange, ...], ...], zone: ZoneInfo, at_ms: int
) -> None:
    local = datetime.fromtimestamp(at_ms / 1000, zone)
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    assert within_hours(at_ms, WorkingHours(days, zone)) == (minute in _minutes_of_the_week(days))


@given(st.lists(ranges, max_size=3).map(tuple), moments)
def test_every_minute_of_a_week_agrees_at_its_edges(parts: tuple[TimeRange, ...], at_ms: int) -> None:
    """Random moments seldom meet an edge, so each edge is tried, with the minutes around it."""
    hours = WorkingHours((parts,) * 7, LONDON)
    open_minutes = _minutes_of_the_week(hours.days)
    midnight = datetime.fromtimestamp(at_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    edges = {edge + near for part in parts for edge in (part.start, part.end) for near in (-1, 0, 1)}
    for edge in edges:
        local = (midnight + timedelta(minutes=edge)).astimezone(LONDON)
        minute = local.weekday() * 1440 + local.hour * 60 + local.minute
        assert within_hours(int(local.timestamp() * 1000), hours) == (minute in open_minutes)


def test_the_start_belongs_to_the_range_and_the_end_does_not() -> None:
    hours = WorkingHours(((TimeRange(9 * 60, 18 * 60),),) * 7, LONDON)
    assert not within_hours(_utc(2026, 1, 5, 8, 59, 59), hours)
    assert within_hours(_utc(2026, 1, 5, 9), hours)
    assert within_hours(_utc(2026, 1, 5, 17, 59, 59), hours)
    assert not within_hours(_utc(2026, 1, 5, 18), hours)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    sunday_night = (CLOSED,) * 6 + ((TimeRange(22 * 60, 6 * 60),),)
    hours = WorkingHours(sunday_night, LONDON)
    assert within_hours(_utc(2026, 1, 4, 23), hours)  # Sunday
    assert within_hours(_utc(2026, 1, 5, 5, 59), hours)  # Monday morning
    assert not within_hours(_utc(2026, 1, 5, 6), hours)
    assert not within_hours(_utc(2026, 1, 4, 5), hours)  # Sunday morning is Saturday's night


@pytest.mark.parametrize(
    ("at_ms", "open_"),
    [
        (_utc(2026, 3, 28, 8, 30), False),  # winter: 08:30 on the wall
        (_utc(2026, 3, 29, 8, 30), True),  # the day clocks went forward: 09:30
        (_utc(2026, 10, 24, 8, 30), True),  # summer still: 09:30
        (_utc(2026, 10, 25, 8, 30), False),  # the day clocks went back: 08:30
    ],
)
def test_hours_follow_the_clock_on_the_wall_through_summer_time(at_ms: int, open_: bool) -> None:
    assert within_hours(at_ms, WorkingHours(((TimeRange(9 * 60, 18 * 60),),) * 7, LONDON)) is open_


def test_the_hour_skipped_in_spring_never_comes_and_the_one_repeated_in_autumn_counts_twice() -> None:
    one_to_two = WorkingHours(((TimeRange(60, 120),),) * 7, LONDON)
    spring = [within_hours(_utc(2026, 3, 29, 0, minute), one_to_two) for minute in range(60)]
    spring += [within_hours(_utc(2026, 3, 29, 1, minute), one_to_two) for minute in range(60)]
    autumn = [within_hours(_utc(2026, 10, 25, hour, 30), one_to_two) for hour in (0, 1, 2)]
    assert not any(spring)
    assert autumn == [True, True, False]


def test_a_range_that_could_mean_nothing_or_a_whole_day_is_refused() -> None:
    with pytest.raises(ValueError, match="00:00-24:00"):
        TimeRange(540, 540)


def test_a_week_of_six_days_is_refused() -> None:
    with pytest.raises(ValueError, match="seven"):
        WorkingHours((CLOSED,) * 6, LONDON)
