"""Wrong tries and guessable passwords: what is let through, what waits, and that nothing grows for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.signing_in import (
    LONGEST_PASSWORD,
    UNKNOWN_PLACE,
    TryBook,
    Weakness,
    place_of,
    weakness,
)

HERE, THERE = "192.0.2.1", "198.51.100.7"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def tried(book: TryBook, times: int, login: str = "101", address: str = HERE, now_ms: int = 0) -> TryBook:
    for _ in range(times):
        book = book.with_failure(login, address, now_ms).book
    return book


# --- tries ---


def test_five_wrong_tries_are_free_and_each_further_one_doubles_the_delay() -> None:
    book, now_ms, waits = tried(TryBook(), 4), 0, []
    assert book.wait_seconds("101", HERE, now_ms) == 0
    for _ in range(9):
        book = book.with_failure("101", HERE, now_ms).book
        waits.append(book.wait_seconds("101", HERE, now_ms))
        now_ms += waits[-1] * 1000
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900]


def test_a_delay_is_told_in_whole_seconds_rounded_up() -> None:
    book = tried(TryBook(), 5)
    assert [book.wait_seconds("101", HERE, now) for now in (1, 4000, 4001, 4999, 5000)] == [5, 1, 1, 1, 0]


def test_an_hour_without_a_wrong_try_is_forgotten() -> None:
    book = tried(tried(TryBook(), 9), 1, now_ms=HOUR_MS)
    assert book.wait_seconds("101", HERE, HOUR_MS) == 0


def test_signing_in_forgives_the_typing_errors_made_at_this_place_alone() -> None:
    book = tried(tried(TryBook(), 5), 5, address=THERE).with_success("101", HERE)
    assert book.wait_seconds("101", HERE, 0) == 0
    assert book.wait_seconds("101", THERE, 0) == 5


def test_a_place_has_twenty_tries_in_a_quarter_of_an_hour_whatever_it_tries() -> None:
    book = TryBook()
    for login in range(20):
        assert book.wait_seconds("101", HERE, login) == 0
        book = book.with_failure(str(login), HERE, login).book
    assert book.wait_seconds("101", HERE, 20) == 900
    assert book.wait_seconds("101", THERE, 20) == 0
    assert book.wait_seconds("101", HERE, 15 * MINUTE_MS) == 0


def test_an_account_has_fifty_tries_an_hour_but_from_where_its_owner_has_signed_in() -> None:
    book = TryBook().with_success("101", HERE)
    for host in range(50):
        book = book.with_failure("101", f"203.0.113.{host}", 0).book
    assert book.wait_seconds("101", THERE, 0) == 3600
    assert book.wait_seconds("101", HERE, 0) == 0
    assert book.wait_seconds("102", THERE, 0) == 0


def test_the_owner_is_not_locked_out_for_ever_even_in_a_new_place() -> None:
    """What is refused isn't counted: so an attacker's tries get old, however long they go on knocking."""
    book = TryBook()
    for host in range(50):
        book = book.with_failure("101", f"203.0.113.{host}", 0).book
    assert book.wait_seconds("101", THERE, HOUR_MS) == 0


def test_a_limit_raises_one_alarm_within_its_window() -> None:
    book, alarms = TryBook(), []
    for step in range(40):
        book, alarm = book.with_failure(str(step), HERE, step)
        alarms.append(alarm)
    assert alarms == [step == 19 for step in range(40)]


def test_an_alarm_comes_again_after_its_window() -> None:
    book = tried(TryBook(), 19)
    first = book.with_failure("101", HERE, 0)
    later = tried(first.book, 19, now_ms=HOUR_MS).with_failure("101", HERE, HOUR_MS)
    assert (first.alarm, later.alarm) == (True, True)


@given(st.lists(st.tuples(st.text(max_size=3), st.ip_addresses(), st.integers(0, 10**8)), max_size=60))
def test_the_book_stays_small_whatever_is_tried(tries: list[tuple[str, object, int]]) -> None:
    book = TryBook(capacity=5)
    for login, address, now_ms in tries:
        book = book.with_failure(login, str(address), now_ms).book
    assert len(book) <= 3 * 5


def test_a_full_book_forgets_the_oldest_and_not_who_is_at_it() -> None:
    book = tried(TryBook(capacity=3), 5)
    for host in range(2):
        book = book.with_failure("102", f"203.0.113.{host}", 0).book
    assert book.wait_seconds("101", HERE, 0) == 5
    for host in range(3):
        book = book.with_failure("103", f"203.0.113.{host}", 0).book
    assert book.wait_seconds("101", HERE, 0) == 0


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", UNKNOWN_PLACE),
        ("unknown, 192.0.2.1", UNKNOWN_PLACE),
        ("+447700900123", UNKNOWN_PLACE),
    ],
)
def test_a_place_is_an_address_or_an_ipv6_network(address: str, place: str) -> None:
    assert place_of(address) == place


# --- passwords ---

ABOUT = ("101", "Anna Karenina", "Example Shop")


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("elevenchars", Weakness.TOO_SHORT),
        ("x" * (LONGEST_PASSWORD + 1), Weakness.TOO_LONG),
        ("aaaaaaaaaaaa", Weakness.GUESSABLE),
        ("123456789012", Weakness.GUESSABLE),
        ("Password123!", Weakness.GUESSABLE),
        ("P@ssw0rdP@ssw0rd", Weakness.GUESSABLE),
        ("qwertyuiop12", Weakness.GUESSABLE),
        ("1q2w3e4r5t6y", Weakness.GUESSABLE),
        ("йцукен123456", Weakness.GUESSABLE),
        ("ПарольПароль1", Weakness.GUESSABLE),
        ("AnnaKarenina1", Weakness.GUESSABLE),
        ("example-shop-2026", Weakness.GUESSABLE),
        ("summer2026summer", Weakness.GUESSABLE),
        ("a kettle of seven herrings", None),
        ("correct horse battery staple", None),
        ("моя собака любит сыр", None),
        ("kZ4-pq-81-tmvw", None),
        ("nine unripe quinces with a password", None),
    ],
)
def test_a_password_is_taken_unless_somebody_would_try_it_first(
    password: str, found: Weakness | None
) -> None:
    assert weakness(password, ABOUT) == found


@given(st.text(alphabet="bdfhkmpqvxyz ", min_size=20, max_size=64).filter(lambda text: len(set(text)) > 8))
def test_nothing_is_asked_of_the_characters_of_a_long_password(password: str) -> None:
    assert weakness(password, ABOUT) is None
