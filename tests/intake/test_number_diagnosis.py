"""What is wrong with a mistyped number is found, and told without a digit of it."""

from __future__ import annotations

import csv
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from bridge.intake.diagnosis import diagnose
from bridge.intake.orders import ImportReport, add_order, import_orders
from bridge.intake.rows import Column, RowRefused
from bridge.rules.doubts import EXPLANATIONS, Hint, in_words
from bridge.store.database import Database, now_ms
from bridge.store.orders import show_order
from bridge.store.records import Dialled, dial_facts
from bridge.store.schema import contacts
from bridge.vault import KeyRing, NumberRefused, Vault, read_number

# Moscow and St Petersburg, then Britain's mobiles that nobody has.
RUSSIAN = st.tuples(st.sampled_from(["495", "812", "916", "921", "985"]), st.integers(0, 9_999_999)).map(
    lambda parts: f"{parts[0]}{parts[1]:07}"
)


def is_valid(text: str, home: str) -> bool:
    try:
        read_number(text, home)
    except NumberRefused:
        return False
    return True


def damaged(national: str, hint: Hint, place: int, digit: str) -> str:
    """A Russian number with one slip in it, as it is typed in a Russian shop or, for two slips, elsewhere."""
    match hint:
        case Hint.PREFIX_DOUBLED:
            return ["87", "8 +7", "77", "+77", "88"][place % 5] + national
        case Hint.EIGHT_FOR_SEVEN:
            return ["+8", "8"][place % 2] + national
        case Hint.NO_COUNTRY_CODE:
            return ["+" + national, "7" + national][place % 2]
        case Hint.TOO_FEW:
            return "+7" + national[:place] + national[place + 1 :]
        case Hint.TOO_MANY:
            return "+7" + national[:place] + digit + national[place:]
        case Hint.SWAPPED:
            return "+7" + national[:place] + national[place : place + 2][::-1] + national[place + 2 :]
        case Hint.NO_SUCH_OPERATOR:
            return "+7" + "000" + national[3:]


@pytest.mark.parametrize("hint", list(Hint))
@settings(max_examples=60, deadline=None)
@given(national=RUSSIAN, place=st.integers(0, 9), digit=st.sampled_from("0123456789"))
def test_each_kind_of_slip_is_found(hint: Hint, national: str, place: int, digit: str) -> None:
    typed = damaged(national, hint, place, digit)
    home = "GB" if hint in (Hint.NO_COUNTRY_CODE, Hint.EIGHT_FOR_SEVEN) and "+" not in typed else "RU"
    assume(not is_valid(typed, home))  # some slips make another number that exists
    assert hint in diagnose(typed, home).hints


@settings(max_examples=200, deadline=None)
@given(
    typed=st.one_of(
        st.text(alphabet="0123456789+ -()", max_size=24),
        st.builds(damaged, RUSSIAN, st.sampled_from(list(Hint)), st.integers(0, 9), st.sampled_from("07")),
    ),
    home=st.sampled_from(["RU", "GB", "US", "DE", "KZ"]),
)
def test_no_hint_holds_a_run_of_the_numbers_digits(typed: str, home: str) -> None:
    diagnosis = diagnose(typed, home)
    digits = "".join(filter(str.isdecimal, typed))
    # A repair's region is no digit of it, though it may look so: "001" is that of numbers of no country.
    told = [repr(diagnosis.hints), diagnosis.words, repr(diagnosis.repair and diagnosis.repair.number)]
    for run in {digits[start : start + 2] for start in range(len(digits) - 1)}:
        assert all(run not in text for text in told)


def test_no_text_of_a_hint_has_two_digits_in_a_row() -> None:
    for hint in Hint:
        for text in (EXPLANATIONS[hint], in_words([hint], repairable=True)):
            assert not any(one.isdecimal() and other.isdecimal() for one, other in itertools.pairwise(text))


@pytest.mark.parametrize(
    ("typed", "home", "meant"),
    [
        ("879161234567", "RU", "+79161234567"),
        ("8 +7 916 123-45-67", "RU", "+79161234567"),
        ("+9161234567", "RU", "+79161234567"),
        ("+89161234567", "RU", "+79161234567"),
        ("79161234567", "GB", None),
        ("+7011234567", "RU", None),  # 7 011... or 701...: a lost digit as well as a country code
        ("380501234567", "RU", "+380501234567"),
        ("+71961234567", "RU", "+79161234567"),
        ("+4470770900123", "GB", None),
    ],
)
def test_what_was_meant_is_known_where_it_can_be_but_one_number(
    typed: str, home: str, meant: str | None
) -> None:
    repair = diagnose(typed, home).repair
    assert (repair and repair.number) == (meant and read_number(meant, home).number)


@pytest.mark.parametrize("typed", ["", "12", "call me", "4.4770E+11", "+7 916 123 45 67 or 68", "9" * 40])
def test_what_no_slip_explains_has_no_hint(typed: str) -> None:
    assert diagnose(typed, "RU").hints == ()


# --- as files bring them ---

GOOD = "+79161234567"
SWAPPED = "+71961234567"
NOBODYS = "+70001234567"
SHORT = "+7916123456"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        yield database


