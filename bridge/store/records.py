"""Calls on record, and the facts that decide whether one may be placed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from bridge.calls.model import Kind, Result
from bridge.rules.worth import Standing
from bridge.store.audit import AuditEntry, add_entry
from bridge.store.audit_chain import Pen
from bridge.store.database import Database
from bridge.store.lanes import Session
from bridge.store.managers import MANAGER_COLUMNS, Manager, as_manager
from bridge.store.schema import (
    ContactKind,
    assignments,
    calls,
    contacts,
    customers,
    do_not_call,
    managers,
    orders,
    panic,
)
from bridge.store.webhook_outbox import tell_results
from bridge.store.worth import let_call_tell

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
class Dialled:
    """What somebody has dialled, or means to: a code, and which of its customer's contacts.

    The contact is the chosen one, if that is one that may be dialled; the one in this place of these if none
    is chosen. `but_contact_id` is not among them. Of those that may be called in this `minute` of the shop's
    day is the first place; there it is one of the others where there is none.
    """

    extension: str
    code: str
    at_ms: int
    contact_id: int | None = None
    place: int = 1
    but_contact_id: int | None = None
    minute: int | None = None


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
    do_not_call: bool
    contact_within_hours: bool


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call about to be placed, or one refused; `manager_id` is None for an extension that is nobody's.

    `manager_channel` and `customer_channel` are ids of channels in the PBX, the latter of one that came in.
    """

    id: str
    kind: str
    order_code: str
    manager_id: int | None
    contact_id: int | None
    manager_channel: str | None
    started_ms: int
    customer_channel: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be put on record of a call that somebody has asked for."""

    call: NewCall
    audit: AuditEntry
    refused: bool


D = TypeVar("D", bound=Decision)


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A call goes on to another contact, as one was dialled in vain: with this result."""

    call_id: str
    tried_contact_id: int
    next_contact_id: int
    tried_result: Result


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
    contact_id: int | None
    extension: str
    manager_channel: str | None
    customer_channel: str | None
    started_ms: int
    answered_ms: int | None


@dataclass(frozen=True, slots=True)
class Rung:
    """Of several managers it is this one whose phone rings now."""

    call_id: str
    rung_manager_id: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The conversation began."""

    call_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The call is over; `q850_cause` is that of the customer's leg."""

    call_id: str
    at_ms: int
    outcome: str
    q850_cause: int | None


Note = Rung | Answered | Finished


FIT_TO_DIAL: Final = and_(
    contacts.c.kind == ContactKind.PHONE.value,
    contacts.c.standing != Standing.WRONG.value,
    contacts.c.proposed_ms.is_(None),
)
UNSEEN_REPAIR: Final = and_(contacts.c.mends.is_not(None), contacts.c.proposed_ms.is_not(None))
"""Of a contact: what a machine takes for another one's number as it was meant, and nobody has accepted."""

_NOT_TO_BE_CALLED: Final = or_(
    contacts.c.never_ms.is_not(None),
    select(do_not_call.c.id)
    .where(do_not_call.c.blind_index == contacts.c.blind_index)
    .correlate(contacts)
    .exists(),
)
MAY_BE_DIALLED: Final = and_(FIT_TO_DIAL, not_(_NOT_TO_BE_CALLED))
"""Of a contact. None that a manager has proposed may be, before a supervisor has accepted it."""
IN_THE_ORDER_OF_TRYING: Final = (
    case((contacts.c.standing == Standing.USABLE.value, 0), else_=1),
    contacts.c.position,
    contacts.c.id.desc(),
)


