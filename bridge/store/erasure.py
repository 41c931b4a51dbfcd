"""Erasing a customer: the data key is destroyed, and with it every copy of the sealed numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.worklist import Why
from bridge.rules.worth import Standing
from bridge.store.api_answers import forget_answers_about
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database, now_ms
from bridge.store.do_not_call import forget_orders_of
from bridge.store.errors import CustomerErased, UnknownCustomer, UnknownOrder
from bridge.store.schema import OrderState, calls, contacts, customers, notes, orders, voice_messages

ERASE: Final = "erase"
"""The audit's word for it."""


@dataclass(frozen=True, slots=True)
class Erasable:
    """What there is to be erased of a customer, and what stays: orders by code, and how many calls."""

    customer_id: int
    name: str
    contacts: int
    order_codes: tuple[str, ...]
    calls: int


_CUSTOMER_OF: Final = select(orders.c.customer_id).where(orders.c.code == bindparam("code"))
_CUSTOMER: Final = select(customers.c.id, customers.c.name, customers.c.data_key).where(
    customers.c.id == bindparam("customer_id")
)
_ORDERS: Final = (
    select(orders.c.code).where(orders.c.customer_id == bindparam("customer_id")).order_by(orders.c.code)
)
_CONTACTS: Final = select(func.count()).where(contacts.c.customer_id == bindparam("customer_id"))
_CALLS: Final = (
    select(func.count())
    .select_from(calls.join(contacts, contacts.c.id == calls.c.contact_id))
    .where(contacts.c.customer_id == bindparam("customer_id"))
)
_BLANK_CUSTOMER: Final = (
    update(customers)
    .where(customers.c.id == bindparam("erased_id"), customers.c.data_key.is_not(None))
    .values(data_key=None, name="", folded="", language=None)
)
# Country and kind of line stay, as the statistics of calls need them, and tell nothing of one person.
_BLANK_CONTACTS: Final = (
    update(contacts)
    .where(contacts.c.customer_id == bindparam("erased_id"))
    .values(sealed=b"", blind_index=b"", label=None, hint=None, standing=Standing.WRONG.value)
)
_BLANK_ORDERS: Final = (
    update(orders)
    .where(orders.c.customer_id == bindparam("erased_id"))
    .values(summary="", items="", state=OrderState.CLOSED.value, why=Why.DONE.value, due_ms=None)
)
_BLANK_NOTES: Final = (
    update(notes)
    .where(
        notes.c.order_code.in_(select(orders.c.code).where(orders.c.customer_id == bindparam("erased_id")))
    )
    .values(text="")
)
_FORGET_MESSAGES: Final = delete(voice_messages).where(voice_messages.c.customer_id == bindparam("erased_id"))
_ERASED: Final = select(customers.c.id).where(customers.c.data_key.is_(None)).order_by(customers.c.id)


async def customer_of_order(db: Database, code: str) -> int:
    """Raises UnknownOrder."""
    async with db.read() as connection:
        customer_id: int | None = (
            await connection.execute(_CUSTOMER_OF, {"code": code})
        ).scalar_one_or_none()
    if customer_id is None:
        raise UnknownOrder(code)
    return customer_id


async def erasable(db: Database, customer_id: int) -> Erasable:
    """What erasing the customer would mean. Raises UnknownCustomer, CustomerErased."""
    of = {"customer_id": customer_id}
    async with db.snapshot() as connection:
        customer = (await connection.execute(_CUSTOMER, of)).one_or_none()
        if customer is None:
            raise UnknownCustomer(customer_id)
        if customer.data_key is None:
            raise CustomerErased(customer_id)
        return Erasable(
            customer_id,
            customer.name,
            (await connection.execute(_CONTACTS, of)).scalar_one(),
            tuple((await connection.execute(_ORDERS, of)).scalars()),
            (await connection.execute(_CALLS, of)).scalar_one(),
        )


async def erase_customer(db: Database, customer_id: int, actor: str) -> bool:
    """Erase, on record; then leave no copy of what was erased in the database's files.

    False where that could not be done yet, as others were reading: the next checkpoint of theirs does it.
    Raises CustomerErased for one who is, or never was.
    """
    async with db.write() as connection:
        if not await blank_customer(connection, customer_id):
            raise CustomerErased(customer_id)
        await write_entry(connection, AuditEntry(now_ms(), actor, ERASE, f"customer {customer_id}"))
    return await db.forget_old_pages()


async def blank_customer(connection: AsyncConnection, customer_id: int) -> bool:
    """Erase in the caller's transaction; False for a customer who is erased already, or never was."""
    erased = {"erased_id": customer_id}
    if (await connection.execute(_BLANK_CUSTOMER, erased)).rowcount == 0:
        return False
    await connection.execute(_BLANK_CONTACTS, erased)
    await connection.execute(_BLANK_ORDERS, erased)
    await connection.execute(_BLANK_NOTES, erased)
    await connection.execute(_FORGET_MESSAGES, erased)
    await forget_answers_about(connection, customer_id)
    await forget_orders_of(connection, customer_id)
    return True


async def erased_customers(db: Database) -> list[int]:
    """The ids of all who have been erased."""
    async with db.read() as connection:
        return list((await connection.execute(_ERASED)).scalars())
