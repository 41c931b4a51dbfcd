"""When a customer may be called at one of their numbers, and what is spoken there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, update

from bridge.rules import TimeRange
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.records import MAY_BE_DIALLED, within_its_hours
from bridge.store.schema import assignments, contacts, orders
from bridge.store.worklist import visible, whose


@dataclass(frozen=True, slots=True)
class Habits:
    """`hours` are of every day, by the shop's clock, None for any; `language` None is the customer's own."""

    hours: TimeRange | None = None
    language: str | None = None


_CUSTOMER: Final = (
    select(orders.c.customer_id)
    .select_from(orders.outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id))
    .where(visible())
    .scalar_subquery()
)
_SET: Final = (
    update(contacts)
    .where(contacts.c.id == bindparam("of_contact"), contacts.c.customer_id == _CUSTOMER)
    .values(
        call_from=bindparam("habit_from"),
        call_until=bindparam("habit_until"),
        language=bindparam("habit_language"),
    )
)
_WITHIN_HOURS: Final = (
    select(contacts.c.customer_id)
    .where(
        contacts.c.customer_id.in_(bindparam("customer_ids", expanding=True)),
        MAY_BE_DIALLED,
        within_its_hours(bindparam("minute", type_=contacts.c.call_from.type)),
    )
    .distinct()
)


async def set_habits(
    db: Database, code: str, contact_id: int, habits: Habits, *, sees: int | None, actor: str, now_ms: int
) -> bool:
    """Keep them, on record; False where it is no contact of the order's customer whom `sees` may see."""
    changed = {
        "of_contact": contact_id,
        "habit_from": habits.hours and habits.hours.start,
        "habit_until": habits.hours and habits.hours.end,
        "habit_language": habits.language,
    }
    async with db.write() as connection:
        if (await connection.execute(_SET, {"code": code} | whose(sees) | changed)).rowcount == 0:
            return False
        detail = f"contact {contact_id}, {_said(habits)}"
        await write_entry(connection, AuditEntry(now_ms, actor, "contact-habits", f"order {code}", detail))
    return True


def _said(habits: Habits) -> str:
    return f"hours={habits.hours or 'any'}, language={habits.language or 'theirs'}"


async def customers_within_hours(db: Database, customer_ids: Collection[int], minute: int) -> frozenset[int]:
    """Those of these customers who can be called in this minute of the shop's day, at some number."""
    asked = {"customer_ids": list(customer_ids), "minute": minute}
    async with db.read() as connection:
        return frozenset((await connection.execute(_WITHIN_HOURS, asked)).scalars())
