"""One order or one customer at a time, as programs bring them: sealed and stored in the caller's transaction.

What is new and what has changed is decided by `bridge.intake.plan`, as for a file of many.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.intake.plan import Plan, Taken
from bridge.intake.rows import Column, CustomerRow, OrderRow, RowRefused
from bridge.store.customers import known_customers
from bridge.store.data_keys import require_known_key
from bridge.store.managers import Manager
from bridge.store.orders import known_of, write_batch
from bridge.vault import Vault

RowT = TypeVar("RowT", bound=CustomerRow)
Managers = Mapping[str, int]
"""Ids of those who may be given customers, by extension."""

_NO_MANAGER: Final = "no active manager has this extension or this name; add them first"
_TWO_MANAGERS: Final = "more than one manager has this name; give the extension"


def active(managers: Sequence[Manager]) -> list[Manager]:
    return [manager for manager in managers if not manager.disabled]


def extension_of(told: str, managers: Sequence[Manager]) -> str:
    """The extension of an active manager, told by extension or by name. Raises RowRefused."""
    if told in {manager.extension for manager in managers}:
        return told
    named = [each.extension for each in managers if each.name.casefold() == told.strip().casefold()]
    if len(named) == 1:
        return named[0]
    raise RowRefused(Column.MANAGER, _TWO_MANAGERS if named else _NO_MANAGER)


async def put_order(connection: AsyncConnection, vault: Vault, row: OrderRow, managers: Managers) -> str:
    """Add or change an order and its customer: "added", "updated" or "unchanged".

    Raises KeyUnusable, SealBroken.
    """
    taken = _taken(vault, row)
    plan = await _plan(connection, vault, {row.code}, taken.indexes, managers)
    outcome = plan.take(taken)
    await write_batch(connection, plan.batch)
    return outcome


async def put_customer(
    connection: AsyncConnection, vault: Vault, row: CustomerRow, managers: Managers
) -> tuple[int, bool]:
    """Add a customer, or change the one of this name and first number: their id, and whether they are new.

    Raises KeyUnusable, SealBroken.
    """
    taken = _taken(vault, row)
    plan = await _plan(connection, vault, (), taken.indexes, managers)
    customer_id = plan.take_customer(taken)
    await write_batch(connection, plan.batch)
    return customer_id, bool(plan.batch.new_customers)


async def change_customer(
    connection: AsyncConnection, vault: Vault, customer_id: int, row: CustomerRow, managers: Managers
) -> None:
    """Change a customer who is known; where the row has no phones, theirs stay.

    Raises KeyUnusable, SealBroken.
    """
    taken = _taken(vault, row)
    await require_known_key(connection, vault)
    known = await known_of(connection, (), taken.indexes)
    customers = await known_customers(connection, {customer_id}, ())
    plan = Plan(vault, replace(known, customers=customers), dict(managers))
    plan.change_customer(customer_id, taken)
    await write_batch(connection, plan.batch)


async def _plan(
    connection: AsyncConnection,
    vault: Vault,
    codes: Collection[str],
    indexes: Collection[bytes],
    managers: Managers,
) -> Plan:
    await require_known_key(connection, vault)
    return Plan(vault, await known_of(connection, codes, indexes), dict(managers))


def _taken(vault: Vault, row: RowT) -> Taken[RowT]:
    return Taken(row, tuple(vault.blind_index(phone.number) for phone in row.phones))
