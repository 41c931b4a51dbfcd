"""Times, scales, languages, files: what pages are made of."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.desk.language import LOCALES, preferred
from bridge.desk.plots import HEIGHT, scale, stacked_bars
from bridge.desk.times import Clock, duration

ROOT = Path(__file__).parents[2]
NOW = 1_795_536_000_000  # 2026-11-24 16:00 UTC
LONDON = Clock(ZoneInfo("Europe/London"), LOCALES["en"], NOW)


def test_the_vendored_scripts_are_those_that_were_taken_over() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "vendor", "--check"], check=False)
    assert done.returncode == 0, "run scripts/vendor"


def test_moments_are_as_short_as_can_be_understood() -> None:
    assert LONDON.moment(NOW - 3_600_000) == "15:00"
    assert LONDON.moment(NOW - 24 * 3_600_000) == "23 Nov 16:00"
    assert LONDON.moment(NOW - 400 * 24 * 3_600_000) == "20 Oct 2025"


@pytest.mark.parametrize(
    ("timezone", "told"),
    [
        ("Europe/London", "16:00"),
        ("Pacific/Auckland", "05:00"),
        ("Asia/Tokyo", "01:00"),
        ("America/New_York", "11:00"),
    ],
)
def test_a_customers_clock_is_told_with_whether_it_is_an_hour_to_call_at(timezone: str, told: str) -> None:
    local = LONDON.local(timezone)
    assert local is not None
    assert (local.text, local.decent) == (told, told in ("16:00", "11:00"))


@pytest.mark.parametrize("timezone", [None, "", "Nowhere/Atall", "../etc/passwd", "Europe"])
def test_a_zone_that_is_unknown_is_none(timezone: str | None) -> None:
    assert LONDON.local(timezone) is None
    assert LONDON.local_moment(NOW, timezone) is None


def test_a_typed_time_is_the_shops() -> None:
    summer = Clock(ZoneInfo("Europe/London"), LOCALES["en"], NOW)
    assert summer.typed("2026-07-01T10:00") == 1_782_896_400_000  # 09:00 UTC
    assert summer.field(summer.typed("2026-07-01T10:00")) == "2026-07-01T10:00"
    with pytest.raises(ValueError, match="tomorrow"):
        summer.typed("tomorrow")


def test_quick_choices_are_on_the_shops_clock_also_when_it_is_put_back() -> None:
    before = Clock(ZoneInfo("Europe/London"), LOCALES["en"], 1_792_846_800_000)  # 2026-10-24 14:00, UTC+1
    assert before.tomorrow_at(10) - before.today_at(10) == 25 * 3_600_000


@pytest.mark.parametrize(("milliseconds", "told"), [(0, "0:00"), (133_900, "2:13"), (3_733_000, "1:02:13")])
def test_durations_are_told_as_on_a_telephone(milliseconds: int, told: str) -> None:
    assert duration(milliseconds) == told


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("ru", "ru"),
        ("de, ru;q=0.8, en;q=0.3", "ru"),
        ("en-US,ru;q=0.5", "en"),
        ("", "en"),
        ("ru;q=0", "en"),
        ("*", "en"),
    ],
)
def test_the_browsers_languages_are_weighed(accepted: str, language: str) -> None:
    assert preferred(accepted, otherwise="en") == language


@pytest.mark.parametrize("highest", [0, 1, 4, 5, 9, 10, 11, 49, 50, 51, 185, 999, 1_000_000])
def test_a_scale_is_of_round_values_and_reaches_the_highest(highest: int) -> None:
    lines = scale(highest)
    assert 3 <= len(lines) <= 6
    assert lines[0] == 0
    assert lines[-1] >= highest
    assert {b - a for a, b in itertools.pairwise(lines)} == {lines[1]}


def test_bars_stand_on_each_other_within_the_plot() -> None:
    plot = stacked_bars(["2026-11-23", "2026-11-24"], {"talked": [3, 0], "busy": [2, 0]})
    talked, busy = plot.bars
    assert busy.y + busy.height == pytest.approx(talked.y)
    assert (talked.height, busy.height) == (pytest.approx(1.5 * busy.height), busy.height)
    assert all(0 <= bar.y <= HEIGHT for bar in plot.bars)
    assert stacked_bars([], {"talked": []}).bars == []
