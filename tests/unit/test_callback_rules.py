"""Whose phone rings for a customer who calls, and what it shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.callbacks import (
    ROLES_OF,
    Attendant,
    NotRung,
    OpenOrder,
    Ringing,
    StandIns,
    first_name,
    next_to_ring,
    order_meant,
    whom_to_ring,
)
from bridge.rules.dialling import Role

OLD = OpenOrder("1042", 100, "Harriet Vane", "en", 1, manager_id=1, last_called_ms=None)
NEW = replace(OLD, code="1043", created_ms=200)
ANNA, BORIS, CLARA = Attendant(1, "101"), Attendant(2, "102"), Attendant(3, "103")


def test_the_newest_order_is_meant_where_none_was_called_about() -> None:
    assert order_meant([OLD, NEW]) == order_meant([NEW, OLD]) == NEW


def test_an_order_that_was_called_about_goes_before_any_newer() -> None:
    called = replace(OLD, last_called_ms=50)
    assert order_meant([called, NEW]) == called
    assert order_meant([called, replace(NEW, last_called_ms=51)]) == replace(NEW, last_called_ms=51)


def test_who_serves_the_customer_is_rung_first_and_the_others_by_extension() -> None:
    order = replace(OLD, manager_id=2)
    assert whom_to_ring([order], [CLARA, BORIS, ANNA], panic=False, shop_open=True) == Ringing(
        order, (BORIS, ANNA, CLARA), manager_id=2
    )


def test_an_order_that_nobody_serves_rings_the_stand_ins() -> None:
    order = replace(OLD, manager_id=None)
    assert whom_to_ring([order], [CLARA], panic=False, shop_open=True) == Ringing(
        order, (CLARA,), manager_id=3
    )


@pytest.mark.parametrize(
    ("orders", "attendants", "panic", "reason"),
    [
        ([OLD], [ANNA], True, NotRung.PANIC),
        ([], [ANNA], False, NotRung.UNKNOWN),
        ([OLD], [], False, NotRung.NOBODY),
    ],
)
def test_nobody_is_rung(
    orders: list[OpenOrder], attendants: list[Attendant], panic: bool, reason: NotRung
) -> None:
    for shop_open in (True, False):
        assert whom_to_ring(orders, attendants, panic=panic, shop_open=shop_open) is reason


def test_while_the_shop_is_closed_nobody_is_rung_and_the_call_is_on_record_as_the_managers() -> None:
    order = replace(OLD, manager_id=2)
    closed = whom_to_ring([order], [CLARA, BORIS, ANNA], panic=False, shop_open=False)
    assert closed == Ringing(order, (), manager_id=2)


def test_who_is_in_a_call_is_passed_over() -> None:
    assert next_to_ring([ANNA, BORIS], set()) == ANNA
    assert next_to_ring([ANNA, BORIS], {"101"}) == BORIS
    assert next_to_ring([ANNA, BORIS], {"101", "102"}) is None
    assert next_to_ring([], set()) is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Harriet Vane", "Harriet"),
        ("  Harriet", "Harriet"),
        ("Иван Котов", "Иван"),
        ("Anne-Marie O'Neill", "Anne-Marie"),
        ("O'Neill", "O'Neill"),
        ("", ""),
        ("   ", ""),
        ("07700900123 Harriet", ""),
        ("+447700900123", ""),
        ("Harriet07700900123", ""),
        ('Har"riet', ""),
        ("<sip:harriet@example.net>", ""),
        ("Harriet\r\nX-Evil:", "Harriet"),
        ("Wolfeschlegelsteinhausenbergerdorff", "Wolfeschlegelsteinha"),
    ],
)
def test_the_phone_shows_a_first_name_and_nothing_that_is_none(name: str, shown: str) -> None:
    assert first_name(name) == shown


@given(st.text())
def test_no_name_can_hold_a_digit_or_end_a_header(name: str) -> None:
    shown = first_name(name)
    assert len(shown) <= 20
    assert not any(character.isdigit() or character in '"<>\\\r\n' for character in shown)


def test_supervisors_stand_in_and_everybody_is_everybody() -> None:
    assert ROLES_OF[StandIns.SUPERVISORS] == {Role.SUPERVISOR}
    assert ROLES_OF[StandIns.EVERYBODY] == set(Role)
    assert ROLES_OF[StandIns.NOBODY] == set()
