"""What a row of an order list says: columns by their headings, cells checked, numbers read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from bridge.intake.diagnosis import Diagnosis, diagnose, doubt_of
from bridge.intake.masking import holds_number, same_digits
from bridge.intake.spreadsheet import Row
from bridge.vault import NumberRefused, ReadNumber, read_doubtful, read_number


class Column(StrEnum):
    ORDER = "order"
    NAME = "name"
    PHONE = "phone"
    SECOND_PHONE = "phone2"
    SUMMARY = "summary"
    ITEMS = "items"
    PRIORITY = "priority"
    MANAGER = "manager"
    LANGUAGE = "language"


PHONES: Final = (Column.PHONE, Column.SECOND_PHONE)
_REQUIRED: Final = (Column.ORDER, Column.NAME, Column.PHONE)

_HEADINGS: Final = {
    Column.ORDER: ("order", "code", "order code", "order number", "заказ", "номер заказа", "код"),
    Column.NAME: ("name", "customer", "client", "имя", "клиент", "покупатель", "фио"),
    Column.PHONE: ("phone", "telephone", "phone1", "phone 1", "телефон", "телефон1", "телефон 1"),
    Column.SECOND_PHONE: ("phone2", "phone 2", "second phone", "телефон2", "телефон 2", "второй телефон"),
    Column.SUMMARY: ("summary", "description", "описание"),
    Column.ITEMS: ("items", "goods", "состав", "состав заказа", "товары"),
    Column.PRIORITY: ("priority", "приоритет"),
    Column.MANAGER: ("manager", "extension", "менеджер", "добавочный", "внутренний номер"),
    Column.LANGUAGE: ("language", "lang", "язык"),
}
_COLUMN_OF: Final = {heading: column for column, headings in _HEADINGS.items() for heading in headings}

_CODE: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_LANGUAGES: Final = {"en": "en", "english": "en", "ru": "ru", "russian": "ru", "русский": "ru", "рус": "ru"}

LONGEST_TEXT: Final = 500
LONGEST_ITEMS: Final = 4000
_BETWEEN_ITEMS: Final = re.compile(r"[;\r\n]+")
_PRIORITY: Final = re.compile(r"[0-9]{1,2}", re.ASCII)


class HeaderUnusable(ValueError):
    """Required columns are missing."""


class RowRefused(Exception):
    """The row can't be taken: in `column`, for `reason`. Neither says what the cell holds."""

    def __init__(self, column: Column, reason: str) -> None:
        super().__init__(column, reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """What can be taken of a customer. `phones` come in the order in which they are to be tried.

    `manager` and `language` are None where they are left out: then they stay as they are. `doubts`: which of
    the phones, counted from 1, may be mistyped, and how.
    """

    name: str
    phones: tuple[ReadNumber, ...]
    manager: str | None
    language: str | None
    doubts: Mapping[int, Diagnosis] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow(CustomerRow):
    """A row that can be taken: an order, and whose it is.

    `items` and `priority` are None where the row leaves them out: then they stay as they are.
    """

    code: str
    summary: str
    items: tuple[str, ...] | None
    priority: int | None


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
        self._in_order = [self.places.get(column, _NOWHERE) for column in Column]
        self._width = max(self.places.values()) + 1

    def phone_places(self) -> set[int]:
        return {self.places[column] for column in PHONES if column in self.places}

    def cells(self, row: Row) -> _Cells:
        """What the row has in each column, and nothing in one that it has not."""
        missing = self._width - len(row.cells)
        cells = (*row.cells, *("" for _ in range(missing)), "") if missing > 0 else (*row.cells, "")
        return _Cells(*[cells[place].strip() for place in self._in_order])


_NOWHERE: Final = -1
"""A cell after the last one."""


class _Cells(NamedTuple):
    """In the order of `Column`."""

    order: str
    name: str
    phone: str
    second_phone: str
    summary: str
    items: str
    priority: str
    manager: str
    language: str

    @property
    def phones(self) -> tuple[tuple[Column, str], ...]:
        """The first is needed; there may be a second."""
        first = (Column.PHONE, self.phone)
        return (first, (Column.SECOND_PHONE, self.second_phone)) if self.second_phone else (first,)


def read_row(row: Row, header: Header, home_region: str) -> OrderRow:
    """Raises RowRefused."""
    cells = header.cells(row)
    code = checked_code(cells.order.removeprefix("'"), (cells.phone, cells.second_phone))
    items = _items(cells.items)
    phones, doubts = _phones(cells.phones, home_region)
    return OrderRow(
        code=code,
        name=checked_name(cells.name),
        phones=phones,
        doubts=doubts,
        summary=checked_text(Column.SUMMARY, cells.summary) or summary_of(items),
        items=items,
        priority=_priority(cells.priority),
        manager=cells.manager or None,
        language=_language(cells.language),
    )


def checked_code(code: str, phones: Sequence[str]) -> str:
    """Raises RowRefused."""
    if _CODE.fullmatch(code) is None:
        raise RowRefused(Column.ORDER, "an order code is 1 to 12 digits")
    if same_digits(code, phones):
        # Columns were mixed up, or the number serves as the code; a code is stored and shown in the clear.
        raise RowRefused(Column.ORDER, "this is the customer's phone number, not an order code")
    return code


def checked_name(cell: str) -> str:
    """Raises RowRefused."""
    if not cell:
        raise RowRefused(Column.NAME, "no name")
    return checked_text(Column.NAME, cell)


def checked_text(column: Column, cell: str, longest: int = LONGEST_TEXT) -> str:
    """What may stand where people read it, and no number. Raises RowRefused."""
    if holds_number(cell):
        raise RowRefused(column, "this looks like a phone number; it belongs with the phones")
    if len(cell) > longest:
        raise RowRefused(column, f"longer than {longest} characters")
    return cell


def _items(cell: str) -> tuple[str, ...] | None:
    if not cell:
        return None
    items = (item.strip() for item in _BETWEEN_ITEMS.split(checked_text(Column.ITEMS, cell, LONGEST_ITEMS)))
    return tuple(item for item in items if item)


def summary_of(items: tuple[str, ...] | None) -> str:
    """What stands for the summary where there is none."""
    return ", ".join(items or ())[:LONGEST_TEXT]


def _priority(cell: str) -> int | None:
    if not cell:
        return None
    if _PRIORITY.fullmatch(cell) is None:
        raise RowRefused(Column.PRIORITY, "a priority is a whole number from 0 to 99")
    return int(cell)


def _language(cell: str) -> str | None:
    if not cell:
        return None
    language = _LANGUAGES.get(cell.lower())
    if language is None:
        raise RowRefused(Column.LANGUAGE, "a language is en or ru")
    return language


def _phones(
    cells: Sequence[tuple[Column, str]], home_region: str
) -> tuple[tuple[ReadNumber, ...], dict[int, Diagnosis]]:
    """The phones, and which of them, counted from 1, are doubtful."""
    read = [_phone_or_doubt(column, cell, home_region) for column, cell in cells]
    phones = different([phone for phone, _ in read])
    doubts = {place: doubt for place, (_, doubt) in enumerate(read[: len(phones)], 1) if doubt is not None}
    return phones, doubts


def different(phones: Sequence[ReadNumber]) -> tuple[ReadNumber, ...]:
    """The same number twice is one contact."""
    return tuple(phones[:1] if len(phones) == 2 and phones[0].number == phones[1].number else phones)


def checked_phone(column: Column, cell: str, home_region: str) -> ReadNumber:
    """Raises RowRefused."""
    try:
        return read_number(cell, home_region)
    except NumberRefused as refused:
        reason = str(refused)
    diagnosis = diagnose(cell, home_region)
    raise RowRefused(column, f"{reason}; {diagnosis.words}" if diagnosis.hints else reason)


def _phone_or_doubt(column: Column, cell: str, home_region: str) -> tuple[ReadNumber, Diagnosis | None]:
    """A number that no plan has but that could be dialled is taken, with what is wrong with it.

    Raises RowRefused.
    """
    try:
        return read_number(cell, home_region), None
    except NumberRefused:
        doubtful = read_doubtful(cell, home_region)
    if doubtful is None:
        return checked_phone(column, cell, home_region), None
    return doubtful, doubt_of(cell, home_region)


def _normal(cell: str) -> str:
    return " ".join(cell.lower().replace("_", " ").split())
