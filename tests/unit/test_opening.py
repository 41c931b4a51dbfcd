"""When the shop is open to customers who call: against a walk through the calendar, and on odd nights."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import Day, OpeningHours, TimeRange, WorkingHours, is_open, within_hours

LONDON = ZoneInfo("Europe/London")
NINE_TO_SIX = (TimeRange(9 * 60, 18 * 60),)
NIGHT = (TimeRange(22 * 60, 6 * 60),)
EVERY_DAY = WorkingHours((NINE_TO_SIX,) * 7, LONDON)

zones = st.sampled_from(
    ["Europe/London", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)
ranges = (
    st.tuples(st.integers(0, 1439), st.integers(0, 1440))
    .filter(lambda ends: ends[0] != ends[1])
    .map(lambda ends: TimeRange(*ends))
)
day_hours = st.lists(ranges, max_size=3).map(tuple)
weeks = st.tuples(*[day_hours] * 7)
# Of few days, so that moments meet holidays, nights before them, and both kinds at once.
dates = st.dates(date(2027, 12, 30), date(2028, 1, 3)) | st.dates(date(2028, 2, 27), date(2028, 3, 2))
days = dates.map(Day.once) | dates.map(Day.every_year)
open_days = st.dictionaries(days, day_hours, max_size=4)
minutes = st.tuples(dates, st.integers(0, 1439)).map(
    lambda when: datetime.combine(when[0], datetime.min.time(), UTC) + timedelta(minutes=when[1])
)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _utc(*parts: int) -> int:
    return _ms(datetime(*parts, tzinfo=UTC))  # type: ignore[arg-type, misc]


def _written_for(day: date, hours: OpeningHours) -> tuple[TimeRange, ...]:
    """What the configuration says of a day, looked up as a person would: by the text of its dates."""
    full, yearly = f"{day:%Y-%m-%d}", f"{day:%m-%d}"
    own = {str(each): parts for each, parts in hours.open_days.items()}
    if full in own or yearly in own:
        return own.get(full, own.get(yearly, ()))
    closed = {str(each) for each in hours.holidays} & {full, yearly}
    return () if closed else hours.week.days[day.weekday()]


def _walked(hours: OpeningHours, around: date) -> set[tuple[date, int]]:
    """Every open minute of the days around, walked one by one from each start to its end."""
    found = set()
    for day in (around - timedelta(days=1), around):
        for part in _written_for(day, hours):
            minute = part.start
            end = part.end + 1440 if part.overnight else part.end
            while minute < end:
                found.add((day + timedelta(days=minute // 1440), minute % 1440))
                minute += 1
    return found


@given(weeks, zones, st.frozensets(days, max_size=4), open_days, minutes)
def test_hours_are_those_that_walking_through_the_calendar_finds(
    week: tuple[tuple[TimeRange, ...], ...],
    zone: ZoneInfo,
    holidays: frozenset[Day],
    own: dict[Day, tuple[TimeRange, ...]],
    moment: datetime,
) -> None:
    hours = OpeningHours(WorkingHours(week, zone), holidays, own)
    local = moment.astimezone(zone)
    walked = (local.date(), local.hour * 60 + local.minute) in _walked(hours, local.date())
    assert is_open(_ms(moment), hours) == walked


@given(weeks, zones, st.integers(1_600_000_000_000, 1_900_000_000_000))
def test_a_shop_without_special_days_has_its_week(
    week: tuple[tuple[TimeRange, ...], ...], zone: ZoneInfo, at_ms: int
) -> None:
    hours = WorkingHours(week, zone)
    assert is_open(at_ms, OpeningHours(hours)) == within_hours(at_ms, hours)


def test_a_holiday_of_every_year_comes_every_year_and_a_date_once() -> None:
    hours = OpeningHours(EVERY_DAY, frozenset({Day.read("12-25"), Day.read("2026-12-28")}))
    assert not is_open(_utc(2026, 12, 25, 12), hours)
    assert not is_open(_utc(2027, 12, 25, 12), hours)
    assert not is_open(_utc(2026, 12, 28, 12), hours)
    assert is_open(_utc(2027, 12, 28, 12), hours)


def test_a_day_with_hours_of_its_own_has_them_though_it_is_a_holiday() -> None:
    own = {Day.read("12-24"): (TimeRange(9 * 60, 13 * 60),), Day.read("2027-12-24"): ()}
    hours = OpeningHours(EVERY_DAY, frozenset({Day.read("12-24")}), own)
    assert is_open(_utc(2026, 12, 24, 12), hours)
    assert not is_open(_utc(2026, 12, 24, 14), hours)
    assert not is_open(_utc(2027, 12, 24, 12), hours), "the date's own hours go before those of every year"


def test_a_night_that_begins_before_a_holiday_is_open_to_its_end_and_none_begins_on_it() -> None:
    hours = OpeningHours(WorkingHours((NIGHT,) * 7, LONDON), frozenset({Day.read("12-25")}))
    assert is_open(_utc(2026, 12, 25, 5, 59), hours)
    assert not is_open(_utc(2026, 12, 25, 6), hours)
    assert not is_open(_utc(2026, 12, 25, 23), hours)
    assert not is_open(_utc(2026, 12, 26, 5), hours)
    assert is_open(_utc(2026, 12, 26, 22), hours)


def test_a_holiday_is_a_day_of_the_shops_own_calendar() -> None:
    apia = ZoneInfo("Pacific/Apia")  # 13 hours before Greenwich: its Christmas begins on the 24th at 11:00
    hours = OpeningHours(WorkingHours(((TimeRange(0, 1440),),) * 7, apia), frozenset({Day.read("12-25")}))
    assert is_open(_utc(2026, 12, 24, 10, 59), hours)
    assert not is_open(_utc(2026, 12, 24, 11), hours)
    assert is_open(_utc(2026, 12, 25, 11), hours)


@pytest.mark.parametrize(
    ("at_ms", "open_"),
    [
        (_utc(2026, 3, 29, 8, 30), True),  # the day clocks went forward: 09:30 on the wall
        (_utc(2026, 10, 25, 8, 30), False),  # the day clocks went back: 08:30
    ],
)
def test_hours_follow_the_clock_on_the_wall_through_summer_time(at_ms: int, open_: bool) -> None:
    assert is_open(at_ms, OpeningHours(EVERY_DAY)) is open_


def test_a_night_in_which_clocks_change_ends_when_the_wall_says_so() -> None:
    hours = OpeningHours(WorkingHours((NIGHT,) * 7, LONDON))
    assert is_open(_utc(2026, 3, 29, 4, 59), hours)  # 05:59, an hour shorter
    assert not is_open(_utc(2026, 3, 29, 5), hours)
    assert is_open(_utc(2026, 10, 25, 5, 59), hours)  # 05:59, an hour longer
    assert not is_open(_utc(2026, 10, 25, 6), hours)


@pytest.mark.parametrize(
    "text", ["", "2026-13-01", "2026-02-29", "02-30", "00-10", "1-1", "25.12.", "0000-01-01", "12-25 "]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a day"):
        Day.read(text)


@pytest.mark.parametrize("text", ["2026-12-25", "12-25", "02-29", "2028-02-29"])
def test_a_day_reads_as_it_is_written(text: str) -> None:
    assert str(Day.read(text)) == text
