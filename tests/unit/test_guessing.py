"""Lock-out after too many codes that are not one's own."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import GuessBook, LockOut

RULE = LockOut(misses=3, within_seconds=60, for_seconds=300)


def _miss(book: GuessBook, *times_s: float, extension: str = "101") -> tuple[GuessBook, list[bool]]:
    alarms = []
    for time_s in times_s:
        book, just_locked_out = book.with_miss(extension, int(time_s * 1000))
        alarms.append(just_locked_out)
    return book, alarms


def test_the_miss_that_is_one_too_many_locks_out_and_raises_one_alarm() -> None:
    book, alarms = _miss(GuessBook(RULE), 0, 20, 40)
    assert alarms == [False, False, True]
    assert book.locked_out("101", 40_000)


def test_a_miss_during_the_lock_out_neither_alarms_again_nor_prolongs_it() -> None:
    book, alarms = _miss(GuessBook(RULE), 0, 20, 40, 300)
    assert alarms[-1] is False
    assert book.locked_out("101", 339_999)
    assert not book.locked_out("101", 340_000)


def test_misses_spread_wider_than_the_window_never_lock_out() -> None:
    book, alarms = _miss(GuessBook(RULE), *range(0, 3000, 30))
    assert not any(alarms)
    assert not book.locked_out("101", 3_000_000)


def test_another_extension_is_not_locked_out() -> None:
    book, _ = _miss(GuessBook(RULE), 0, 1, 2)
    assert not book.locked_out("102", 2_000)


def test_a_lock_out_does_not_clear_misses_that_are_still_in_the_window() -> None:
    short = LockOut(misses=3, within_seconds=60, for_seconds=10)
    book, _ = _miss(GuessBook(short), 0, 1, 2)
    assert not book.locked_out("101", 12_000)
    assert book.with_miss("101", 12_000).just_locked_out


def test_a_miss_of_another_does_not_end_a_lock_out_that_outlasts_the_window() -> None:
    book, _ = _miss(GuessBook(RULE), 0, 1, 2)
    book, _ = _miss(book, 200, extension="102")
    assert book.locked_out("101", 200_000)


def test_a_miss_of_another_does_not_clear_misses_that_are_still_in_the_window() -> None:
    book, _ = _miss(GuessBook(LockOut(misses=3, within_seconds=60, for_seconds=10)), 0, 1)
    book, _ = _miss(book, 30, extension="102")
    assert book.with_miss("101", 31_000).just_locked_out


def test_who_has_long_missed_nothing_is_forgotten() -> None:
    book, _ = _miss(GuessBook(RULE), 0, 1, 2)
    book, _ = _miss(book, 302, extension="102")
    assert len(book) == 1


def test_the_book_is_a_value_that_recording_leaves_as_it_was() -> None:
    before, _ = _miss(GuessBook(RULE), 0, 1)
    before.with_miss("101", 2_000)
    assert not before.locked_out("101", 2_000)


def test_a_flood_of_other_extensions_does_not_free_who_is_locked_out() -> None:
    book, _ = _miss(GuessBook(RULE, capacity=10), 0, 1, 2)
    for extension in range(200, 300):
        book, _ = _miss(book, 3, extension=str(extension))
    assert book.locked_out("101", 3_000)
    assert len(book) == 10


def test_a_book_full_of_locked_out_extensions_still_counts_the_next() -> None:
    book = GuessBook(RULE, capacity=2)
    for extension in ("101", "102", "103"):
        book, alarms = _miss(book, 1, 2, 3, extension=extension)
        assert alarms[-1]
    assert book.locked_out("103", 3_000)


rules = st.builds(
    LockOut, misses=st.integers(1, 5), within_seconds=st.integers(1, 60), for_seconds=st.integers(1, 60)
)
times = st.lists(st.integers(0, 200_000), max_size=40).map(sorted)
guesses = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 200_000)), max_size=60).map(
    lambda drawn: sorted(drawn, key=lambda guess: guess[1])
)


@given(rules, times, st.integers(0, 300_000))
def test_lock_outs_are_those_of_a_book_that_forgets_nothing(
    rule: LockOut, misses: list[int], later_ms: int
) -> None:
    book, counted, locked_until = GuessBook(rule), [], -1
    for now in misses:
        assert book.locked_out("101", now) == (now < locked_until)
        book, just_locked_out = book.with_miss("101", now)
        if now < locked_until:
            assert not just_locked_out
            continue
        counted.append(now)
        in_window = [at for at in counted if now - at < rule.within_seconds * 1000]
        assert just_locked_out == (len(in_window) >= rule.misses)
        if just_locked_out:
            locked_until = now + rule.for_seconds * 1000
    now = later_ms + (misses[-1] if misses else 0)
    assert book.locked_out("101", now) == (now < locked_until)


@given(rules, guesses, st.integers(1, 4))
def test_memory_is_bounded_for_any_number_of_extensions_and_misses(
    rule: LockOut, guesses_: list[tuple[str, int]], capacity: int
) -> None:
    book = GuessBook(rule, capacity)
    for extension, now in guesses_:
        book, just_locked_out = book.with_miss(extension, now)
        assert len(book) <= capacity
        assert not just_locked_out or book.locked_out(extension, now)
        assert all(len(kept) <= rule.misses for kept in book._misses.values())


@given(rules, guesses)
def test_extensions_do_not_touch_each_other_while_the_book_has_room(
    rule: LockOut, guesses_: list[tuple[str, int]]
) -> None:
    together = GuessBook(rule)
    alone = {extension: GuessBook(rule) for extension in "abcdefgh"}
    for extension, now in guesses_:
        together, alarm = together.with_miss(extension, now)
        alone[extension], own_alarm = alone[extension].with_miss(extension, now)
        assert alarm == own_alarm
