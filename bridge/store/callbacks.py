"""Who a caller may be, by the blind index of their number; and who may be rung for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import FromClause, Select, bindparam, func, null, or_, select

from bridge.calls.model import Result
from bridge.rules.callbacks import Attendant, OpenOrder
from bridge.rules.dialling import Role
from bridge.rules.worth import Standing
from bridge.store.database import Database
from bridge.store.lanes import Session
from bridge.store.schema import (
    ContactKind,
    OrderState,
    assignments,
    calls,
    contacts,
    customers,
    managers,
    orders,
    panic,
)


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """What is known of a caller. `attendants` are the managers who serve the orders, and all stand-ins."""

    orders: tuple[OpenOrder, ...]
    attendants: tuple[Attendant, ...]
    panic: bool


def _orders_statement(of: FromClause, contact_id: Any, language: Any) -> Select[Any]:
    """Open orders of customers who are not erased, and by which contact of theirs they are found.

    `of` joins the two, that first of which something is known.
    """
    last_called = (
        select(func.max(calls.c.started_ms))
        .where(
            calls.c.order_code == orders.c.code,
            or_(calls.c.result.is_(None), calls.c.result != Result.REFUSED.value),
        )
        .correlate(orders)
        .scalar_subquery()
    )
    return (
        select(
            orders.c.code,
            orders.c.created_ms,
            customers.c.name,
            language,
            contact_id,
            assignments.c.manager_id,
            last_called,
        )
        .select_from(of.outerjoin(assignments, assignments.c.customer_id == customers.c.id))
        .where(customers.c.data_key.is_not(None), orders.c.state == OrderState.OPEN.value)
    )


_ORDERS_BY_NUMBER: Final = _orders_statement(
    contacts.join(customers, customers.c.id == contacts.c.customer_id).join(
        orders, orders.c.customer_id == contacts.c.customer_id
    ),
    contacts.c.id,
    func.coalesce(contacts.c.language, customers.c.language),
).where(
    contacts.c.blind_index == bindparam("index"),
    contacts.c.kind == ContactKind.PHONE.value,
    # A wrong number is somebody else's; one that was found in a note may be.
    contacts.c.standing != Standing.WRONG.value,
    contacts.c.proposed_by.is_(None),
)
_ORDERS_BY_CODE: Final = _orders_statement(
    orders.join(customers, customers.c.id == orders.c.customer_id),
    null().label("contact_id"),
    customers.c.language,
).where(orders.c.code == bindparam("code"))
_SERVING_BY_NUMBER: Final = (
    select(assignments.c.manager_id)
    .join_from(contacts, assignments, assignments.c.customer_id == contacts.c.customer_id)
    .where(contacts.c.blind_index == bindparam("index"))
)
_SERVING_BY_CODE: Final = (
    select(assignments.c.manager_id)
    .join_from(orders, assignments, assignments.c.customer_id == orders.c.customer_id)
    .where(orders.c.code == bindparam("code"))
)
_PANIC: Final = select(select(panic.c.id).exists())


@cache
def _attendants_statement(roles: frozenset[Role], *, by_code: bool) -> Select[Any]:
    """Enabled managers of these roles, and those who serve a customer with the number, or with the order."""
    serving = _SERVING_BY_CODE if by_code else _SERVING_BY_NUMBER
    stand_ins = (managers.c.role == role.value for role in sorted(roles))
    return select(managers.c.id, managers.c.extension).where(
        managers.c.disabled_ms.is_(None), or_(managers.c.id.in_(serving), *stand_ins)
    )


async def caller_facts(db: Database, index: bytes, stand_ins: frozenset[Role]) -> CallerFacts:
    """What is known of whoever has the number of this blind index, in one trip.

    `stand_ins` are the roles whose managers may be rung besides those who serve the customer.
    """
    attendants = _attendants_statement(stand_ins, by_code=False)
    return await db.read_in_one_trip(_facts, _ORDERS_BY_NUMBER, attendants, {"index": index})


async def code_facts(db: Database, code: str, stand_ins: frozenset[Role]) -> CallerFacts:
    """The same of whoever says that they call about this order: nothing is known of them."""
    attendants = _attendants_statement(stand_ins, by_code=True)
    return await db.read_in_one_trip(_facts, _ORDERS_BY_CODE, attendants, {"code": code})


def _facts(
    session: Session, theirs: Select[Any], who_may_be_rung: Select[Any], wanted: dict[str, Any]
) -> CallerFacts:
    found = tuple(OpenOrder(*row) for row in session.execute(theirs, wanted))
    attendants = session.execute(who_may_be_rung, wanted) if found else ()
    in_panic = session.execute(_PANIC, {}).fetchone()
    return CallerFacts(found, tuple(Attendant(*row) for row in attendants), panic=in_panic != (0,))
