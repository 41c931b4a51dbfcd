"""How many codes may be keyed in by callers whom nobody knows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.code_entry import CodeTries

HOUR_MS = 3_600_000
TRIES = CodeTries.limited_to(3, 10)


def after(*callers: str | None, tries: CodeTries = TRIES) -> CodeTries:
    """One code a second."""
    for second, caller in enumerate(callers):
        tries = tries.with_another(caller, second * 1000)
    return tries


def test_one_number_has_so_many_and_no_more() -> None:
    assert not after("a", "a").used_up("a", 3000)
    assert after("a", "a", "a").used_up("a", 3000)
    assert not after("a", "a", "a").used_up("b", 3000)
    assert not after("a", "a", "a").used_up(None, 3000)


def test_callers_without_a_number_are_counted_in_all_alone() -> None:
    assert not after(*[None] * 9).used_up(None, 9000)
    assert after(*[None] * 10).used_up(None, 10_000)


def test_whoever_makes_up_a_number_for_each_call_is_stopped_by_what_is_counted_in_all() -> None:
    tries = after(*map(str, range(10)))
    assert tries.used_up("another", 10_000)
    assert tries.used_up(None, 10_000)


def test_after_an_hour_they_may_again() -> None:
    assert after("a", "a", "a").used_up("a", 2000 + HOUR_MS - 1)
    assert not after("a", "a", "a").used_up("a", 2000 + HOUR_MS)


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=200))
def test_it_never_holds_more_than_it_may(callers: list[str | None]) -> None:
    tries = after(*callers, tries=CodeTries.limited_to(2, 5))
    assert len(tries.of_each) <= 5
    assert len(tries.in_all) <= 1
