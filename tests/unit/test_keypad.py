"""What keys mean: the manager's code, and the customer's number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.keypad import (
    CANCEL,
    Codes,
    ManagersKeys,
    Meaning,
    Presses,
    Wish,
    while_asked,
    while_read_back,
)


def completions(keys: str, code: str = "*5", *, seconds: float = 0.3) -> int:
    presses, count = Presses(), 0
    for place, key in enumerate(keys):
        presses, complete = presses.then(key, place * seconds, code)
        count += complete
    return count


@pytest.mark.parametrize(
    ("keys", "times"), [("*5", 1), ("**5", 1), ("1*5", 1), ("*4*5", 1), ("*", 0), ("5*", 0), ("*5*5", 2)]
)
def test_the_code_is_heard_among_other_keys(keys: str, times: int) -> None:
    assert completions(keys) == times


def test_keys_that_are_far_apart_are_no_code() -> None:
    assert completions("*5", seconds=10) == 0


def test_no_code_is_never_complete() -> None:
    assert completions("*5*5", code="") == 0


@given(st.text("0123456789*#", max_size=30), st.sampled_from(["*5", "*77", "#9"]))
def test_a_code_is_complete_as_often_as_it_stands_there(keys: str, code: str) -> None:
    """No code here begins within itself, so that counting finds each."""
    assert completions(keys, code) == keys.count(code)


def test_a_customers_keys() -> None:
    assert {while_asked(key) for key in "0123456789"} == {Meaning.DIGIT}
    assert (while_asked("#"), while_asked("*"), while_asked("A")) == (
        Meaning.COMPLETE,
        Meaning.ANEW,
        Meaning.NOTHING,
    )
    assert [while_read_back(key) for key in "12345#"] == [Meaning.YES, Meaning.NO] + [Meaning.NOTHING] * 4


def wishes(keys: str, codes: Codes) -> list[Wish]:
    pressed = ManagersKeys(codes)
    return [wish for place, key in enumerate(keys) if (wish := pressed.press(key, place * 0.3)) is not None]


def test_a_manager_asks_for_different_things_by_different_codes() -> None:
    codes = Codes("*5", "*9")
    assert wishes("*5*9#", codes) == [Wish.CAPTURE, Wish.DO_NOT_CALL, Wish.CUSTOMER_BACK]
    assert wishes("**9", codes) == [Wish.DO_NOT_CALL]
    assert wishes("*59", codes) == [Wish.CAPTURE]
    assert wishes("*95", codes) == [Wish.DO_NOT_CALL]
    assert wishes("95", codes) == []


def test_a_code_that_is_switched_off_is_never_pressed() -> None:
    assert wishes("*5*9", Codes("", "*9")) == [Wish.DO_NOT_CALL]
    assert wishes("*5*9", Codes()) == []


def test_the_key_that_ends_a_capture_ends_none_that_is_part_of_a_code() -> None:
    assert wishes("*#", Codes("*#", "#9")) == [Wish.CAPTURE]


def test_the_key_that_ends_a_capture_is_in_no_default_code() -> None:
    assert CANCEL not in "*5*9"
