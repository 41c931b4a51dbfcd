"""Contacts that may be mistyped: which, why and since when; and what somebody makes of one, unseen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.doubts import Settlement
from bridge.rules.worth import Standing
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.new_contacts import REPAIRED_LABEL
from bridge.store.records import MAY_BE_DIALLED
from bridge.store.schema import assignments, contacts, customers, managers, orders
from bridge.store.worklist import whose


@dataclass(frozen=True, slots=True)
class Doubt:
    """A suspect contact. `order_code`: the customer's newest order. `others`: how many are tried before it.

    `since_ms` is None where that was not written down.
    """

    contact_id: int
    order_code: str
    customer_name: str
    label: str | None
    line_type: str
    region: str
    created_ms: int
    hint: str | None
    since_ms: int | None
    manager_name: str | None
    repairable: bool
    others: int


@dataclass(frozen=True, slots=True)
class Settled:
    """`served_by`: the id of the manager whose customer it is, if it is anybody's."""

    order_code: str
    served_by: int | None


_newest_order: Final = (
    select(orders.c.code)
    .where(orders.c.customer_id == contacts.c.customer_id)
    .order_by(orders.c.created_ms.desc(), orders.c.code.desc())
    .limit(1)
    .correlate(contacts)
    .scalar_subquery()
)
_repairs: Final = contacts.alias("repairs")
_is_repair: Final = (_repairs.c.mends == contacts.c.id, _repairs.c.proposed_ms.is_not(None))
_repairable: Final = select(literal(1)).where(*_is_repair).correlate(contacts).exists()
_TRIED_BEFORE: Final = (
    select(contacts.c.customer_id, func.count())
    .where(
        contacts.c.customer_id.in_(bindparam("customer_ids", expanding=True)),
        MAY_BE_DIALLED,
        contacts.c.standing == Standing.USABLE.value,
    )
    .group_by(contacts.c.customer_id)
)
_shown: Final = (
    # In the statement's own words: only then does SQLite see that the index of suspect ones will do.
    contacts.c.standing == bindparam("suspect", Standing.SUSPECT.value, literal_execute=True),
    contacts.c.proposed_ms.is_(None),
    customers.c.data_key.is_not(None),
    or_(bindparam("everybody"), assignments.c.manager_id == bindparam("manager_id")),
)
_joined: Final = (
    contacts.join(customers, customers.c.id == contacts.c.customer_id)
    .outerjoin(assignments, assignments.c.customer_id == contacts.c.customer_id)
    .outerjoin(managers, managers.c.id == assignments.c.manager_id)
)
_LIST: Final = (
    select(
        contacts.c.id,
        _newest_order,
        customers.c.name,
        contacts.c.label,
        contacts.c.line_type,
        contacts.c.region,
        contacts.c.created_ms,
        contacts.c.hint,
        contacts.c.doubted_ms,
        managers.c.name,
        _repairable,
        contacts.c.customer_id,
    )
    .select_from(_joined)
    .where(*_shown, _newest_order.is_not(None))
    .order_by(contacts.c.doubted_ms, contacts.c.id)
    .limit(bindparam("limit"))
)
_ONE: Final = (
    select(contacts.c.id, _newest_order, assignments.c.manager_id)
    .select_from(_joined)
    .where(contacts.c.id == bindparam("contact_id"), *_shown, _newest_order.is_not(None))
)
_this: Final = contacts.c.id == bindparam("of_contact")
_STAND: Final = update(contacts).where(_this).values(standing=bindparam("new_standing"))
_CLEAR: Final = (
    update(contacts)
    .where(_this)
    .values(standing=Standing.USABLE.value, hint=None, doubted_ms=None, invalid_in_a_row=0)
)
_REPAIR: Final = (
    update(contacts)
    .where(contacts.c.mends == bindparam("of_contact"), contacts.c.proposed_ms.is_not(None))
    .values(
        standing=Standing.USABLE.value,
        proposed_ms=None,
        created_ms=bindparam("now_ms"),
        label=REPAIRED_LABEL,
    )
)


async def doubtful_contacts(db: Database, *, sees: int | None, limit: int) -> list[Doubt]:
    """Oldest doubt first; `sees` is whose customers, None for everybody's."""
    async with db.read() as connection:
        rows = (await connection.execute(_LIST, whose(sees) | {"limit": limit})).all()
        found = await connection.execute(_TRIED_BEFORE, {"customer_ids": [row.customer_id for row in rows]})
        others = {row[0]: row[1] for row in found}
    return [Doubt(*(*row[:-1], others.get(row.customer_id, 0))) for row in rows]


async def settle_doubt(
    db: Database, contact_id: int, how: Settlement, *, sees: int | None, actor: str, now_ms: int
) -> Settled | None:
    """Let the likely repair take the contact's place, or let it be right, or wrong; on record.

    None where it is not doubted, any more, or not theirs to see, or has no likely repair. Nothing is opened:
    the repair was sealed when the number came.
    """
    async with db.write() as connection:
        found = (await connection.execute(_ONE, {"contact_id": contact_id} | whose(sees))).one_or_none()
        if found is None or not await _settle(connection, contact_id, how, now_ms):
            return None
        act = (
            "doubt-repair"
            if how is Settlement.REPAIR
            else "doubt-right"
            if how is Settlement.RIGHT
            else "doubt-wrong"
        )
        entry = AuditEntry(now_ms, actor, act, f"order {found[1]}", f"contact {contact_id}")
        await write_entry(connection, entry)
    return Settled(found[1], found[2])


async def _settle(connection: AsyncConnection, contact_id: int, how: Settlement, now_ms: int) -> bool:
    of = {"of_contact": contact_id}
    if how is Settlement.RIGHT:
        await connection.execute(_CLEAR, of)
        return True
    if how is Settlement.REPAIR:
        repaired = await connection.execute(_REPAIR, of | {"now_ms": now_ms})
        if repaired.rowcount == 0:
            return False
    await connection.execute(_STAND, of | {"new_standing": Standing.WRONG.value})
    return True
