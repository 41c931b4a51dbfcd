"""Calls on record, and the facts that decide whether one may be placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from sqlalchemy import Select, and_, bindparam, case, func, insert, literal, or_, select, update

from bridge.calls.model import Result
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.managers import MANAGER_COLUMNS, Manager, as_manager
from bridge.store.schema import (
    ContactKind,
    Standing,
    assignments,
    calls,
    contacts,
    customers,
    managers,
    orders,
    panic,
)

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class OrderRef:
    code: str
    customer_id: int
    state: str


@dataclass(frozen=True, slots=True)
class SealedContact:
    """All that the vault needs to open a contact, and the rules to judge it."""

    contact_id: int
    customer_id: int
    kind: str
    label: str | None
    sealed: bytes
    data_key: bytes
    region: str
    line_type: str


@dataclass(frozen=True, slots=True)
class DialFacts:
    """What is known at the moment a manager dials a code. The counts leave refused calls out."""

    manager: Manager | None
    order: OrderRef | None
    assigned_manager_id: int | None
    contact: SealedContact | None
    calls_last_hour: int
    calls_last_day: int
    panic: bool


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call about to be placed, or one refused; `manager_id` is None for an extension that is nobody's.

    `manager_channel` is the id of the manager's channel in the PBX.
    """

    id: str
    kind: str
    order_code: str
    manager_id: int | None
    contact_id: int | None
    manager_channel: str | None
    started_ms: int


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as recorded; `cause` is the Q.850 cause of the customer's leg."""

    id: str
    kind: str
    order_code: str
    manager_id: int | None
    contact_id: int | None
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    result: str | None
    cause: int | None


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call on record that has not ended, with what a successor needs to find and end it."""

    id: str
    kind: str
    order_code: str
    extension: str
    manager_channel: str | None
    started_ms: int
    answered_ms: int | None


def _dial_facts_statement() -> Select[Any]:
    """One row, always: every table hangs on a row of its own making by an outer join.

    So a code that does not exist takes the same statement, and the same way back, as one that does.
    """
    asked = select(
        bindparam("extension", type_=managers.c.extension.type).label("extension"),
        bindparam("code", type_=orders.c.code.type).label("code"),
    ).subquery("asked")
    first_contact = (
        select(contacts.c.id)
        .where(
            contacts.c.customer_id == orders.c.customer_id,
            contacts.c.kind == ContactKind.PHONE.value,
            contacts.c.standing != Standing.WRONG.value,
        )
        .order_by(
            case((contacts.c.standing == Standing.USABLE.value, 0), else_=1),
            contacts.c.position,
            contacts.c.id.desc(),
        )
        .limit(1)
        .correlate(orders)
        .scalar_subquery()
    )
    return select(
        *MANAGER_COLUMNS,
        orders.c.code,
        orders.c.customer_id,
        orders.c.state,
        assignments.c.manager_id,
        contacts.c.id,
        contacts.c.customer_id,
        contacts.c.kind,
        contacts.c.label,
        contacts.c.sealed,
        customers.c.data_key,
        contacts.c.region,
        contacts.c.line_type,
        _calls_since(bindparam("hour_ago_ms")),
        _calls_since(bindparam("day_ago_ms")),
        # In this statement, so that a panic needs nobody to tell the daemon: the next call sees it.
        select(panic.c.id).exists(),
    ).select_from(
        asked.outerjoin(managers, managers.c.extension == asked.c.extension)
        .outerjoin(orders, orders.c.code == asked.c.code)
        .outerjoin(customers, customers.c.id == orders.c.customer_id)
        .outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id)
        # An erased customer's contacts open no more: to the caller they are not there.
        .outerjoin(contacts, and_(contacts.c.id == first_contact, customers.c.data_key.is_not(None)))
    )


def _calls_since(start_ms: Any) -> Any:
    return (
        select(func.count(literal(1)))
        .select_from(calls)
        .where(
            calls.c.manager_id == managers.c.id,
            calls.c.started_ms > start_ms,
            or_(calls.c.result.is_(None), calls.c.result != Result.REFUSED.value),
        )
        .correlate(managers)
        .scalar_subquery()
    )


# Built once: SQLAlchemy then finds their compiled form by identity of structure, and a call compiles nothing.
_DIAL_FACTS: Final = _dial_facts_statement()
_INSERT_CALL: Final = insert(calls)
_ANSWERED: Final = (
    update(calls)
    .where(calls.c.id == bindparam("call_id"), calls.c.answered_ms.is_(None), calls.c.ended_ms.is_(None))
    .values(answered_ms=bindparam("at_ms"))
)
_FINISHED: Final = (
    update(calls)
    .where(calls.c.id == bindparam("call_id"), calls.c.ended_ms.is_(None))
    .values(ended_ms=bindparam("at_ms"), result=bindparam("outcome"), cause=bindparam("q850_cause"))
)
_RECORDED: Final = select(*(calls.c[field.name] for field in fields(CallRecord)))
_OPEN: Final = (
    select(
        calls.c.id,
        calls.c.kind,
        calls.c.order_code,
        managers.c.extension,
        calls.c.manager_channel,
        calls.c.started_ms,
        calls.c.answered_ms,
    )
    .join_from(calls, managers)
    .where(calls.c.ended_ms.is_(None))
    .order_by(calls.c.started_ms)
)
_RECENT: Final = _RECORDED.order_by(calls.c.started_ms.desc(), calls.c.id).limit(bindparam("limit"))


async def dial_facts(db: Database, extension: str, code: str, now_ms: int) -> DialFacts:
    """All that a verdict needs, in one statement: the same one whether or not manager and code exist."""
    asked = {
        "extension": extension,
        "code": code,
        "hour_ago_ms": now_ms - HOUR_MS,
        "day_ago_ms": now_ms - DAY_MS,
    }
    async with db.read() as connection:
        row = tuple((await connection.execute(_DIAL_FACTS, asked)).one())
    manager, order, assigned, contact, counts = row[:6], row[6:9], row[9], row[10:18], row[18:20]
    return DialFacts(
        manager=None if _absent(manager) else as_manager(manager),
        order=None if _absent(order) else OrderRef(*order),
        assigned_manager_id=assigned,
        contact=None if _absent(contact) else SealedContact(*contact),
        calls_last_hour=counts[0],
        calls_last_day=counts[1],
        panic=row[20],
    )


async def begin_call(db: Database, call: NewCall, audit: AuditEntry) -> None:
    """Put the call and its audit entry on disk in one commit: both survive whatever comes."""
    async with db.write() as connection:
        await connection.execute(_INSERT_CALL, asdict(call))
        await write_entry(connection, audit)


async def refuse_call(db: Database, call: NewCall, audit: AuditEntry) -> None:
    """Record a call that was over before it began, with its audit entry, in one commit."""
    over = {"ended_ms": call.started_ms, "result": Result.REFUSED.value}
    async with db.write() as connection:
        await connection.execute(_INSERT_CALL, asdict(call) | over)
        await write_entry(connection, audit)


async def mark_answered(db: Database, call_id: str, at_ms: int) -> None:
    """Note when the conversation began; the first word stands."""
    async with db.write() as connection:
        await connection.execute(_ANSWERED, {"call_id": call_id, "at_ms": at_ms})


async def finish_call(db: Database, call_id: str, result: str, cause: int | None, ended_ms: int) -> None:
    """Note what the call came to; the first word stands, so a daemon and its successor may both say it."""
    outcome = {"call_id": call_id, "at_ms": ended_ms, "outcome": result, "q850_cause": cause}
    async with db.write() as connection:
        await connection.execute(_FINISHED, outcome)


async def open_calls(db: Database) -> list[OpenCall]:
    """Calls without an end, oldest first: those a daemon has to adopt or close when it starts."""
    async with db.read() as connection:
        return [OpenCall(*row) for row in await connection.execute(_OPEN)]


async def recent_calls(db: Database, limit: int = 50) -> list[CallRecord]:
    """The newest calls, newest first."""
    async with db.read() as connection:
        return [CallRecord(*row) for row in await connection.execute(_RECENT, {"limit": limit})]


def _absent(columns: Sequence[object]) -> bool:
    """Whether an outer join found no row: its primary key, the first column, is empty."""
    return columns[0] is None
