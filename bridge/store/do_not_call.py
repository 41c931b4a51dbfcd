"""Numbers that nobody calls, whoever's they are and whichever import brings them: known by blind index alone.

A number is on the list as long as one request for it is there. A request outlives its customer's erasure,
with nothing in it but the keyed hash, the day and a label; or else the next import would call them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import bindparam, delete, exists, insert, not_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.worklist import Outcome, Why, Work, after
from bridge.store.audit import AuditEntry, add_entry, write_entry
from bridge.store.audit_chain import Pen
from bridge.store.database import Database, audit_pen
from bridge.store.lanes import Runs
from bridge.store.lists import end_to_end, hashes_of
from bridge.store.records import FIT_TO_DIAL, MAY_BE_DIALLED
from bridge.store.schema import contacts, customers, do_not_call, orders, outcomes
from bridge.store.waiting import WORK_COLUMNS, as_work, set_work


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request as it is listed: `order_code` is that of the order at which it was made, if it was at one."""

    since_ms: int
    order_code: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is carried from one database to another."""

    blind_index: bytes
    since_ms: int
    label: str | None


_ADD: Final = insert(do_not_call)
_OF_CUSTOMER: Final = (
    select(contacts.c.blind_index)
    .where(contacts.c.customer_id == bindparam("customer_id"), FIT_TO_DIAL)
    .distinct()
)
_of_these: Final = contacts.c.blind_index.in_(bindparam("indexes", expanding=True))
# Without these numbers there is nothing left to be dialled for them.
_LEFT_WITHOUT: Final = select(orders.c.code, *WORK_COLUMNS).where(
    orders.c.why != Why.DONE.value,
    orders.c.customer_id.in_(select(contacts.c.customer_id).where(_of_these, MAY_BE_DIALLED)),
    not_(
        select(contacts.c.id)
        .where(contacts.c.customer_id == orders.c.customer_id, not_(_of_these), MAY_BE_DIALLED)
        .correlate(orders)
        .exists()
    ),
)
_LISTED: Final = (
    select(do_not_call.c.since_ms, outcomes.c.order_code, do_not_call.c.label)
    .select_from(do_not_call.outerjoin(outcomes, outcomes.c.id == do_not_call.c.outcome_id))
    .order_by(do_not_call.c.since_ms, do_not_call.c.id)
)
_REQUESTS: Final = select(do_not_call.c.blind_index, do_not_call.c.since_ms, do_not_call.c.label)
_AMONG: Final = select(do_not_call.c.blind_index).where(do_not_call.c.blind_index.in_(hashes_of("indexes")))
_IS_ON_IT: Final = select(exists().where(do_not_call.c.blind_index == bindparam("index")))
_REMOVE: Final = delete(do_not_call).where(do_not_call.c.blind_index == bindparam("index"))
_TAKE_BACK: Final = delete(do_not_call).where(do_not_call.c.outcome_id == bindparam("of_outcome"))
# The customer's own mark goes with the number; another number of theirs that is on the list stays on it.
_UNMARK: Final = (
    update(customers)
    .where(
        customers.c.do_not_call_ms.is_not(None),
        customers.c.id.in_(
            select(contacts.c.customer_id).where(contacts.c.blind_index == bindparam("of_index"), FIT_TO_DIAL)
        ),
    )
    .values(do_not_call_ms=None)
)
_MARK_CUSTOMER: Final = (
    update(customers)
    .where(customers.c.id == bindparam("of_customer"), customers.c.do_not_call_ms.is_(None))
    .values(do_not_call_ms=bindparam("since_ms"))
)
_MARK: Final = (
    update(contacts)
    .where(
        contacts.c.id == bindparam("of_contact"),
        contacts.c.customer_id
        == select(orders.c.customer_id).where(orders.c.code == bindparam("code")).scalar_subquery(),
    )
    .values(never_ms=bindparam("since_ms"))
)
_FORGET_ORDERS: Final = (
    update(do_not_call)
    .where(
        do_not_call.c.outcome_id.in_(
            select(outcomes.c.id)
            .join_from(outcomes, orders, orders.c.code == outcomes.c.order_code)
            .where(orders.c.customer_id == bindparam("of_customer"))
        )
    )
    .values(outcome_id=None)
)


def numbers_of(connection: Connection, customer_id: int) -> list[bytes]:
    """The blind indexes of the numbers that are a customer's, on the list already or not."""
    return list(connection.execute(_OF_CUSTOMER, {"customer_id": customer_id}).scalars())


def left_without(connection: Connection, indexes: Collection[bytes]) -> dict[str, Work]:
    """Everybody's open orders that can't be called any more without these numbers, by code."""
    if not indexes:
        return {}
    rows = connection.execute(_LEFT_WITHOUT, {"indexes": list(indexes)})
    return {row.code: as_work(row[1:]) for row in rows}


