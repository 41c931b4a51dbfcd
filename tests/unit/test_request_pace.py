"""How many requests a program may make: a minute's worth at once, then as they trickle in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.request_pace import RequestPace

MINUTE_MS = 60_000


def test_a_minutes_worth_may_be_made_at_once_and_then_one_in_its_time() -> None:
    pace = RequestPace(60)
    assert [pace.wait_seconds("a", 0) for _ in range(61)] == [0] * 60 + [1]
    assert pace.wait_seconds("a", 999) == 1
    assert pace.wait_seconds("a", 1000) == 0
    assert pace.wait_seconds("a", 1000) == 1


def test_the_wait_that_is_told_is_long_enough() -> None:
    pace = RequestPace(7)
    for _ in range(7):
        pace.wait_seconds("a", 0)
    wait = pace.wait_seconds("a", 0)
    assert wait == 9
    assert pace.wait_seconds("a", wait * 1000) == 0


def test_one_does_not_hold_another_up_and_what_costs_more_counts_more() -> None:
    pace = RequestPace(10)
    pace.take("a", 0, cost=100)
    assert pace.wait_seconds("a", 0) > 0
    assert pace.wait_seconds("b", 0) == 0
    assert pace.wait_seconds("a", MINUTE_MS) == 0


def test_a_clock_that_is_set_back_gives_nothing_away() -> None:
    pace = RequestPace(1)
    assert pace.wait_seconds("a", MINUTE_MS) == 0
    assert pace.wait_seconds("a", 0) > 0


def test_who_asked_last_is_remembered_and_no_more_than_there_is_room_for() -> None:
    pace = RequestPace(1, capacity=2)
    for name in ("a", "b", "a2", "b2", "a"):
        pace.wait_seconds(name, 0)
    assert len(pace) == 2
    assert pace.wait_seconds("b2", 0) > 0
    assert pace.wait_seconds("b", 0) == 0, "forgotten, and so begun anew"


@given(
    st.integers(1, 100),
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5000)), max_size=200),
)
def test_never_more_than_two_minutes_worth_in_a_minute(per_minute: int, asked: list[tuple[str, int]]) -> None:
    """What is left at its beginning, and what trickles in during it."""
    pace, now_ms, granted = RequestPace(per_minute), 0, []
    for name, later in asked:
        now_ms += later
        if name == "a" and pace.wait_seconds(name, now_ms) == 0:
            granted.append(now_ms)
    for start in granted:
        within = [at for at in granted if start <= at < start + MINUTE_MS]
        assert len(within) <= 2 * per_minute
