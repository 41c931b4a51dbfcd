"""Whether a number that was said is a customer's: told a few times a day of each, on record each time."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, literal, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import UnknownCall, UnknownOrder
from bridge.store.records import DAY_MS, UNSEEN_REPAIR
from bridge.store.schema import assignments, audit, calls, contacts, customers, orders
from bridge.store.worklist import visible, whose

COMPARE: Final = "number-compare"
"""The audit's word for it."""


class TooManyComparisons(Exception):
    """The customer's tries of the day are used up; the next one is `wait_ms` away."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__(wait_ms)
        self.wait_ms = wait_ms


@dataclass(frozen=True, slots=True)
class Compared:
    same: bool
    tries_left: int


@dataclass(frozen=True, slots=True)
class Comparing:
    """Somebody wants to know whether what was said is a contact of an order's customer.

    `index` is what was said, by its blind index; None where that was no number. `sees` is whose customers
    they may see, None for everybody's; `actor` is how the audit names them.
    """

    code: str
    contact_id: int
    index: bytes | None
    sees: int | None
    actor: str


_CONTACT: Final = (
    select(orders.c.customer_id, contacts.c.blind_index)
    .select_from(
        orders.join(customers, customers.c.id == orders.c.customer_id)
        .join(contacts, contacts.c.customer_id == orders.c.customer_id)
        .outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id)
    )
    .where(
        visible(),
        contacts.c.id == bindparam("contact_id"),
        contacts.c.proposed_ms.is_(None),
        not_(UNSEEN_REPAIR),
        customers.c.data_key.is_not(None),
    )
)
_CALLED: Final = select(calls.c.order_code, calls.c.contact_id).where(
    calls.c.id == bindparam("call_id"), calls.c.contact_id.is_not(None)
)
# Of all orders of the customer: else each of them would be a few more tries.
_LATELY: Final = (
    select(audit.c.at_ms)
    .where(
        audit.c.at_ms > bindparam("since_ms"),
        audit.c.act == COMPARE,
        audit.c.subject.in_(
            select(literal("order ") + orders.c.code).where(orders.c.customer_id == bindparam("customer_id"))
        ),
    )
    .order_by(audit.c.at_ms)
)


async def compare(db: Database, asked: Comparing, *, most: int, now_ms: int) -> Compared:
    """Whether it is the same number; that it was asked, and the answer, is on disk when this returns.

    Nothing is opened for it: blind indexes are compared, in a time that tells nothing of them. `most` may be
    asked of one customer in 24 hours, whoever asks. Raises UnknownOrder, for a contact that is none of the
    order's, too; TooManyComparisons.
    """
    async with db.write() as connection:
        return await _compare(connection, asked, most, now_ms)


async def compare_in_call(
    db: Database, call_id: str, index: bytes, *, actor: str, most: int, now_ms: int
) -> Compared:
    """The same, with the number that a call goes to, or comes from.

    Whoever is in it with the customer may ask, also who stands in for another. Raises UnknownCall, for one
    whose caller is not known, too; UnknownOrder, TooManyComparisons.
    """
    async with db.write() as connection:
        called = (await connection.execute(_CALLED, {"call_id": call_id})).one_or_none()
        if called is None:
            raise UnknownCall
        asked = Comparing(called.order_code, called.contact_id, index, sees=None, actor=actor)
        return await _compare(connection, asked, most, now_ms)


async def _compare(connection: AsyncConnection, asked: Comparing, most: int, now_ms: int) -> Compared:
    of = {"contact_id": asked.contact_id, "code": asked.code} | whose(asked.sees)
    found = (await connection.execute(_CONTACT, of)).one_or_none()
    if found is None:
        raise UnknownOrder(asked.code)
    since = {"since_ms": now_ms - DAY_MS, "customer_id": found.customer_id}
    tried = list((await connection.execute(_LATELY, since)).scalars())
    if len(tried) >= most:
        raise TooManyComparisons(tried[len(tried) - most] + DAY_MS - now_ms)
    same = hmac.compare_digest(asked.index or bytes(len(found.blind_index)), found.blind_index)
    detail = f"contact {asked.contact_id}, {'same' if same else 'different'}"
    await write_entry(connection, AuditEntry(now_ms, asked.actor, COMPARE, f"order {asked.code}", detail))
    return Compared(same, most - len(tried) - 1)