def add_requests(
    connection: Connection,
    indexes: Iterable[bytes],
    now_ms: int,
    *,
    label: str | None = None,
    outcome_id: int | None = None,
) -> None:
    made = {"since_ms": now_ms, "label": label, "outcome_id": outcome_id}
    rows = [made | {"blind_index": index} for index in indexes]
    if rows:
        connection.execute(_ADD, rows)


def take_back_requests(connection: Connection, outcome_id: int) -> None:
    """Those that this outcome has made."""
    connection.execute(_TAKE_BACK, {"of_outcome": outcome_id})


async def forbid_number(
    db: Database, index: bytes, *, label: str | None, actor: str, now_ms: int
) -> int | None:
    """Put a number on the list, on record; returns how many orders are done with, None if it was on it."""
    async with db.write() as connection:
        return await connection.run_sync(_forbid, audit_pen(connection), index, label, actor, now_ms)


def _forbid(
    connection: Connection, pen: Pen, index: bytes, label: str | None, actor: str, now_ms: int
) -> int | None:
    if connection.execute(_IS_ON_IT, {"index": index}).scalar_one():
        return None
    done_with = _forbid_numbers(connection, [index], now_ms, label)
    detail = f"orders={done_with}"
    add_entry(connection, pen, AuditEntry(now_ms, actor, "do-not-call-add", "number", detail))
    return done_with


def forbid_customer(connection: Connection, customer_id: int, now_ms: int, *, label: str) -> int:
    """Put every number of a customer's on the list, and let none of theirs be called.

    Returns how many orders are done with.
    """
    connection.execute(_MARK_CUSTOMER, {"of_customer": customer_id, "since_ms": now_ms})
    return _forbid_numbers(connection, numbers_of(connection, customer_id), now_ms, label)


def _forbid_numbers(
    connection: Connection, indexes: Collection[bytes], now_ms: int, label: str | None
) -> int:
    done_with = left_without(connection, indexes)
    set_work(connection, {code: after(work, Outcome.DO_NOT_CALL, now_ms) for code, work in done_with.items()})
    add_requests(connection, indexes, now_ms, label=label)
    return len(done_with)


async def allow_number(db: Database, index: bytes, *, actor: str, now_ms: int) -> bool:
    """Take a number off the list, on record, and its customers' mark with it; False if it was not on it."""
    async with db.write() as connection:
        return await connection.run_sync(_allow, audit_pen(connection), index, actor, now_ms)


def _allow(connection: Connection, pen: Pen, index: bytes, actor: str, now_ms: int) -> bool:
    if connection.execute(_REMOVE, {"index": index}).rowcount == 0:
        return False
    connection.execute(_UNMARK, {"of_index": index})
    add_entry(connection, pen, AuditEntry(now_ms, actor, "do-not-call-remove", "number"))
    return True


async def mark_contact(
    db: Database, code: str, contact_id: int, *, never: bool, actor: str, now_ms: int
) -> bool:
    """Let one contact of an order's customer be called never, or again, on record; False where it is none."""
    mark = {"code": code, "of_contact": contact_id, "since_ms": now_ms if never else None}
    async with db.write() as connection:
        if (await connection.execute(_MARK, mark)).rowcount == 0:
            return False
        act = "contact-never" if never else "contact-again"
        await write_entry(
            connection, AuditEntry(now_ms, actor, act, f"order {code}", f"contact {contact_id}")
        )
    return True


async def list_requests(db: Database) -> list[RequestLine]:
    """Every request, the oldest first."""
    async with db.read() as connection:
        return [RequestLine(*row) for row in await connection.execute(_LISTED)]


def on_the_list(connection: Runs, indexes: Collection[bytes]) -> frozenset[bytes]:
    """Those of these blind indexes whose numbers are not to be called."""
    return frozenset(index for (index,) in connection.execute(_AMONG, end_to_end("indexes", indexes)))


async def all_requests(db: Database) -> list[Request]:
    async with db.read() as connection:
        return [Request(*row) for row in await connection.execute(_REQUESTS)]


async def carry_over(connection: AsyncConnection, requests: Iterable[Request]) -> int:
    """Add those requests whose numbers are not on the list; returns how many that were."""
    known = await connection.run_sync(on_the_list, {each.blind_index for each in requests})
    missing = [asdict(each) for each in requests if each.blind_index not in known]
    if missing:
        await connection.execute(_ADD, missing)
    return len(missing)


async def forget_orders_of(connection: AsyncConnection, customer_id: int) -> None:
    """Let nothing tie a request to a customer who is erased."""
    await connection.execute(_FORGET_ORDERS, {"of_customer": customer_id})
