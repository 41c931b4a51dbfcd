"""What calls make of a contact's worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.calls.model import Result
from bridge.rules.worklist import SPOKEN, Came, Outcome
from bridge.rules.worth import Standing, Worth, worth_after

CAME: list[Came] = [*Result, *Outcome]
USABLE = Worth(Standing.USABLE)


def after(*came: Came, begin: Worth = USABLE) -> Standing:
    for each in came:
        begin = worth_after(begin, each, answered=False)
    return begin.standing


@pytest.mark.parametrize(
    ("came", "standing"),
    [
        ([Result.INVALID_NUMBER], Standing.USABLE),
        ([Result.INVALID_NUMBER, Result.INVALID_NUMBER], Standing.SUSPECT),
        ([Result.INVALID_NUMBER, Result.NO_ANSWER, Result.INVALID_NUMBER], Standing.SUSPECT),
        ([Result.INVALID_NUMBER, Result.TALKED, Result.INVALID_NUMBER], Standing.USABLE),
        ([Result.NO_ANSWER, Result.BUSY, Result.CONGESTION], Standing.USABLE),
        ([Outcome.WRONG_NUMBER], Standing.WRONG),
        ([Outcome.WRONG_NUMBER, Result.TALKED], Standing.WRONG),
    ],
)
def test_a_number_stands_as_what_came_of_its_calls_says(came: list[Came], standing: Standing) -> None:
    assert after(*came) is standing


def test_a_number_that_came_doubtful_is_cleared_by_a_conversation_alone() -> None:
    suspect = Worth(Standing.SUSPECT)
    assert after(Result.NO_ANSWER, Outcome.CONFIRMED, begin=suspect) is Standing.SUSPECT
    assert worth_after(suspect, Result.TALKED, answered=False) == USABLE


@pytest.mark.parametrize("came", sorted(SPOKEN & set(Outcome)))
def test_a_word_that_somebody_was_spoken_with_counts_where_the_call_was_answered(came: Outcome) -> None:
    suspect = Worth(Standing.SUSPECT, 2)
    assert worth_after(suspect, came, answered=True) == USABLE
    assert worth_after(suspect, came, answered=False) == suspect


@given(st.lists(st.tuples(st.sampled_from(CAME), st.booleans())))
def test_nothing_but_a_managers_word_makes_a_number_wrong_and_nothing_makes_it_right_again(
    story: list[tuple[Came, bool]],
) -> None:
    worth = USABLE
    for came, answered in story:
        before, worth = worth, worth_after(worth, came, answered=answered)
        if worth.standing is Standing.WRONG:
            assert Standing.WRONG in (before.standing,) or came is Outcome.WRONG_NUMBER
        assert before.standing is not Standing.WRONG or worth == before