def within_its_hours(minute: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a contact may be called in this minute of the shop's day; with none given, all may."""
    begun, not_over = contacts.c.call_from <= minute, minute < contacts.c.call_until
    overnight = contacts.c.call_until <= contacts.c.call_from
    return or_(
        minute.is_(None),
        contacts.c.call_from.is_(None),
        case((overnight, or_(begun, not_over)), else_=and_(begun, not_over)),
    )


def contacts_to_dial(*columns: Any, but_first: Sequence[ColumnElement[Any]] = ()) -> Select[Any]:
    """The contacts of an order's customer that may be dialled, the one to be tried first on top.

    `but_first` orders them before the order of trying does.
    """
    return (
        select(*columns)
        .where(contacts.c.customer_id == orders.c.customer_id, MAY_BE_DIALLED)
        .order_by(*but_first, *IN_THE_ORDER_OF_TRYING)
    )


def place_to_dial() -> ColumnElement[int | None]:
    """A contact's place among its customer's that may be dialled, None if it is not one of them.

    By this place it is dialled, as *1042*2. For a statement that selects all contacts of one customer.
    """
    place = func.row_number().over(order_by=(MAY_BE_DIALLED.desc(), *IN_THE_ORDER_OF_TRYING))
    return case((MAY_BE_DIALLED, place), else_=None)


SEALED_CONTACT_COLUMNS: Final = (
    contacts.c.id,
    contacts.c.customer_id,
    contacts.c.kind,
    contacts.c.label,
    contacts.c.sealed,
    customers.c.data_key,
    contacts.c.region,
    contacts.c.line_type,
)
"""What a `SealedContact` is made of."""


def _dial_facts_statement() -> Select[Any]:
    """One row, always: every table hangs on a row of its own making by an outer join.

    So a code that does not exist takes the same statement, and the same way back, as one that does.
    """
    asked = select(
        bindparam("extension", type_=managers.c.extension.type).label("extension"),
        bindparam("code", type_=orders.c.code.type).label("code"),
    ).subquery("asked")
    chosen = bindparam("contact_id", type_=contacts.c.id.type)
    tried = bindparam("but_contact_id", type_=contacts.c.id.type)
    minute = bindparam("minute", type_=contacts.c.call_from.type)
    none_is_meant = and_(chosen.is_(None), bindparam("passed_over", type_=contacts.c.id.type) == 0)
    # Whoever means none in particular gets one that may be called now.
    not_now = case((and_(none_is_meant, not_(within_its_hours(minute))), 1), else_=0)
    contact_to_dial = (
        contacts_to_dial(contacts.c.id, but_first=[not_now])
        .where(or_(chosen.is_(None), contacts.c.id == chosen), or_(tried.is_(None), contacts.c.id != tried))
        .limit(1)
        .offset(bindparam("passed_over"))
        .correlate(orders)
        .scalar_subquery()
    )
    return select(
        *MANAGER_COLUMNS,
        orders.c.code,
        orders.c.customer_id,
        orders.c.state,
        assignments.c.manager_id,
        *SEALED_CONTACT_COLUMNS,
        _calls_begun(calls.c.started_ms > bindparam("hour_ago_ms")),
        # Without these: a manager's calls of a day are looked through once.
        _calls_begun(calls.c.started_ms.between(bindparam("day_ago_ms") + 1, bindparam("hour_ago_ms"))),
        # In this statement, so that a panic needs nobody to tell the daemon: the next call sees it.
        select(panic.c.id).exists(),
        customers.c.do_not_call_ms.is_not(None),
        select(contacts.c.id)
        .where(contacts.c.customer_id == orders.c.customer_id, FIT_TO_DIAL, _NOT_TO_BE_CALLED)
        .correlate(orders)
        .exists(),
        within_its_hours(minute),
    ).select_from(
        asked.outerjoin(managers, managers.c.extension == asked.c.extension)
        .outerjoin(orders, orders.c.code == asked.c.code)
        .outerjoin(customers, customers.c.id == orders.c.customer_id)
        .outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id)
        # An erased customer's contacts open no more: to the caller they are not there.
        .outerjoin(contacts, and_(contacts.c.id == contact_to_dial, customers.c.data_key.is_not(None)))
    )


def _calls_begun(then: ColumnElement[bool]) -> Any:
    return (
        select(func.count(literal(1)))
        .select_from(calls)
        .where(
            calls.c.manager_id == managers.c.id,
            then,
            or_(calls.c.result.is_(None), calls.c.result != Result.REFUSED.value),
            # Customers who call cost nothing, and are nobody's doing.
            calls.c.kind != Kind.CALLBACK.value,
        )
        .correlate(managers)
        .scalar_subquery()
    )


# Built once: SQLAlchemy then finds their compiled form by identity of structure, and a call compiles nothing.
_DIAL_FACTS: Final = _dial_facts_statement()
_INSERT_CALL: Final = insert(calls)
_GO_ON_TO: Final = (
    update(calls)
    .where(calls.c.id == bindparam("call_id"))
    .values(contact_id=bindparam("next_contact_id"), failed_contact_id=bindparam("tried_contact_id"))
)
_RUNG: Final = (
    update(calls)
    .where(calls.c.id == bindparam("call_id"), calls.c.ended_ms.is_(None))
    .values(manager_id=bindparam("rung_manager_id"))
)
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
        calls.c.contact_id,
        managers.c.extension,
        calls.c.manager_channel,
        calls.c.customer_channel,
        calls.c.started_ms,
        calls.c.answered_ms,
    )
    .join_from(calls, managers)
    .where(calls.c.ended_ms.is_(None))
    .order_by(calls.c.started_ms)
)
_AMONG: Final = select(calls.c.id).where(calls.c.id.in_(bindparam("call_ids", expanding=True)))
_RECENT: Final = _RECORDED.order_by(calls.c.started_ms.desc(), calls.c.id).limit(bindparam("limit"))


async def dial_facts(db: Database, dialled: Dialled) -> DialFacts:
    """All that a verdict needs, in one statement: the same one whether or not manager and code exist."""
    return await db.read_in_one_trip(_facts, dialled)


