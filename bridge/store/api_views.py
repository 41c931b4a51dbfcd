"""Orders, customers, calls and results as programs see them: page by page, and no number among them.

A page begins behind a row, by what the rows are in order of: what comes in meanwhile moves nothing from page
to page. Times are milliseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.worklist import Why
from bridge.store.database import Database
from bridge.store.schema import (
    OrderState,
    assignments,
    calls,
    contacts,
    customers,
    managers,
    orders,
    outcomes,
)


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """`manager` is the extension of whoever serves the customer; `items` are lines of text."""

    code: str
    customer_id: int
    customer_name: str
    erased: bool
    manager: str | None
    summary: str
    items: str
    priority: int
    state: str
    why: str
    attempts: int
    due_ms: int | None
    created_ms: int


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """A contact without its value."""

    id: int
    position: int
    standing: str
    region: str
    line_type: str


@dataclass(frozen=True, slots=True)
class CustomerSeen:
    id: int
    name: str
    language: str | None
    erased: bool
    do_not_call: bool
    manager: str | None
    created_ms: int
    contacts: tuple[ContactSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class CallSeen:
    """`order` is what was dialled; `extension` is None where it was nobody's."""

    id: str
    kind: str
    order: str
    extension: str | None
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    result: str | None
    cause: int | None


@dataclass(frozen=True, slots=True)
class ResultSeen:
    """What somebody said came of a call, or, `by_result`, what its own result came to meanwhile."""

    id: int
    order: str
    call_id: str | None
    extension: str
    outcome: str
    by_result: bool
    undone: bool
    call_back_ms: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Between:
    """Not before `since_ms`, before `until_ms`; of one order, if one is named."""

    since_ms: int | None = None
    until_ms: int | None = None
    order: str | None = None


# Orders

_ORDER_COLUMNS: Final[tuple[Any, ...]] = (
    orders.c.code,
    orders.c.customer_id,
    customers.c.name,
    customers.c.data_key.is_(None),
    managers.c.extension,
    orders.c.summary,
    orders.c["items"],
    orders.c.priority,
    orders.c.state,
    orders.c.why,
    orders.c.attempts,
    orders.c.due_ms,
    orders.c.created_ms,
)
_ORDER: Final = select(*_ORDER_COLUMNS).select_from(
    orders.join(customers, customers.c.id == orders.c.customer_id)
    .outerjoin(assignments, assignments.c.customer_id == customers.c.id)
    .outerjoin(managers, managers.c.id == assignments.c.manager_id)
)
_ORDER_OF: Final = _ORDER.where(orders.c.code == bindparam("code"))


async def order_seen(connection: AsyncConnection, code: str) -> OrderSeen | None:
    row = (await connection.execute(_ORDER_OF, {"code": code})).one_or_none()
    return None if row is None else _as_order(row)


