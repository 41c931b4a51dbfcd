"""When a shop is asked again, and for what was changed since when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.pulling import (
    LONGEST_ASKED_FOR_MS,
    LONGEST_PAUSE_MS,
    OVERLAP_MS,
    next_since_ms,
    pause_ms,
    seen_ms,
)

MINUTE_MS = 60_000
times = st.integers(0, 10**14)


def test_pauses_double_up_to_half_an_hour() -> None:
    told = [pause_ms(MINUTE_MS, failures, None) // MINUTE_MS for failures in range(8)]
    assert told == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_shop_that_is_asked_once_a_day_is_not_asked_more_often_as_it_fails() -> None:
    assert pause_ms(24 * 60 * MINUTE_MS, 5, None) == 24 * 60 * MINUTE_MS


@given(st.integers(10_000, 86_400_000), st.integers(0, 10**6), st.none() | st.integers(0, 10**12))
def test_no_pause_is_too_short_or_without_end(every_ms: int, failures: int, asked: int | None) -> None:
    pause = pause_ms(every_ms, failures, asked)
    assert every_ms <= pause <= max(every_ms, LONGEST_PAUSE_MS, LONGEST_ASKED_FOR_MS)
    assert pause >= min(asked or 0, LONGEST_ASKED_FOR_MS)


@given(times, st.none() | times)
def test_it_never_goes_back_and_reads_the_last_minutes_again(since_ms: int, newest_ms: int | None) -> None:
    after = next_since_ms(since_ms, newest_ms)
    assert after >= since_ms
    assert newest_ms is None or after <= max(since_ms, newest_ms - OVERLAP_MS)


@given(times, times)
def test_nothing_is_changed_later_than_now(changed_ms: int, now_ms: int) -> None:
    assert seen_ms(changed_ms, now_ms) == min(changed_ms, now_ms)
    assert seen_ms(None, now_ms) is None
