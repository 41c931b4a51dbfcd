"""What keys mean: the manager's code, and the customer's number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.keypad import (
    CANCEL,
    Codes,
    Keying,
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
    assert CANCEL not in "*5*9*7"


def test_a_manager_begins_a_comparison_by_a_code_of_its_own() -> None:
    codes = Codes("*5", "*9", "*7")
    assert wishes("*7*5", codes) == [Wish.COMPARE, Wish.CAPTURE]


def test_forgotten_keys_are_no_longer_part_of_a_code() -> None:
    pressed = ManagersKeys(Codes(do_not_call="*91", compare="*9"))
    assert [pressed.press(key, 0.0) for key in "*9"] == [None, Wish.COMPARE]
    pressed.forget()
    assert pressed.press("1", 0.1) is None


# --- a manager keys a number in ---

KEYS = st.sampled_from("0123456789*#ABCD")
PAUSES = st.floats(0, 40)
Pressed = list[tuple[str, float]]


def keyed(pressed: Pressed) -> tuple[list[Meaning], Keying | None]:
    """What each key meant until it was over, and how it stands."""
    keying: Keying | None = Keying.begun(0.0)
    meanings, at = [], 0.0
    for key, pause in pressed:
        if keying is None:
            break
        at += pause
        keying, meaning = keying.then(key, at)
        meanings.append(meaning)
    return meanings, keying


def test_what_keys_mean_while_a_number_is_keyed_in() -> None:
    assert keyed([(key, 0.3) for key in "0A9"]) == (
        [Meaning.DIGIT, Meaning.NOTHING, Meaning.DIGIT],
        Keying(0.0, pytest.approx(0.9)),
    )
    assert keyed([("1", 0.3), ("#", 0.3)]) == ([Meaning.DIGIT, Meaning.COMPLETE], None)
    assert keyed([("1", 0.3), ("*", 0.3)]) == ([Meaning.DIGIT, Meaning.CANCEL], None)


def test_a_key_that_comes_too_late_is_none_of_the_numbers() -> None:
    assert keyed([("1", 15.0)]) == ([Meaning.DIGIT], Keying(0.0, 15.0))
    assert keyed([("1", 15.1)]) == ([Meaning.CANCEL], None)


def test_keys_do_not_go_on_for_ever() -> None:
    meanings, keying = keyed([("1", 10.0)] * 20)
    assert meanings == [Meaning.DIGIT] * 12 + [Meaning.CANCEL]
    assert keying is None


@given(st.lists(st.tuples(KEYS, PAUSES), max_size=40))
def test_it_is_over_by_its_end_its_cancelling_or_its_time_and_by_nothing_else(pressed: Pressed) -> None:
    meanings, keying = keyed(pressed)
    endings = {Meaning.COMPLETE, Meaning.CANCEL}
    assert not endings & set(meanings[:-1])
    assert (keying is None) == (bool(meanings) and meanings[-1] in endings)
    if keying is not None:
        at = sum(pause for _, pause in pressed)
        assert keying.since == 0.0
        assert at <= keying.until <= min(at + 15, 120), "another key is awaited, and not for ever"


@given(st.text("0123456789", max_size=30), st.lists(st.floats(0, 3.9), min_size=31, max_size=31))
def test_every_digit_that_comes_in_time_is_one_of_the_number(digits: str, pauses: list[float]) -> None:
    meanings, _ = keyed(list(zip(f"{digits}#", pauses, strict=False)))
    assert meanings == [Meaning.DIGIT] * len(digits) + [Meaning.COMPLETE]
