"""What a row of an order list says: columns by their headings, cells checked, numbers read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.intake.masking import holds_number, same_digits
from bridge.intake.spreadsheet import Row
from bridge.vault import NumberRefused, ReadNumber, read_number


class Column(StrEnum):
    ORDER = "order"
    NAME = "name"
    PHONE = "phone"
    SECOND_PHONE = "phone2"
    SUMMARY = "summary"
    MANAGER = "manager"
    LANGUAGE = "language"


PHONES: Final = (Column.PHONE, Column.SECOND_PHONE)
_REQUIRED: Final = (Column.ORDER, Column.NAME, Column.PHONE)

_HEADINGS: Final = {
    Column.ORDER: ("order", "code", "order code", "order number", "заказ", "номер заказа", "код"),
    Column.NAME: ("name", "customer", "client", "имя", "клиент", "покупатель", "фио"),
    Column.PHONE: ("phone", "telephone", "phone1", "phone 1", "телефон", "телефон1", "телефон 1"),
    Column.SECOND_PHONE: ("phone2", "phone 2", "second phone", "телефон2", "телефон 2", "второй телефон"),
    Column.SUMMARY: ("summary", "description", "items", "описание", "состав", "состав заказа", "товары"),
    Column.MANAGER: ("manager", "extension", "менеджер", "добавочный", "внутренний номер"),
    Column.LANGUAGE: ("language", "lang", "язык"),
}
_COLUMN_OF: Final = {heading: column for column, headings in _HEADINGS.items() for heading in headings}

_CODE: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_LANGUAGES: Final = {"en": "en", "english": "en", "ru": "ru", "russian": "ru", "русский": "ru", "рус": "ru"}

_LONGEST_TEXT: Final = 500


class HeaderUnusable(ValueError):
    """Required columns are missing."""


class RowRefused(Exception):
    """The row can't be taken: in `column`, for `reason`. Neither says what the cell holds."""

    def __init__(self, column: Column, reason: str) -> None:
        super().__init__(column, reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A row that can be taken. `phones` come in the order in which they are to be tried."""

    code: str
    name: str
    phones: tuple[ReadNumber, ...]
    summary: str
    manager: str | None
    language: str | None


def is_heading(cell: str) -> bool:
    return _normal(cell) in _COLUMN_OF


class Header:
    """Which column is where. Raises HeaderUnusable."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.places: dict[Column, int] = {}
        self.unknown: list[str] = []
        for place, cell in enumerate(cells):
            column = _COLUMN_OF.get(_normal(cell))
            if column is not None and column not in self.places:
                self.places[column] = place
            elif cell.strip():
                self.unknown.append(cell.strip())
        missing = [column.value for column in _REQUIRED if column not in self.places]
        if missing:
            # Headings are not repeated: a file without a header has a customer's number there.
            found = ", ".join(self.places) or "none that is known"
            raise HeaderUnusable(f"column missing: {', '.join(missing)}; found: {found}")

    def phone_places(self) -> set[int]:
        return {self.places[column] for column in PHONES if column in self.places}

    def cell(self, row: Row, column: Column) -> str:
        place = self.places.get(column)
        return row.cells[place].strip() if place is not None and place < len(row.cells) else ""


def read_row(row: Row, header: Header, home_region: str) -> OrderRow:
    """Raises RowRefused."""
    code = header.cell(row, Column.ORDER).removeprefix("'")
    if _CODE.fullmatch(code) is None:
        raise RowRefused(Column.ORDER, "an order code is 1 to 12 digits")
    if any(same_digits(code, header.cell(row, column)) for column in PHONES):
        # Columns were mixed up, or the number serves as the code; a code is stored and shown in the clear.
        raise RowRefused(Column.ORDER, "this is the customer's phone number, not an order code")
    return OrderRow(
        code=code,
        name=_name(header.cell(row, Column.NAME)),
        phones=_phones(row, header, home_region),
        summary=_text(Column.SUMMARY, header.cell(row, Column.SUMMARY)),
        manager=header.cell(row, Column.MANAGER) or None,
        language=_language(header.cell(row, Column.LANGUAGE)),
    )


def _name(cell: str) -> str:
    if not cell:
        raise RowRefused(Column.NAME, "no name")
    return _text(Column.NAME, cell)


def _text(column: Column, cell: str) -> str:
    if holds_number(cell):
        raise RowRefused(column, "this looks like a phone number; it belongs in the phone column")
    if len(cell) > _LONGEST_TEXT:
        raise RowRefused(column, f"longer than {_LONGEST_TEXT} characters")
    return cell


def _language(cell: str) -> str | None:
    if not cell:
        return None
    language = _LANGUAGES.get(cell.lower())
    if language is None:
        raise RowRefused(Column.LANGUAGE, "a language is en or ru")
    return language


def _phones(row: Row, header: Header, home_region: str) -> tuple[ReadNumber, ...]:
    phones = [_phone(Column.PHONE, header.cell(row, Column.PHONE), home_region)]
    if second := header.cell(row, Column.SECOND_PHONE):
        phones.append(_phone(Column.SECOND_PHONE, second, home_region))
        if phones[1].number == phones[0].number:
            phones.pop()  # the same number twice is one contact
    return tuple(phones)


def _phone(column: Column, cell: str, home_region: str) -> ReadNumber:
    try:
        return read_number(cell, home_region)
    except NumberRefused as refused:
        reason = str(refused)
    raise RowRefused(column, reason)


def _normal(cell: str) -> str:
    return " ".join(cell.lower().replace("_", " ").split())
