"""Numbers shown to an owner: how many there have been, and that each is on record before it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, not_, select

from bridge.store.alarms import AlarmKind, write_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.records import DAY_MS, SEALED_CONTACT_COLUMNS, UNSEEN_REPAIR, SealedContact
from bridge.store.schema import audit, contacts, customers, orders

DISCLOSE: Final = "disclose"
"""The audit's word for it."""

MOST_IN_A_DAY: Final = 5
"""To one owner: more than are ever needed, and no customer base."""


class TooManyDisclosures(Exception):
    """This owner has seen as many numbers as may be in 24 hours."""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Which number, to whom, and why; `actor` is how the audit names them."""

    order_code: str
    contact_id: int
    manager_id: int
    actor: str
    reason: str


_CONTACT: Final = (
    select(
        *SEALED_CONTACT_COLUMNS,
    )
    .join_from(contacts, customers)
    .join(orders, orders.c.customer_id == customers.c.id)
    .where(
        contacts.c.id == bindparam("contact_id"),
        orders.c.code == bindparam("code"),
        customers.c.data_key.is_not(None),
        not_(UNSEEN_REPAIR),
    )
)
_LATELY: Final = (
    select(func.count())
    .select_from(audit)
    .where(
        audit.c.at_ms > bindparam("since_ms"),
        audit.c.actor == bindparam("actor"),
        audit.c.act == DISCLOSE,
    )
)


async def contact_of_order(db: Database, code: str, contact_id: int) -> SealedContact | None:
    """The contact, if it is one of the order's customer, who is not erased."""
    async with db.read() as connection:
        row = (await connection.execute(_CONTACT, {"code": code, "contact_id": contact_id})).one_or_none()
    return None if row is None else SealedContact(*row)


async def put_disclosure_on_record(db: Database, disclosed: Disclosed, now_ms: int) -> None:
    """Write it to the audit, and tell supervisors: on disk when this returns. Raises TooManyDisclosures."""
    async with db.write() as connection:
        asked = {"since_ms": now_ms - DAY_MS, "actor": disclosed.actor}
        if (await connection.execute(_LATELY, asked)).scalar_one() >= MOST_IN_A_DAY:
            raise TooManyDisclosures
        subject = f"order {disclosed.order_code}"
        detail = f"contact={disclosed.contact_id} reason={disclosed.reason}"
        await write_entry(connection, AuditEntry(now_ms, disclosed.actor, DISCLOSE, subject, detail))
        await write_alarm(
            connection,
            AlarmKind.DISCLOSURE,
            manager_id=disclosed.manager_id,
            order_code=disclosed.order_code,
            detail=detail,
        )