def _facts(session: Session, dialled: Dialled) -> DialFacts:
    row: tuple[Any, ...] = session.execute(_DIAL_FACTS, _parameters(dialled)).fetchone()
    manager, order, assigned, contact, counts = row[:6], row[6:9], row[9], row[10:18], row[18:20]
    return DialFacts(
        manager=None if _absent(manager) else as_manager(manager),
        order=None if _absent(order) else OrderRef(*order),
        assigned_manager_id=assigned,
        contact=None if _absent(contact) else SealedContact(*contact),
        calls_last_hour=counts[0],
        calls_last_day=sum(counts),
        panic=bool(row[20]),
        # Beside a number that is not to be called, another one may be there, and is dialled.
        do_not_call=bool(row[21]) or (bool(row[22]) and _absent(contact)),
        contact_within_hours=bool(row[23]),
    )


def _parameters(dialled: Dialled) -> dict[str, Any]:
    """As `_DIAL_FACTS` has them."""
    return {
        "extension": dialled.extension,
        "code": dialled.code,
        "contact_id": dialled.contact_id,
        "but_contact_id": dialled.but_contact_id,
        "passed_over": dialled.place - 1 if dialled.contact_id is None else 0,
        "minute": dialled.minute,
        "hour_ago_ms": dialled.at_ms - HOUR_MS,
        "day_ago_ms": dialled.at_ms - DAY_MS,
    }


async def decide_call(
    db: Database, dialled: Dialled, decide: Callable[[DialFacts], D]
) -> tuple[D, asyncio.Future[None]]:
    """Have a call decided of by its facts, as of `dial_facts`, and put the decision on disk, in one commit.

    `decide` is pure: it runs in SQLite's thread. The decision is returned while it goes to the disk, where it
    is when the future ends; that raises a DBAPIError where it failed, and is to be shielded.
    """
    return await db.begin_in_one_trip(_decide, dialled, decide, db.pen)


def _decide(session: Session, dialled: Dialled, decide: Callable[[DialFacts], D], pen: Pen) -> D:
    decision = decide(_facts(session, dialled))
    call = asdict(decision.call)
    if decision.refused:  # over before it began
        call |= {"ended_ms": decision.call.started_ms, "result": Result.REFUSED.value}
    _add_call(session, call, pen, decision.audit)
    return decision


async def begin_call(db: Database, call: NewCall, audit: AuditEntry) -> None:
    """Put the call and its audit entry on disk in one commit: both survive whatever comes."""
    await db.write_in_one_trip(_add_call, asdict(call), db.pen, audit)


async def change_contact(db: Database, change: ContactChange, audit: AuditEntry) -> None:
    """Put on disk that a call goes on to another contact, and what that makes of the first, in one commit."""
    await db.write_in_one_trip(_change_contact, change, db.pen, audit)


def _change_contact(session: Session, change: ContactChange, pen: Pen, audit: AuditEntry) -> None:
    ids = asdict(change)
    del ids["tried_result"]
    session.execute(_GO_ON_TO, ids)
    let_call_tell(session, change.tried_contact_id, change.tried_result, audit.at_ms)
    add_entry(session, pen, audit)


def _add_call(session: Session, call: dict[str, Any], pen: Pen, audit: AuditEntry) -> None:
    session.execute(_INSERT_CALL, call)
    add_entry(session, pen, audit)


async def note(db: Database, notes: Sequence[Note]) -> None:
    """Put what became of calls on disk, in one commit.

    The first word about a call stands, so a daemon and its successor may both say it.
    """
    await db.write_in_one_trip(_add_notes, notes)


def _add_notes(session: Session, notes: Sequence[Note]) -> None:
    rung = [asdict(each) for each in notes if isinstance(each, Rung)]
    answered = [asdict(each) for each in notes if isinstance(each, Answered)]
    finished = [asdict(each) for each in notes if isinstance(each, Finished)]
    if rung:
        session.execute_many(_RUNG, rung)
    if answered:
        session.execute_many(_ANSWERED, answered)
    if finished:  # after the answers: to a call that has ended nothing is added
        session.execute_many(_FINISHED, finished)
        tell_results(session, [each["call_id"] for each in finished])


async def open_calls(db: Database) -> list[OpenCall]:
    """Calls without an end, oldest first: those a daemon has to adopt or close when it starts."""
    async with db.read() as connection:
        return [OpenCall(*row) for row in await connection.execute(_OPEN)]


async def recorded_calls(db: Database, call_ids: Collection[str]) -> frozenset[str]:
    """Those of these calls that are on record, over or not."""
    async with db.read() as connection:
        return frozenset(await connection.scalars(_AMONG, {"call_ids": list(call_ids)}))


async def recent_calls(db: Database, limit: int = 50) -> list[CallRecord]:
    """The newest calls, newest first."""
    async with db.read() as connection:
        return [CallRecord(*row) for row in await connection.execute(_RECENT, {"limit": limit})]


def _absent(columns: Sequence[object]) -> bool:
    """Whether an outer join found no row: its primary key, the first column, is empty."""
    return columns[0] is None
