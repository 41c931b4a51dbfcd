"""What comes of a call for an order, and where that puts it in the queue."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.calls.model import Result
from bridge.rules.worklist import (
    CLOSED,
    COUNTED,
    HOUR_MS,
    LONGEST_CALL_BACK_MS,
    MINUTE_MS,
    OPEN,
    PAUSES_MS,
    WAITED_FOR,
    CallBackRefused,
    Outcome,
    Part,
    Why,
    Work,
    after,
    part_of,
    pause_after,
    place_of,
)

NOW = 1_800_000_000_000
NEW = Work(OPEN, Why.NEW, attempts=0, due_ms=None, priority=0)
DONE = Work(CLOSED, Why.DONE, attempts=0, due_ms=None, priority=0)

works = st.builds(
    Work,
    state=st.sampled_from([OPEN, CLOSED]),
    why=st.sampled_from(Why),
    attempts=st.integers(0, 50),
    due_ms=st.none() | st.integers(NOW - 10**9, NOW + 10**9),
    priority=st.integers(0, 99),
)
outcomes = st.sampled_from([outcome for outcome in Outcome if outcome is not Outcome.CALL_BACK])


@pytest.mark.parametrize(
    ("attempts", "minutes"), [(1, 15), (2, 60), (3, 240), (4, 24 * 60), (5, 24 * 60), (500, 24 * 60)]
)
def test_the_pause_grows_up_to_a_day(attempts: int, minutes: int) -> None:
    assert pause_after(attempts) == minutes * MINUTE_MS


@given(works, outcomes)
def test_an_outcome_leaves_nothing_to_be_called_in_the_past(work: Work, outcome: Outcome) -> None:
    then = after(work, outcome, NOW)
    assert then.due_ms is None or then.due_ms >= NOW
    assert then.due_ms is not None or then.why not in WAITED_FOR
    assert then.priority == work.priority


@given(works, st.sampled_from([Outcome.CONFIRMED, Outcome.REFUSED, Outcome.DO_NOT_CALL]))
def test_what_is_settled_is_closed_and_done(work: Work, outcome: Outcome) -> None:
    assert after(work, outcome, NOW) == replace(DONE, priority=work.priority)


@given(works)
def test_each_call_that_nobody_answers_is_an_attempt_and_waits_no_shorter(work: Work) -> None:
    first = after(work, Outcome.NO_ANSWER, NOW)
    second = after(first, Outcome.NO_ANSWER, NOW)
    assert (first.attempts, second.attempts) == (work.attempts + 1, work.attempts + 2)
    assert first.due_ms is not None
    assert second.due_ms is not None
    assert first.due_ms <= second.due_ms <= NOW + PAUSES_MS[-1]
    still = Why.CUSTOMER_CALLED if work.why is Why.CUSTOMER_CALLED else Why.NO_ANSWER
    assert (second.state, second.why) == (OPEN, still)


def test_who_was_left_a_message_has_time_to_call_back() -> None:
    assert after(NEW, Outcome.LEFT_MESSAGE, NOW).due_ms == NOW + 4 * HOUR_MS


@given(works, st.integers(NOW + 1, NOW + LONGEST_CALL_BACK_MS))
def test_a_call_back_is_due_when_it_was_promised(work: Work, at_ms: int) -> None:
    then = after(work, Outcome.CALL_BACK, NOW, at_ms)
    assert (then.state, then.why, then.attempts, then.due_ms) == (OPEN, Why.CALL_BACK, 0, at_ms)
    assert part_of(then, at_ms - 1) is Part.LATER
    assert part_of(then, at_ms) is Part.DUE


@pytest.mark.parametrize("at_ms", [None, 0, NOW, NOW + LONGEST_CALL_BACK_MS + 1])
def test_a_call_back_without_a_time_to_come_is_refused(at_ms: int | None) -> None:
    with pytest.raises(CallBackRefused):
        after(NEW, Outcome.CALL_BACK, NOW, at_ms)


@pytest.mark.parametrize("came", [*(said for said in Outcome if said is not Outcome.CALL_BACK), *Result])
def test_nothing_else_has_a_time(came: Outcome | Result) -> None:
    with pytest.raises(CallBackRefused):
        after(NEW, came, NOW, NOW + HOUR_MS)


def test_after_a_wrong_number_the_next_one_is_tried_at_once() -> None:
    waiting = Work(OPEN, Why.NO_ANSWER, attempts=3, due_ms=NOW + HOUR_MS, priority=0)
    assert after(waiting, Outcome.WRONG_NUMBER, NOW) == replace(waiting, attempts=0, due_ms=None)
    promised = replace(waiting, why=Why.CALL_BACK)
    assert after(promised, Outcome.WRONG_NUMBER, NOW) == replace(promised, attempts=0, due_ms=NOW)


@given(works, st.sampled_from(Result))
def test_a_result_never_closes_an_order_and_changes_none_that_is_done(work: Work, result: Result) -> None:
    then = after(work, result, NOW)
    if work.why is Why.DONE or result not in COUNTED:
        assert then == work
    else:
        assert then.due_ms is not None
        assert then.due_ms >= NOW + (0 if result in (Result.MISSED, Result.PASSED_ON) else PAUSES_MS[0])
        assert then.why is not Why.DONE


@given(
    works.filter(lambda work: work.why is not Why.DONE), st.sampled_from([Result.MISSED, Result.PASSED_ON])
)
def test_a_customer_who_has_called_in_vain_is_due_at_once_until_they_are_spoken_with(
    work: Work, result: Result
) -> None:
    called = after(work, result, NOW)
    assert (called.why, called.due_ms) == (Why.CUSTOMER_CALLED, NOW)
    assert part_of(called, NOW) is Part.DUE
    tried = after(called, Result.BUSY, NOW)
    assert (tried.why, tried.attempts, part_of(tried, NOW)) == (Why.CUSTOMER_CALLED, 1, Part.LATER)
    assert part_of(tried, NOW + PAUSES_MS[0]) is Part.DUE
    assert after(tried, Result.TALKED, NOW).why is Why.NEW


@given(st.lists(st.tuples(works, st.integers(0, NOW)), min_size=2, max_size=8))
def test_whoever_was_promised_a_call_comes_before_whoever_was_not(orders: list[tuple[Work, int]]) -> None:
    parts = list(Part)
    queue = sorted(
        (place_of(work, created_ms, NOW) for work, created_ms in orders),
        key=lambda place: (parts.index(place[0]), *place[1:]),
    )
    assert [place[0] for place in queue] == sorted((place[0] for place in queue), key=parts.index)


@given(works, works, st.integers(0, NOW), st.integers(0, NOW))
def test_within_a_part_priority_comes_before_age(one: Work, other: Work, made: int, later: int) -> None:
    one = replace(one, priority=min(99, other.priority + 1))
    places = place_of(one, made, NOW), place_of(other, later, NOW)
    if {place[0] for place in places} == {Part.NOW} and one.priority > other.priority:
        assert places[0] < places[1]
