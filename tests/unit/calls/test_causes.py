"""Hang-up causes: every one of them means something, and what the table of causes says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.calls.causes import NO_USER_RESPONDING, message_for, result_for
from bridge.calls.model import Message, Result

UNANSWERED = {
    Result.BUSY,
    Result.NO_ANSWER,
    Result.DECLINED,
    Result.INVALID_NUMBER,
    Result.CONGESTION,
    Result.CARRIER_DOWN,
    Result.FAILED,
}

A_CAUSE = st.none() | st.integers(0, 127)


@given(cause=A_CAUSE, has_rung=st.booleans())
def test_every_cause_is_a_result_of_a_call_that_nobody_answered(cause: int | None, has_rung: bool) -> None:
    result = result_for(cause, has_rung=has_rung)
    assert result in UNANSWERED
    assert message_for(result) in Message


@given(cause=A_CAUSE.filter(lambda cause: cause != NO_USER_RESPONDING))
def test_only_the_cause_of_silence_asks_whether_the_phone_has_rung(cause: int | None) -> None:
    assert result_for(cause, has_rung=True) is result_for(cause, has_rung=False)


@pytest.mark.parametrize("cause", [None, 0, 127])
def test_no_cause_an_unknown_one_and_interworking_are_failures(cause: int | None) -> None:
    assert result_for(cause, has_rung=True) is Result.FAILED


@pytest.mark.parametrize(
    ("sip_status", "cause", "result"),
    [
        (404, 1, Result.INVALID_NUMBER),
        (485, 1, Result.INVALID_NUMBER),
        (604, 1, Result.INVALID_NUMBER),
        (484, 28, Result.INVALID_NUMBER),
        (486, 17, Result.BUSY),
        (600, 17, Result.BUSY),
        (480, 19, Result.NO_ANSWER),
        (408, 18, Result.NO_ANSWER),
        (603, 21, Result.DECLINED),
        (500, 38, Result.CARRIER_DOWN),
        (502, 27, Result.CARRIER_DOWN),
        (503, 34, Result.CONGESTION),
    ],
)
def test_a_carriers_answer_to_a_phone_that_rang_is_what_it_says(
    sip_status: int, cause: int, result: Result
) -> None:
    assert result_for(cause, has_rung=True) is result, sip_status


@pytest.mark.parametrize(
    ("has_rung", "result"), [(True, Result.NO_ANSWER), (False, Result.CARRIER_DOWN)], ids=["rang", "silent"]
)
def test_no_user_responding_is_the_carriers_fault_unless_the_phone_rang(
    has_rung: bool, result: Result
) -> None:
    assert result_for(18, has_rung=has_rung) is result


@pytest.mark.parametrize("result", Result)
def test_a_manager_hears_an_apology_for_what_has_no_words_of_its_own(result: Result) -> None:
    with_words = UNANSWERED - {Result.FAILED}
    assert (message_for(result) is Message.OUT_OF_SERVICE) == (result not in with_words)
