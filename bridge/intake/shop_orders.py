"""From what a shop's plug-in has read to a row that can be taken. A shop's customers write what they like."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.intake.masking import without_numbers
from bridge.intake.rows import (
    LONGEST_ITEMS,
    LONGEST_TEXT,
    Column,
    OrderRow,
    RowRefused,
    checked_code,
    checked_name,
    checked_phone,
    different,
    summary_of,
)
from bridge.shops import ShopOrder
from bridge.vault import ReadNumber

_MOST_PHONES = 2


def row_of(order: ShopOrder, country: str) -> OrderRow:
    """`country`: whose numbers come without their country's code. Raises RowRefused."""
    items = _items(order.items)
    return OrderRow(
        code=checked_code(order.code, order.phones),
        name=checked_name(_printable(order.name)),
        phones=_phones(order.phones, country),
        summary=summary_of(items),
        items=items,
        priority=None,
        manager=None,
        language=order.language if order.language in ("en", "ru") else None,
    )


def _printable(told: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in told).split())


def _items(told: Sequence[str]) -> tuple[str, ...]:
    """What is ordered, without what looks like a number: an article's may, and no manager needs it."""
    taken: list[str] = []
    left = LONGEST_ITEMS
    for item in told:
        text = without_numbers(_printable(item))[:LONGEST_TEXT]
        left -= len(text) + 1
        if left < 0:
            break
        if text:
            taken.append(text)
    return tuple(taken)


def _phones(told: Sequence[str], country: str) -> tuple[ReadNumber, ...]:
    """Those that can be dialled. Raises RowRefused where none can be, with what is wrong with the first."""
    read: list[ReadNumber] = []
    refused: RowRefused | None = None
    for phone in filter(None, map(str.strip, told)):
        try:
            read.append(checked_phone(Column.PHONE, phone, country))
        except RowRefused as error:
            refused = refused or RowRefused(error.column, error.reason)
    if not read:
        raise refused or RowRefused(Column.PHONE, "no phone number")
    return different(read[:_MOST_PHONES])