async def orders_page(
    db: Database,
    *,
    after: str | None,
    limit: int,
    manager: str | None = None,
    customer_id: int | None = None,
    state: str | None = None,
) -> list[OrderSeen]:
    """By code; of one manager's customers, of one customer, of one state, where these are given."""
    query: Select[Any] = _ORDER.where(orders.c.code > (after or "")).order_by(orders.c.code).limit(limit)
    for column, wanted in (
        (managers.c.extension, manager),
        (orders.c.customer_id, customer_id),
        (orders.c.state, state),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    async with db.read() as connection:
        return [_as_order(row) for row in await connection.execute(query)]


def _as_order(row: Sequence[Any]) -> OrderSeen:
    code, customer_id, name, erased, *rest = row
    return OrderSeen(code, customer_id, name, bool(erased), *rest)


_CHANGE_ORDER: Final = update(orders).where(orders.c.code == bindparam("of_code"))


async def change_order(connection: AsyncConnection, code: str, **values: Any) -> None:
    """Write some of `summary`, `items` and `priority` of an order."""
    await connection.execute(_CHANGE_ORDER.values(**values), {"of_code": code})


async def set_order_state(connection: AsyncConnection, code: str, state: OrderState) -> None:
    """Close an order, so that it waits for no call; or open it, as if it had just come in."""
    why = Why.DONE if state is OrderState.CLOSED else Why.NEW
    values = {"state": state.value, "why": why.value, "attempts": 0, "due_ms": None}
    await connection.execute(_CHANGE_ORDER.values(**values), {"of_code": code})


# Customers

_CUSTOMER: Final = select(
    customers.c.id,
    customers.c.name,
    customers.c.language,
    customers.c.data_key.is_(None),
    customers.c.do_not_call_ms.is_not(None),
    managers.c.extension,
    customers.c.created_ms,
).select_from(
    customers.outerjoin(assignments, assignments.c.customer_id == customers.c.id).outerjoin(
        managers, managers.c.id == assignments.c.manager_id
    )
)
_CUSTOMER_OF: Final = _CUSTOMER.where(customers.c.id == bindparam("customer_id"))
_CUSTOMERS: Final = (
    _CUSTOMER.where(customers.c.id > bindparam("after")).order_by(customers.c.id).limit(bindparam("limit"))
)
_CONTACTS: Final = (
    select(
        contacts.c.customer_id,
        contacts.c.id,
        contacts.c.position,
        contacts.c.standing,
        contacts.c.region,
        contacts.c.line_type,
    )
    .where(contacts.c.customer_id.in_(bindparam("ids", expanding=True)), contacts.c.proposed_ms.is_(None))
    .order_by(contacts.c.customer_id, contacts.c.position, contacts.c.id)
)


async def customer_seen(connection: AsyncConnection, customer_id: int) -> CustomerSeen | None:
    rows = (await connection.execute(_CUSTOMER_OF, {"customer_id": customer_id})).all()
    return next(iter(await _with_contacts(connection, rows)), None)


async def customers_page(db: Database, *, after: int | None, limit: int) -> list[CustomerSeen]:
    """By id."""
    async with db.read() as connection:
        rows = (await connection.execute(_CUSTOMERS, {"after": after or 0, "limit": limit})).all()
        return await _with_contacts(connection, rows)


async def _with_contacts(connection: AsyncConnection, rows: Sequence[Any]) -> list[CustomerSeen]:
    found: dict[int, list[ContactSeen]] = {row[0]: [] for row in rows}
    for customer_id, *contact in await connection.execute(_CONTACTS, {"ids": list(found)}):
        found[customer_id].append(ContactSeen(*contact))
    return [
        CustomerSeen(
            id_, name, language, bool(erased), bool(do_not_call), manager, created_ms, tuple(found[id_])
        )
        for id_, name, language, erased, do_not_call, manager, created_ms in rows
    ]


# Calls

_CALL: Final = select(
    calls.c.id,
    calls.c.kind,
    calls.c.order_code,
    managers.c.extension,
    calls.c.started_ms,
    calls.c.answered_ms,
    calls.c.ended_ms,
    calls.c.result,
    calls.c.cause,
).select_from(calls.outerjoin(managers, managers.c.id == calls.c.manager_id))
_CALL_OF: Final = _CALL.where(calls.c.id == bindparam("call_id"))


async def call_seen(db: Database, call_id: str) -> CallSeen | None:
    async with db.read() as connection:
        row = (await connection.execute(_CALL_OF, {"call_id": call_id})).one_or_none()
    return None if row is None else CallSeen(*row)


async def calls_page(
    db: Database, wanted: Between, *, before: tuple[int, str] | None, limit: int
) -> list[CallSeen]:
    """Newest first; `before` is when the last call of the page before began, and its id."""
    began = calls.c.started_ms
    query = _between(_CALL, wanted, began, calls.c.order_code)
    if before is not None:
        query = query.where(tuple_(began, calls.c.id) < before)
    async with db.read() as connection:
        rows = await connection.execute(query.order_by(began.desc(), calls.c.id.desc()).limit(limit))
        return [CallSeen(*row) for row in rows]


# Results

_RESULT: Final = select(
    outcomes.c.id,
    outcomes.c.order_code,
    outcomes.c.call_id,
    managers.c.extension,
    outcomes.c.outcome,
    outcomes.c.by_result,
    outcomes.c.undone_ms.is_not(None),
    outcomes.c.call_back_ms,
    outcomes.c.at_ms,
).join_from(outcomes, managers)


async def results_page(db: Database, wanted: Between, *, before: int | None, limit: int) -> list[ResultSeen]:
    """Newest first; `before` is the id of the last result of the page before."""
    query = _between(_RESULT, wanted, outcomes.c.at_ms, outcomes.c.order_code)
    if before is not None:
        query = query.where(outcomes.c.id < before)
    async with db.read() as connection:
        rows = await connection.execute(query.order_by(outcomes.c.id.desc()).limit(limit))
        return [_as_result(*row) for row in rows]


def _as_result(
    id_: int,
    order: str,
    call_id: str | None,
    extension: str,
    outcome: str,
    by_result: int,
    undone: int,
    *at: Any,
) -> ResultSeen:
    return ResultSeen(id_, order, call_id, extension, outcome, bool(by_result), bool(undone), *at)


def _between(query: Select[Any], wanted: Between, at: Any, order: Any) -> Select[Any]:
    if wanted.since_ms is not None:
        query = query.where(at >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(at < wanted.until_ms)
    if wanted.order is not None:
        query = query.where(order == wanted.order)
    return query
