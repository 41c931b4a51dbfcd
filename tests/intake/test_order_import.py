"""Orders from spreadsheets: what is taken, what is refused, and that no number is left lying about."""

from __future__ import annotations

import asyncio
import csv
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bridge.intake.orders import ImportReport, add_order, import_orders
from bridge.intake.rows import Column, RowRefused
from bridge.intake.spreadsheet import SpreadsheetUnreadable
from bridge.store.database import Database, now_ms
from bridge.store.managers import add_manager
from bridge.store.records import DialFacts, Dialled, dial_facts
from bridge.store.schema import contacts, customers, orders
from bridge.vault import HiddenNumber, KeyRing, Vault, read_number

HEADER = ["order", "name", "phone", "phone2", "summary", "manager", "language"]
ANNA = ["1042", "Harriet Vane", "+44 7700 900123", "", "Two shelves", "101", "en"]
IVAN = ["0071", "Иван Котов", "07700 900124", "020 7946 0101", "Лампа", "102", "ru"]


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        for extension in ("101", "102"):
            await add_manager(
                database, name="Anna", extension=extension, role="manager", language=None, actor="cli:alice"
            )
        yield database


@pytest.fixture
def vault() -> Vault:
    return Vault(KeyRing.new())


def spreadsheet(folder: Path, *rows: list[str], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path = folder / "orders.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows([HEADER, *rows])
    return path


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.rejected


async def facts(db: Database, code: str, extension: str = "101") -> DialFacts:
    return await dial_facts(db, Dialled(extension, code, now_ms()))


def opened(vault: Vault, found: DialFacts) -> HiddenNumber:
    contact = found.contact
    assert contact is not None
    return vault.open(
        contact.sealed,
        customer_id=contact.customer_id,
        contact_id=contact.contact_id,
        kind=contact.kind,
        data_key=contact.data_key,
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
async def test_a_file_is_read_as_spreadsheets_make_it(
    db: Database, vault: Vault, tmp_path: Path, delimiter: str, encoding: str
) -> None:
    source = spreadsheet(tmp_path, ANNA, IVAN, delimiter=delimiter, encoding=encoding)
    assert counts(await import_orders(db, vault, source, home_region="GB", actor="cli:alice")) == (2, 0, 0, 0)
    for row in (ANNA, IVAN):
        found = await facts(db, row[0], row[5])
        assert found.manager is not None
        assert found.assigned_manager_id == found.manager.id
        assert opened(vault, found) == read_number(row[2], "GB").number


async def test_the_same_file_again_changes_nothing(db: Database, vault: Vault, tmp_path: Path) -> None:
    source = spreadsheet(tmp_path, ANNA, IVAN)
    await import_orders(db, vault, source, home_region="GB", actor="cli:alice")
    before = (await facts(db, "1042")).contact
    assert counts(await import_orders(db, vault, source, home_region="GB", actor="cli:alice")) == (0, 0, 2, 0)
    assert (await facts(db, "1042")).contact == before


async def test_what_has_changed_is_taken_over(db: Database, vault: Vault, tmp_path: Path) -> None:
    await import_orders(db, vault, spreadsheet(tmp_path, ANNA), home_region="GB", actor="cli:alice")
    changed = [*ANNA]
    changed[2], changed[5] = "+44 7700 900999", "102"
    report = await import_orders(
        db, vault, spreadsheet(tmp_path, changed), home_region="GB", actor="cli:alice"
    )
    assert counts(report) == (0, 1, 0, 0)
    found = await facts(db, "1042", "102")
    assert opened(vault, found) == read_number("+447700900999", "GB").number
    assert found.manager is not None
    assert found.assigned_manager_id == found.manager.id


async def test_orders_of_one_name_and_phone_are_one_customers(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    again = ["2000", *ANNA[1:]]
    somebody_else = ["3000", "Another Name", *ANNA[2:]]
    await import_orders(
        db, vault, spreadsheet(tmp_path, ANNA, again, somebody_else), home_region="GB", actor="cli:alice"
    )
    first, second, other = [(await facts(db, code)).order for code in ("1042", "2000", "3000")]
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.customer_id == second.customer_id != other.customer_id


async def test_a_new_phone_on_one_of_a_customers_orders_leaves_the_others_alone(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    other = ["2000", *ANNA[1:]]
    await import_orders(db, vault, spreadsheet(tmp_path, ANNA, other), home_region="GB", actor="cli:alice")
    moved = [*other[:2], "+44 7700 900999", *other[3:]]
    report = await import_orders(
        db, vault, spreadsheet(tmp_path, ANNA, moved), home_region="GB", actor="cli:alice"
    )
    assert counts(report) == (0, 1, 1, 0)
    assert opened(vault, await facts(db, "1042")) == read_number(ANNA[2], "GB").number
    assert opened(vault, await facts(db, "2000")) == read_number("+447700900999", "GB").number
    again = await import_orders(
        db, vault, spreadsheet(tmp_path, ANNA, moved), home_region="GB", actor="cli:alice"
    )
    assert counts(again) == (0, 0, 2, 0)


@pytest.mark.parametrize(
    ("column", "place", "value"),
    [("manager", 5, "102"), ("language", 6, "ru"), ("phone2", 3, "+44 7700 900777")],
)
async def test_rows_of_one_customer_that_contradict_each_other_are_refused(
    db: Database, vault: Vault, tmp_path: Path, column: str, place: int, value: str
) -> None:
    first = ["1042", "Harriet Vane", "+447700900123", "+447700900776", "", "101", "en"]
    second = ["1043", *first[1:]]
    second[place] = value
    report = await import_orders(
        db, vault, spreadsheet(tmp_path, first, second), home_region="GB", actor="cli:alice"
    )
    assert [(reject.row, reject.column) for reject in report.rejects] == [(3, column)]


async def test_a_rejects_file_from_before_is_closed_to_others(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    rejects.write_text("old")
    rejects.chmod(0o644)
    await import_orders(
        db,
        vault,
        spreadsheet(tmp_path, BAD_ROWS["phone"]),
        home_region="GB",
        actor="cli:alice",
        rejects=rejects,
    )
    assert rejects.stat().st_mode & 0o077 == 0


CELLS = st.sampled_from(["", "101", "102"])
NUMBERS = st.integers(0, 3).map(lambda digit: f"+44770090010{digit}")
ROWS = st.lists(
    st.tuples(
        st.integers(1, 6).map(str),
        st.sampled_from(["Anna", "ANNA", "Boris"]),
        NUMBERS,
        st.one_of(st.just(""), NUMBERS),
        st.sampled_from(["", "one", "two"]),
        CELLS,
        st.sampled_from(["", "en", "ru"]),
    ).map(list),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(first=ROWS, second=ROWS)
def test_any_file_again_changes_nothing_and_every_order_dials_its_own_number(
    first: list[list[str]], second: list[list[str]]
) -> None:
    asyncio.run(_import_twice(first, second))


async def _import_twice(first: list[list[str]], second: list[list[str]]) -> None:
    vault = Vault(KeyRing.new())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with await Database.open(folder / "shop.db", migrate=True) as db:
            for extension in ("101", "102"):
                await add_manager(
                    db, name="M", extension=extension, role="manager", language=None, actor="cli:alice"
                )
            await import_orders(db, vault, spreadsheet(folder, *first), home_region="GB", actor="cli:alice")
            source = spreadsheet(folder, *second)
            report = await import_orders(db, vault, source, home_region="GB", actor="cli:alice")
            again = await import_orders(db, vault, source, home_region="GB", actor="cli:alice")
            assert (again.added, again.updated) == (0, 0)
            assert again.rejected == report.rejected
            refused = {reject.row for reject in report.rejects}
            for number, row in enumerate(second, 2):
                if number not in refused:
                    assert opened(vault, await facts(db, row[0])) == read_number(row[2], "GB").number


async def test_a_dry_run_keeps_nothing(db: Database, vault: Vault, tmp_path: Path) -> None:
    source = spreadsheet(tmp_path, ANNA, IVAN)
    report = await import_orders(db, vault, source, home_region="GB", actor="cli:alice", dry_run=True)
    assert counts(report) == (2, 0, 0, 0)
    assert (await facts(db, "1042")).order is None


BAD_ROWS = {
    "order": ["10x2", "Name", "+447700900125", "", "", "101", ""],
    "name": ["1", "", "+447700900125", "", "", "101", ""],
    "phone": ["2", "Name", "12", "", "", "101", ""],
    "phone2": ["3", "Name", "+447700900125", "4.4770E+11", "", "101", ""],
    "summary": ["4", "Name", "+447700900125", "", "call 07700 900126 instead", "101", ""],
    "manager": ["5", "Name", "+447700900125", "", "", "999", ""],
    "language": ["6", "Name", "+447700900125", "", "", "101", "fr"],
}


async def test_a_bad_row_is_told_with_row_and_column_and_the_good_ones_go_in(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    source = spreadsheet(tmp_path, *BAD_ROWS.values(), ANNA)
    rejects = tmp_path / "rejects.csv"
    report = await import_orders(db, vault, source, home_region="GB", actor="cli:alice", rejects=rejects)
    assert counts(report) == (1, 0, 0, len(BAD_ROWS))
    told = [(reject.row, reject.column) for reject in report.rejects]
    assert told == list(enumerate(BAD_ROWS, 2))
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [(int(row["row"]), row["column"]) for row in csv.DictReader(file)] == told
    assert rejects.stat().st_mode & 0o077 == 0


async def test_one_order_with_two_contents_is_refused(db: Database, vault: Vault, tmp_path: Path) -> None:
    contradiction = [ANNA[0], "Somebody Else", *ANNA[2:]]
    report = await import_orders(
        db, vault, spreadsheet(tmp_path, ANNA, ANNA, contradiction), home_region="GB", actor="cli:alice"
    )
    assert counts(report) == (1, 0, 1, 1)


async def test_no_number_is_in_any_file_that_an_import_leaves(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    source = spreadsheet(tmp_path, *BAD_ROWS.values(), ANNA, IVAN)
    await import_orders(
        db, vault, source, home_region="GB", actor="cli:alice", rejects=tmp_path / "rejects.csv"
    )
    number = re.compile(
        rb"7[\s-]*7[\s-]*0[\s-]*0[\s-]*9[\s-]*0[\s-]*0|9[\s-]*4[\s-]*6[\s-]*0[\s-]*1[\s-]*0[\s-]*1"
    )
    assert number.search(source.read_bytes()), "the search would see a number"
    for path in tmp_path.iterdir():
        if path != source:
            assert number.search(path.read_bytes()) is None, path.name


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"name,summary\nA,B\n", "column missing: order, phone"),
        (b'order,name,phone\n1,"A,+447700900123\n', "quotation mark"),
    ],
)
async def test_an_unreadable_file_is_told_in_words(
    db: Database, vault: Vault, tmp_path: Path, content: bytes, told: str
) -> None:
    source = tmp_path / "orders.csv"
    source.write_bytes(content)
    with pytest.raises(SpreadsheetUnreadable, match=told) as caught:
        await import_orders(db, vault, source, home_region="GB", actor="cli:alice")
    assert "900123" not in str(caught.value)


async def test_one_order_is_added_by_the_same_rules(db: Database, vault: Vault) -> None:
    cells = dict(zip((Column.ORDER, Column.NAME, Column.PHONE), ANNA[:3], strict=True))
    assert counts(await add_order(db, vault, cells, home_region="GB", actor="cli:alice")) == (1, 0, 0, 0)
    with pytest.raises(RowRefused):
        await add_order(db, vault, cells | {Column.PHONE: "12"}, home_region="GB", actor="cli:alice")


async def test_russian_headings_are_known(db: Database, vault: Vault, tmp_path: Path) -> None:
    source = tmp_path / "orders.csv"
    source.write_bytes("Номер заказа;Клиент;Телефон\n55;Мария;+44 7700 900127\n".encode("cp1251"))
    assert counts(await import_orders(db, vault, source, home_region="GB", actor="cli:alice")) == (1, 0, 0, 0)


MORE = [*HEADER, "items", "priority"]


def more(folder: Path, *rows: list[str]) -> Path:
    path = folder / "more.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([MORE, *rows])
    return path


async def stored(db: Database, code: str) -> Any:
    async with db.read() as connection:
        return (await connection.execute(orders.select().where(orders.c.code == code))).one()


async def test_items_come_a_line_each_and_name_the_order_where_nothing_else_does(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    nameless = [*ANNA[:4], "", *ANNA[5:], "A lamp; Two shelves;", "7"]
    lines = ["0072", *IVAN[1:], "Лампа\nСтол\r\nСтул", ""]
    source = more(tmp_path, nameless, lines)
    assert counts(await import_orders(db, vault, source, home_region="GB", actor="cli:alice")) == (2, 0, 0, 0)
    first, second = await stored(db, "1042"), await stored(db, "0072")
    assert (first.items, first.summary, first.priority) == ("A lamp\nTwo shelves", "A lamp, Two shelves", 7)
    assert (second.items, second.summary, second.priority) == ("Лампа\nСтол\nСтул", "Лампа", 0)
    assert counts(await import_orders(db, vault, source, home_region="GB", actor="cli:alice")) == (0, 0, 2, 0)


@pytest.mark.parametrize("priority", ["-1", "100", "high", "1.5", "٣"])
async def test_a_priority_that_is_none_is_refused(
    db: Database, vault: Vault, tmp_path: Path, priority: str
) -> None:
    report = await import_orders(
        db, vault, more(tmp_path, [*ANNA, "", priority]), home_region="GB", actor="cli:alice"
    )
    assert [(reject.column, reject.reason) for reject in report.rejects] == [
        ("priority", "a priority is a whole number from 0 to 99")
    ]


async def test_an_order_that_comes_again_goes_on_waiting_as_it_did(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    await import_orders(
        db, vault, more(tmp_path, [*ANNA, "A lamp", "7"]), home_region="GB", actor="cli:alice"
    )
    async with db.write() as connection:
        await connection.execute(orders.update().values(why="no-answer", attempts=2, due_ms=123_456))
    changed = [*ANNA[:4], "Three shelves", *ANNA[5:], "", ""]
    report = await import_orders(db, vault, more(tmp_path, changed), home_region="GB", actor="cli:alice")
    assert counts(report) == (0, 1, 0, 0)
    order = await stored(db, "1042")
    assert (order.why, order.attempts, order.due_ms) == ("no-answer", 2, 123_456)
    assert (order.summary, order.items, order.priority) == ("Three shelves", "A lamp", 7)


async def test_what_time_it_is_at_the_customers_is_known_where_the_number_tells(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    rows = [
        ["1", "A", "+44 7700 900123", "", "", "", ""],
        ["2", "B", "+1 202 555 0123", "", "", "", ""],
        ["3", "C", "+7 916 123-45-67", "", "", "", ""],
    ]
    await import_orders(db, vault, spreadsheet(tmp_path, *rows), home_region="GB", actor="cli:alice")
    async with db.read() as connection:
        query = select(contacts.c.timezone).order_by(contacts.c.id)
        zones = list(await connection.scalars(query))
    assert zones == ["Europe/London", "America/New_York", None], "a Russian mobile may be anywhere"


async def test_a_renamed_customer_is_found_by_the_new_name(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    await import_orders(db, vault, spreadsheet(tmp_path, IVAN), home_region="GB", actor="cli:alice")
    renamed = [IVAN[0], "Пётр Ёлкин", *IVAN[2:]]
    await import_orders(db, vault, spreadsheet(tmp_path, renamed), home_region="GB", actor="cli:alice")
    async with db.read() as connection:
        assert list(await connection.scalars(select(customers.c.folded))) == ["петр елкин"]
