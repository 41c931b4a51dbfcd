"""A profile's shares add up, and looks are counted for the innermost package that is ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from benchkit.profile import Found, as_sheet
from benchkit.programs.sampled import package_of
from bridge.rules.hours import covers
from bridge.rules.policy import TimeRange


def test_the_shares_of_a_profile_are_the_whole() -> None:
    found = Found(calls=100, looks=10, packages={"store": 2, "calls": 5}, loop_s=0.8, other_threads_s=0.2)
    rows = as_sheet(found).rows
    assert [row[0].partition(",")[0] for row in rows] == [
        "`calls`",
        "`store`",
        "SQLite's threads",
        "asyncio",
        "in all",
    ]
    assert [float(row[1]) for row in rows] == [5.0, 2.0, 2.0, 1.0, 10.0]
    assert sum(int(row[2]) for row in rows[:-1]) == int(rows[-1][2]) == 100


def test_a_look_is_counted_for_the_innermost_package_that_is_ours() -> None:
    seen: list[str | None] = []

    def parts() -> Iterator[TimeRange]:
        """Somebody else's code, called from ours."""
        seen.append(package_of(sys._getframe()))
        yield TimeRange(0, 60)

    covers(parts(), (), datetime(2026, 11, 29, 0, 30, tzinfo=UTC))
    assert seen == ["rules"]
    assert package_of(sys._getframe()) is None, "nothing of ours is running"
