"""Contacts that managers found in their notes: proposed, until a supervisor says yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, select, update

from bridge.rules.worth import Standing
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.new_contacts import GIVEN_LABEL
from bridge.store.schema import contacts, customers, managers, orders


@dataclass(frozen=True, slots=True)
class Proposed:
    """`order_code`: the customer's newest order."""

    contact_id: int
    order_code: str
    customer_name: str
    line_type: str
    region: str
    manager_name: str
    at_ms: int


_newest_order: Final = (
    select(orders.c.code)
    .where(orders.c.customer_id == contacts.c.customer_id)
    .order_by(orders.c.created_ms.desc(), orders.c.code.desc())
    .limit(1)
    .correlate(contacts)
    .scalar_subquery()
)
_open: Final = (
    contacts.c.proposed_ms.is_not(None),
    contacts.c.standing != Standing.WRONG.value,
)
_PROPOSED: Final = (
    select(
        contacts.c.id,
        _newest_order,
        customers.c.name,
        contacts.c.line_type,
        contacts.c.region,
        managers.c.name,
        contacts.c.proposed_ms,
    )
    .join_from(contacts, customers)
    .join(managers, managers.c.id == contacts.c.proposed_by)
    .where(*_open, customers.c.data_key.is_not(None), _newest_order.is_not(None))
    .order_by(contacts.c.proposed_ms, contacts.c.id)
    .limit(bindparam("limit"))
)
_others: Final = contacts.alias("others")
_last_position: Final = (
    select(func.max(_others.c.position))
    .where(_others.c.customer_id == contacts.c.customer_id)
    .correlate(contacts)
    .scalar_subquery()
)
_this: Final = contacts.c.id == bindparam("contact_id")
_ACCEPT: Final = (
    update(contacts)
    .where(_this, *_open)
    .values(proposed_by=None, proposed_ms=None, position=_last_position + 1, label=GIVEN_LABEL)
)
_REJECT: Final = update(contacts).where(_this, *_open).values(standing=Standing.WRONG.value)


async def proposed_contacts(db: Database, limit: int) -> list[Proposed]:
    """Oldest first."""
    async with db.read() as connection:
        return [Proposed(*row) for row in await connection.execute(_PROPOSED, {"limit": limit})]


async def settle_proposal(db: Database, contact_id: int, *, accept: bool, actor: str, now_ms: int) -> bool:
    """Let the contact be dialled, after all others of its customer, or never; on record.

    False where nothing is proposed by this id, any more.
    """
    act = "proposal-accept" if accept else "proposal-reject"
    async with db.write() as connection:
        settled = await connection.execute(_ACCEPT if accept else _REJECT, {"contact_id": contact_id})
        if settled.rowcount == 0:
            return False
        await write_entry(connection, AuditEntry(now_ms, actor, act, f"contact {contact_id}"))
    return True