@pytest.fixture
def vault() -> Vault:
    return Vault(KeyRing.new())


async def bring(
    db: Database, vault: Vault, folder: Path, *rows: list[str], rejects: Path | None = None
) -> ImportReport:
    source = folder / "orders.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["order", "name", "phone", "phone2"], *rows])
    return await import_orders(db, vault, source, home_region="RU", actor="cli:alice", rejects=rejects)


async def kept(db: Database) -> list[Any]:
    async with db.read() as connection:
        return list((await connection.execute(select(contacts).order_by(contacts.c.id))).all())


async def accept(db: Database, repair_id: int, mistyped_id: int) -> None:
    async with db.write() as connection:
        change = update(contacts)
        await connection.execute(
            change.where(contacts.c.id == repair_id).values(standing="usable", proposed_ms=None)
        )
        await connection.execute(change.where(contacts.c.id == mistyped_id).values(standing="wrong"))


async def test_a_number_that_no_plan_has_is_in_as_suspect_with_a_word_for_why(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    report = await bring(
        db,
        vault,
        tmp_path,
        ["1", "Anna", SWAPPED, ""],
        ["2", "Boris", GOOD, NOBODYS],
        ["3", "Vera", GOOD, ""],
    )
    assert (report.added, report.rejected, report.doubtful) == (3, 0, 2)
    assert [(each.row, each.column) for each in report.doubts] == [(2, "phone"), (3, "phone2")]
    assert [(each.standing, each.hint) for each in await kept(db)] == [
        ("suspect", "swapped"),
        ("wrong", None),  # what was probably meant: nobody is called by it, or shown it
        ("usable", None),
        ("suspect", "no-such-operator"),
        ("usable", None),
    ]
    assert [each.standing for each in (await show_order(db, "1")).contacts] == ["suspect"]


async def test_what_no_call_could_reach_is_refused_with_the_reason_and_no_digit(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    rows = [["1", "Anna", SHORT, ""], ["2", "Boris", "87" + GOOD[2:], ""]]
    report = await bring(db, vault, tmp_path, *rows, rejects=rejects)
    assert (report.added, report.rejected) == (0, 2)
    few, doubled = (each.reason for each in report.rejects)
    assert EXPLANATIONS[Hint.TOO_FEW] in few
    assert EXPLANATIONS[Hint.PREFIX_DOUBLED] in doubled
    assert "one likely repair" in doubled
    assert "one likely repair" not in few
    assert "123" not in rejects.read_text() + report.counts + repr(report)


async def test_a_likely_repair_is_never_dialled_before_it_is_accepted(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    await bring(db, vault, tmp_path, ["1", "Anna", SWAPPED, ""])
    mistyped, repair = await kept(db)
    assert repair.mends == mistyped.id
    facts = await dial_facts(db, Dialled("101", "1", now_ms()))
    assert facts.contact is not None
    assert facts.contact.contact_id == mistyped.id
    beyond = await dial_facts(db, Dialled("101", "1", now_ms(), place=2))
    assert beyond.contact is None


@pytest.mark.parametrize("mended", [False, True])
async def test_the_file_again_changes_nothing_before_and_after_a_repair(
    db: Database, vault: Vault, tmp_path: Path, *, mended: bool
) -> None:
    rows = [["1", "Anna", SWAPPED, SWAPPED[:-1] + "8"], ["2", "Anna", SWAPPED, SWAPPED[:-1] + "8"]]
    await bring(db, vault, tmp_path, *rows)
    if mended:
        before = await kept(db)
        for repair in (each for each in before if each.mends is not None):
            await accept(db, repair.id, repair.mends)
    before = await kept(db)
    report = await bring(db, vault, tmp_path, *rows)
    assert (report.added, report.updated, report.unchanged) == (0, 0, 2)
    assert await kept(db) == before


async def test_a_new_order_with_the_old_typo_is_the_customers_who_was_repaired(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    await bring(db, vault, tmp_path, ["1", "Anna", SWAPPED, ""])
    mistyped, repair = await kept(db)
    await accept(db, repair.id, mistyped.id)
    report = await bring(db, vault, tmp_path, ["2", "Anna", SWAPPED, ""])
    assert report.added == 1
    assert [each.standing for each in await kept(db)] == ["wrong", "usable"]
    first, second = await show_order(db, "1"), await show_order(db, "2")
    assert first.customer_id == second.customer_id


async def test_a_file_that_was_mended_takes_the_suspect_ones_place(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    await bring(db, vault, tmp_path, ["1", "Anna", SWAPPED, ""])
    report = await bring(db, vault, tmp_path, ["1", "Anna", GOOD, ""])
    assert report.updated == 1
    facts = await dial_facts(db, Dialled("101", "1", now_ms()))
    assert facts.contact is not None
    assert facts.contact.region == "RU"
    assert facts.contact.line_type == "mobile"


async def test_whoever_types_a_number_is_asked_again(db: Database, vault: Vault) -> None:
    cells = {Column.ORDER: "1", Column.NAME: "Anna", Column.PHONE: SWAPPED}
    with pytest.raises(RowRefused, match="swapped"):
        await add_order(db, vault, cells, home_region="RU", actor="cli:alice")
