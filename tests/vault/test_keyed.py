"""Digits that are being keyed in: nothing shows them, and what comes out is a hidden number."""

from __future__ import annotations

import gc
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.vault import HiddenNumber, NumberFault, NumberRefused
from bridge.vault.hidden import MASK
from bridge.vault.keyed import KeyedDigits

NUMBER = "07700900123"


def keyed(digits: str, most: int = 20) -> KeyedDigits:
    kept = KeyedDigits(most)
    for digit in digits:
        kept.add(digit)
    return kept


def test_they_are_read_as_a_number_dialled_at_home() -> None:
    assert keyed(NUMBER).read("GB").number == HiddenNumber("+447700900123")
    assert keyed("00447700900123").read("GB").number == HiddenNumber("+447700900123")


@pytest.mark.parametrize(
    ("digits", "fault"),
    [("", NumberFault.EMPTY), ("0770090", NumberFault.INVALID), ("1" * 21, NumberFault.EMPTY)],
)
def test_what_is_no_number_is_refused_without_a_word_of_it(digits: str, fault: NumberFault) -> None:
    with pytest.raises(NumberRefused) as refused:
        keyed(digits).read("GB")
    assert refused.value.reason is fault
    assert not digits or digits not in repr(refused.value)


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        (NUMBER, "+447700900123"),
        ("00447700900123", "+447700900123"),
        ("07700800123", "+447700800123"),
        ("", None),
        ("12", None),
        ("1" * 21, None),
    ],
)
def test_what_is_said_may_be_a_number_that_no_plan_has(digits: str, number: str | None) -> None:
    assert keyed(digits).said("GB") == (None if number is None else HiddenNumber(number))


def test_forgotten_digits_are_gone() -> None:
    kept = keyed("1" * 21)
    kept.forget()
    with pytest.raises(NumberRefused):
        kept.read("GB")
    for digit in NUMBER:
        kept.add(digit)
    assert kept.read("GB").number == HiddenNumber("+447700900123")


def test_they_are_spoken_in_their_order() -> None:
    recordings = [bytes([48 + digit]) for digit in range(10)]
    assert keyed("3305").spoken(recordings, b".") == b"3.3.0.5."


@pytest.mark.parametrize("text", ["", "12", "a", "*", "#", "٣"])
def test_only_digits_go_in_and_the_error_does_not_say_what_was_not_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a digit") as refused:
        KeyedDigits(20).add(text)
    assert text == "" or text not in str(refused.value).replace("not a digit", "")


def test_no_text_shows_them() -> None:
    kept = keyed(NUMBER)
    assert {repr(kept), str(kept), f"{kept}", f"{kept:>30}"} == {MASK}
    for unwilling in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError):
            unwilling(kept)


@given(st.text("0123456789", min_size=7, max_size=15))
def test_no_object_that_they_are_kept_in_is_what_was_keyed(digits: str) -> None:
    kept = keyed(digits)
    values = bytes(map(int, digits))
    reachable: list[Any] = list(gc.get_referents(kept))
    slots = [
        getattr(kept, name)
        for name in dir(kept)
        if name.startswith("_KeyedDigits__") and not callable(getattr(kept, name))
    ]
    for held in (*reachable, *slots):
        if isinstance(held, bytes | bytearray):
            assert digits.encode() not in held
            assert values not in held
        assert str(held) != digits


def test_they_may_be_an_orders_code() -> None:
    assert keyed("0042", most=12).as_code() == "0042"
    assert keyed("", most=12).as_code() is None
    assert keyed("1" * 12, most=12).as_code() == "1" * 12
    assert keyed("1" * 13, most=12).as_code() is None
    assert "0042" not in repr(keyed("0042"))
