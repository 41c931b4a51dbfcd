"""What is known of phones, and by whom it is told."""

from __future__ import annotations

from bridge.asterisk.ami.happenings import PhoneSeen
from bridge.switchboard.phones import Phones

HERE, GONE = PhoneSeen("101", reachable=True), PhoneSeen("102", reachable=False)


def test_of_what_nobody_has_spoken_nothing_is_known() -> None:
    phones = Phones()
    assert (phones.is_reachable("101"), phones.away()) == (None, set())


def test_those_are_away_that_are_known_to_be() -> None:
    phones = Phones()
    phones.note(HERE)
    phones.note(GONE)
    assert (phones.is_reachable("101"), phones.is_reachable("102"), phones.away()) == (True, False, {"102"})


def test_an_event_is_newer_than_an_answer_that_was_under_way() -> None:
    phones = Phones()
    phones.note(HERE)
    phones.learn([PhoneSeen("101", reachable=False), GONE])
    assert phones.away() == {"102"}


def test_without_a_link_all_is_forgotten_so_nobody_is_passed_over() -> None:
    phones = Phones()
    phones.note(GONE)
    phones.forget()
    assert (phones.is_reachable("102"), phones.away()) == (None, set())


def test_watchers_hear_of_changes_alone() -> None:
    phones, told = Phones(), list[str]()
    phones.watch(told.append)
    for seen in (HERE, HERE, PhoneSeen("101", reachable=False)):
        phones.note(seen)
    assert told == ["101", "101"]
    phones.forget()
    assert told == ["101", "101", "101"]
