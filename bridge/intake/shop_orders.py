"""Orders that a shop's plug-in has read, sealed and stored. A shop's customers write what they like.

Whether the shop has sent them or was asked for them, they are taken in one way: what is older than what is
known changes nothing, and what is sent again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

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
from bridge.intake.single import put_order
from bridge.shops import ShopOrder
from bridge.store.api_views import order_seen, set_order_state
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.managers import enabled_ids
from bridge.store.orders import Batch, write_batch
from bridge.store.schema import OrderState
from bridge.store.shops import LastSaid, ShopSource, last_said, next_manager, note_said
from bridge.vault import ReadNumber, Vault

log = structlog.get_logger()

ADDED: Final = "added"
UPDATED: Final = "updated"
UNCHANGED: Final = "unchanged"
REFUSED: Final = "refused"

_MOST_PHONES = 2


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an order. `code` is None where it was refused: in its place there may be anything.

    `part` and `reason` say what of it can't be taken. `served`: ids of managers whose queues have changed.
    """

    outcome: str
    code: str | None = None
    part: str | None = None
    reason: str | None = None
    served: tuple[int, ...] = ()

    @property
    def changed(self) -> bool:
        return self.outcome in (ADDED, UPDATED)


async def take_order(
    db: Database, vault: Vault, shop: ShopSource, order: ShopOrder, *, country: str, now_ms: int
) -> Taken:
    """Add or change it and its customer, on record. One that can't be taken is told in the log.

    `country`: whose numbers come without their country's code. Raises KeyUnusable, SealBroken.
    """
    try:
        return await _take(db, vault, shop, order, row_of(order, country), now_ms)
    except RowRefused as refused:
        part, reason = refused.column.value, refused.reason
    log.warning("a shop's order was not taken", shop=shop.name, kind=part, reason=reason)
    return Taken(REFUSED, part=part, reason=reason)


async def _take(
    db: Database, vault: Vault, shop: ShopSource, order: ShopOrder, row: OrderRow, now_ms: int
) -> Taken:
    """Raises RowRefused, KeyUnusable, SealBroken."""
    managers = await enabled_ids(db)
    async with db.write() as connection:
        said = await last_said(connection, row.code)
        if said is not None and said.shop_name != shop.name:
            raise RowRefused(Column.ORDER, "another shop has an order of this code")
        if said is not None and order.changed_ms is not None and order.changed_ms < said.changed_ms:
            return Taken(UNCHANGED, row.code)
        before = await order_seen(connection, row.code)
        if order.closed if before is None else before.erased:
            return Taken(UNCHANGED, row.code)
        outcome = await put_order(connection, vault, row, managers)
        await _give_to_somebody(connection, shop, row)
        if order.closed and before is not None and before.state != OrderState.CLOSED:
            await set_order_state(connection, row.code, OrderState.CLOSED)
            outcome = UPDATED
        changed_ms = now_ms if order.changed_ms is None else order.changed_ms
        await note_said(connection, row.code, LastSaid(shop.name, changed_ms))
        if outcome != UNCHANGED:
            await write_entry(connection, AuditEntry(now_ms, shop.actor, "order-put", row.code, outcome))
        after = await order_seen(connection, row.code)
    extensions = [seen.manager for seen in (before, after) if seen is not None and outcome != UNCHANGED]
    served = tuple(managers[each] for each in extensions if each is not None and each in managers)
    return Taken(outcome, row.code, served=served)


async def _give_to_somebody(connection: AsyncConnection, shop: ShopSource, row: OrderRow) -> None:
    """Customers who have a manager keep theirs."""
    order = await order_seen(connection, row.code)
    if order is None or order.manager is not None:
        return
    manager_id = await next_manager(connection, shop)
    if manager_id is not None:
        await write_batch(connection, Batch(assigned={order.customer_id: manager_id}))


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
