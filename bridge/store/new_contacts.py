"""A number becomes a contact of its customer: sealed for its own row, behind those that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.worth import Standing
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import UnknownOrder
from bridge.store.schema import ContactKind, calls, contacts, customers, orders
from bridge.vault import ReadNumber, Vault

GIVEN_LABEL: Final = "given by the customer"
ENTERED_LABEL: Final = "entered by a supervisor"
LINK_LABEL: Final = "given by a link"
REPAIRED_LABEL: Final = "repaired"
CALLER_LABEL: Final = "has called from it"
"""Those of our own: the desk has words for them in its languages."""

_FIRST_POSITION: Final = 3
"""Behind those that orders come with: an import fills the first two anew."""

_NEXT_PLACE: Final = select(
    select(func.coalesce(func.max(contacts.c.id), 0) + 1).scalar_subquery(),
    select(func.coalesce(func.max(contacts.c.position), 0) + 1)
    .where(contacts.c.customer_id == bindparam("customer_id"))
    .scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Giver:
    """The customer of an order. `data_key` is None once they are erased."""

    customer_id: int
    data_key: bytes | None


_GIVER: Final = (
    select(orders.c.customer_id, customers.c.data_key)
    .join_from(orders, customers)
    .where(orders.c.code == bindparam("code"))
)
_SPOKEN: Final = (
    select(func.coalesce(contacts.c.language, customers.c.language))
    .select_from(
        orders.join(customers, customers.c.id == orders.c.customer_id)
        .outerjoin(calls, calls.c.id == bindparam("call_id"))
        .outerjoin(contacts, contacts.c.id == calls.c.contact_id)
    )
    .where(orders.c.code == bindparam("code"))
)
_KNOWN: Final = (
    select(contacts.c.id)
    .where(
        contacts.c.customer_id == bindparam("customer_id"),
        contacts.c.blind_index == bindparam("index"),
        contacts.c.standing != Standing.WRONG.value,
    )
    .order_by(contacts.c.id.desc())
    .limit(1)
)
_CONFIRM: Final = (
    update(contacts)
    .where(contacts.c.id == bindparam("contact_id"))
    .values(standing=Standing.USABLE.value, proposed_by=None, proposed_ms=None, label=bindparam("new_label"))
)


async def spoken_in(db: Database, code: str, call_id: str) -> str | None:
    """What is spoken in a call: at its number, or else by the order's customer, if that is known.

    Raises UnknownOrder.
    """
    async with db.read() as connection:
        row = (await connection.execute(_SPOKEN, {"code": code, "call_id": call_id})).one_or_none()
    if row is None:
        raise UnknownOrder(code)
    language: str | None = row[0]
    return language


async def _giver(connection: AsyncConnection, code: str) -> Giver:
    row = (await connection.execute(_GIVER, {"code": code})).one_or_none()
    if row is None:
        raise UnknownOrder(code)
    return Giver(*row)


async def keep_number(
    db: Database, vault: Vault, code: str, number: ReadNumber, *, label: str, entry: AuditEntry
) -> bool:
    """Store a number that is known to be the customer's, usable from now on, on record.

    One that is a contact of theirs already is confirmed by it, in place of being added again. False where the
    customer is erased. `entry` is what the audit says; the contact's id is put into its detail.

    Raises UnknownOrder and SealBroken.
    """
    index = vault.blind_index(number.number)
    async with db.write() as connection:
        giver = await _giver(connection, code)
        if giver.data_key is None:
            return False
        contact_id = await contact_with(connection, giver.customer_id, index)
        if contact_id is None:
            contact_id = await add_contact(
                connection,
                vault,
                number,
                customer_id=giver.customer_id,
                data_key=giver.data_key,
                at_ms=entry.at_ms,
                label=label,
            )
        else:
            await connection.execute(_CONFIRM, {"contact_id": contact_id, "new_label": label})
        detail = f"contact {contact_id}"
        await write_entry(connection, AuditEntry(entry.at_ms, entry.actor, entry.act, entry.subject, detail))
    return True


async def contact_with(connection: AsyncConnection, customer_id: int, index: bytes) -> int | None:
    """The customer's contact with this number, unless it is known to be wrong."""
    of = {"customer_id": customer_id, "index": index}
    found: int | None = (await connection.execute(_KNOWN, of)).scalar_one_or_none()
    return found


async def add_contact(
    connection: AsyncConnection,
    vault: Vault,
    number: ReadNumber,
    *,
    customer_id: int,
    data_key: bytes,
    at_ms: int,
    **more: Any,
) -> int:
    """Add a contact in the caller's transaction; `more` are other columns of it. Returns its id.

    Raises SealBroken.
    """
    contact_id, position = (await connection.execute(_NEXT_PLACE, {"customer_id": customer_id})).one()
    kind = ContactKind.PHONE.value
    sealed = vault.seal(
        number.number, customer_id=customer_id, contact_id=contact_id, kind=kind, data_key=data_key
    )
    values = {
        "id": contact_id,
        "customer_id": customer_id,
        "kind": kind,
        "standing": Standing.USABLE.value,
        "position": max(position, _FIRST_POSITION),
        "sealed": sealed,
        "blind_index": vault.blind_index(number.number),
        "region": number.region,
        "line_type": number.line_type,
        "timezone": number.timezone,
        "created_ms": at_ms,
    }
    await connection.execute(insert(contacts), values | more)
    return int(contact_id)
