"""How fast orders may be opened, and who has claimed whom."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.claims import CLAIM_MS, Claims
from bridge.rules.reading import EPISODE_MS, HOUR_MS, MINUTE_MS, Pace, Refusals, wait_ms

NOW = 1_800_000_000_000
PACE = Pace(per_minute=3, per_hour=5)


def test_fewer_than_the_limit_may_be_opened_at_once() -> None:
    read = {"1": NOW, "2": NOW}
    assert wait_ms(read, "3", NOW, PACE) == 0


def test_one_more_waits_until_the_oldest_is_a_minute_old() -> None:
    read = {"1": NOW - 50_000, "2": NOW - 20_000, "3": NOW}
    assert wait_ms(read, "4", NOW, PACE) == 10_000
    assert wait_ms(read, "4", NOW + 10_000, PACE) == 0


def test_by_the_hour_the_longer_wait_counts() -> None:
    read = {str(place): NOW - place * 2 * MINUTE_MS for place in range(5)}
    assert wait_ms(read, "other", NOW, PACE) == HOUR_MS - 8 * MINUTE_MS


def test_an_order_that_was_opened_is_opened_again() -> None:
    read = {str(place): NOW for place in range(5)}
    assert wait_ms(read, "3", NOW, PACE) == 0


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=60))
def test_whoever_waits_as_told_never_passes_the_limits(gaps: list[int]) -> None:
    read: dict[str, int] = {}
    now_ms = NOW
    for place, gap in enumerate(gaps):
        now_ms += gap
        now_ms += wait_ms(read, str(place), now_ms, PACE)
        read[str(place)] = now_ms
        for window_ms, most in ((MINUTE_MS, PACE.per_minute), (HOUR_MS, PACE.per_hour)):
            assert sum(now_ms - at_ms < window_ms for at_ms in read.values()) <= most


def test_refusals_close_together_are_one_episode() -> None:
    refusals, alarms = Refusals(), []
    for at_ms in (NOW, NOW + 1, NOW + EPISODE_MS, NOW + 2 * EPISODE_MS - 1, NOW + 3 * EPISODE_MS):
        refusals, begins = refusals.with_refusal(1, at_ms)
        alarms.append(begins)
    assert alarms == [True, False, False, False, True]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 1000)), max_size=200))
def test_refusals_take_no_more_than_their_room(refused: list[tuple[int, int]]) -> None:
    refusals, now_ms = Refusals(capacity=10), NOW
    for manager_id, gap in refused:
        now_ms += gap
        refusals, _ = refusals.with_refusal(manager_id, now_ms)
        assert len(refusals) <= 10


moves = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(0, CLAIM_MS // 2)), max_size=60)


@given(moves)
def test_no_customer_is_two_managers_and_no_manager_has_two(taken: list[tuple[int, int, int]]) -> None:
    claims, now_ms = Claims(), NOW
    for manager_id, customer_id, gap in taken:
        now_ms += gap
        was_others = claims.is_others(customer_id, manager_id, now_ms)
        assert claims.take(customer_id, manager_id, now_ms) is not was_others
        held = [claims.customer_of(manager, now_ms) for manager in range(1, 5)]
        held = [customer for customer in held if customer is not None]
        assert len(held) == len(set(held))
        assert len(claims) <= 4


def test_a_claim_is_over_when_it_lapses_or_another_is_taken() -> None:
    claims = Claims()
    assert claims.take(7, 1, NOW)
    assert not claims.take(7, 2, NOW + CLAIM_MS - 1)
    assert claims.take(7, 2, NOW + CLAIM_MS)
    assert claims.take(8, 2, NOW + CLAIM_MS)
    assert claims.take(7, 3, NOW + CLAIM_MS)
