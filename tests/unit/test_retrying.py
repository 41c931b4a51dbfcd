"""When something that did not arrive is sent again: later and later, never together, and not for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.retrying import PAUSES_MS, pause_ms

HOUR_MS = 3_600_000
SOME_ATTEMPT = st.integers(1, len(PAUSES_MS))


@given(SOME_ATTEMPT, st.floats(0, 1))
def test_a_pause_is_near_its_own_and_nothing_else(attempts: int, chance: float) -> None:
    pause, own = pause_ms(attempts, chance), PAUSES_MS[attempts - 1]
    assert pause is not None
    assert abs(pause - own) <= 0.2 * own + 1


def test_each_pause_is_longer_than_the_one_before_and_they_outlast_a_weekend() -> None:
    pauses = [pause_ms(attempts, 0.5) for attempts in range(1, len(PAUSES_MS) + 1)]
    assert pauses == sorted(pauses)
    assert sum(pause_ms(attempts, 0) or 0 for attempts in range(1, len(PAUSES_MS) + 1)) > 60 * HOUR_MS


def test_after_the_last_there_is_none() -> None:
    assert pause_ms(len(PAUSES_MS) + 1, 0.5) is None
