"""Passwords and names tried at Asterisk: what an attack is, what an alarm is, and that nothing grows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules.sip_attacks import EVERYWHERE, Attack, AttackBook, Tried

HERE = "192.0.2.1"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def fail(
    book: AttackBook, times: int, address: str = HERE, *, now_ms: int = 0, tried: Tried = Tried.PASSWORDS
) -> tuple[AttackBook, list[Attack]]:
    attacks = []
    for _ in range(times):
        book, attack = book.with_failure(address, tried, now_ms)
        attacks += [attack] if attack else []
    return book, attacks


def test_the_twentieth_failure_of_an_address_within_ten_minutes_is_an_attack_and_is_told_once() -> None:
    book, attacks = fail(AttackBook(), 19)
    assert attacks == []
    book, attacks = fail(book, 30)
    assert attacks == [Attack(HERE, Tried.PASSWORDS)]


def test_it_is_told_again_after_an_hour_of_it() -> None:
    book, _ = fail(AttackBook(), 20)
    _, attacks = fail(book, 20, now_ms=HOUR_MS)
    assert attacks == [Attack(HERE, Tried.PASSWORDS)]


def test_a_phone_with_a_wrong_password_that_tries_once_a_minute_is_no_attack() -> None:
    book, attacks = AttackBook(), []
    for minute in range(500):
        book, attack = book.with_failure(HERE, Tried.PASSWORDS, minute * MINUTE_MS)
        attacks.append(attack)
    assert set(attacks) == {None}


def test_names_that_nobody_has_are_an_attack_of_another_kind() -> None:
    _, attacks = fail(AttackBook(), 20, tried=Tried.NAMES)
    assert attacks == [Attack(HERE, Tried.NAMES)]


def test_who_uses_an_address_for_each_try_is_seen_all_the_same() -> None:
    book, told = AttackBook(), []
    for number in range(300):
        book, attack = book.with_failure(f"198.51.{number // 250}.{number % 250}", Tried.PASSWORDS, number)
        told += [attack] if attack else []
    assert told == [Attack(EVERYWHERE, Tried.PASSWORDS)]


def test_an_ipv6_network_of_a_household_is_one_source() -> None:
    book, told = AttackBook(), []
    for number in range(20):
        book, attack = book.with_failure(f"2001:db8::{number:x}", Tried.PASSWORDS, 0)
        told += [attack] if attack else []
    assert told == [Attack("2001:db8::/64", Tried.PASSWORDS)]


def test_many_attackers_make_few_alarms() -> None:
    book, told = AttackBook(), []
    for number in range(100):
        book, attacks = fail(book, 20, f"203.0.113.{number}")
        told += attacks
    assert len(told) == book.most_alarms + 1
    assert told[-1].source == EVERYWHERE


failures = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 400_000), st.sampled_from(Tried)), max_size=150
)


@given(failures)
def test_an_address_is_told_exactly_when_so_many_failures_of_its_own_lie_within_the_window(
    made: list[tuple[int, int, Tried]],
) -> None:
    """Against a plain count, with a small book whose other limits are out of reach."""
    book = AttackBook(most=3, most_in_all=10_000, most_alarms=10_000, window_ms=1_000_000, silence_ms=1)
    now_ms, times = 0, dict[str, list[int]]()
    last_alarm = dict[str, int]()
    for host, passed_ms, tried in made:
        now_ms += passed_ms
        address = f"192.0.2.{host}"
        times.setdefault(address, []).append(now_ms)
        book, attack = book.with_failure(address, tried, now_ms)
        recent = [each for each in times[address] if now_ms - each < 1_000_000]
        due = len(recent) >= 3 and now_ms - last_alarm.get(address, -1) >= 1
        assert (attack == Attack(address, tried)) is due
        if due:
            last_alarm[address] = now_ms


@given(st.lists(st.tuples(st.ip_addresses(), st.integers(0, 100_000)), max_size=200))
def test_however_many_sources_there_are_the_book_stays_small(made: list[tuple[object, int]]) -> None:
    book, now_ms = AttackBook(most=4, most_in_all=20, capacity=10), 0
    for address, passed_ms in made:
        now_ms += passed_ms
        book, _ = book.with_failure(str(address), Tried.NAMES, now_ms)
        assert len(book) <= 10 * 4 + 20
