"""What came of calls, and what that makes of orders: each change on record with what was before it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import Select, bindparam, exists, insert, select, update
from sqlalchemy.engine import Connection

from bridge.calls.model import Result
from bridge.rules.worklist import SPOKEN, UNDO_MS, Came, Outcome, Why, Work, after
from bridge.rules.worth import Standing, Worth
from bridge.store.audit import AuditEntry, add_entry
from bridge.store.audit_chain import Pen
from bridge.store.database import Database, audit_pen
from bridge.store.do_not_call import add_requests, left_without, numbers_of, take_back_requests
from bridge.store.errors import TooLateToUndo, UnknownCall, UnknownOrder, UnknownOutcome
from bridge.store.lanes import Runs
from bridge.store.records import contacts_to_dial
from bridge.store.schema import assignments, calls, contacts, customers, orders, outcomes
from bridge.store.waiting import WORK_COLUMNS, as_work, set_work
from bridge.store.webhook_outbox import tell_outcome
from bridge.store.worklist import visible, whose
from bridge.store.worth import let_call_tell, set_worth


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody's word on what came of a call. `call_id` is None where there was none of ours.

    `sees` is whose customers they may see, None for everybody's; `actor` is how the audit names them.
    """

    outcome: Outcome
    call_back_ms: int | None
    call_id: str | None
    manager_id: int
    sees: int | None
    actor: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """`served_by`: the id of the manager whose customer it is, if it is anybody's."""

    id: int
    code: str
    outcome: str
    served_by: int | None


@dataclass(frozen=True, slots=True)
class _Before:
    """All that an outcome may change, as it was. Stored as JSON."""

    orders: dict[str, Work]
    standings: dict[int, str] = field(default_factory=dict)
    invalid_in_a_row: dict[int, int] = field(default_factory=dict)
    """Of the same contacts. What was written before there was this has none."""
    do_not_call_ms: int | None = None

    @classmethod
    def of(cls, orders: dict[str, Work], worths: dict[int, Worth], do_not_call_ms: int | None) -> _Before:
        standings = {id_: worth.standing.value for id_, worth in worths.items()}
        in_a_row = {id_: worth.invalid_in_a_row for id_, worth in worths.items()}
        return cls(orders, standings, in_a_row, do_not_call_ms)

    def written(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, written: str) -> _Before:
        stored = json.loads(written)
        return cls(
            {code: Work(**work | {"why": Why(work["why"])}) for code, work in stored["orders"].items()},
            {int(id_): standing for id_, standing in stored["standings"].items()},
            {int(id_): count for id_, count in stored.get("invalid_in_a_row", {}).items()},
            stored["do_not_call_ms"],
        )


@dataclass(frozen=True, slots=True)
class _Order:
    """`manager_id` is of whoever serves its customer, if anybody does."""

    code: str
    customer_id: int
    do_not_call_ms: int | None
    manager_id: int | None
    work: Work


@dataclass(frozen=True, slots=True)
class _Call:
    order_code: str
    manager_id: int | None
    contact_id: int | None
    answered_ms: int | None


_ORDER: Final = select(
    orders.c.code, orders.c.customer_id, customers.c.do_not_call_ms, assignments.c.manager_id, *WORK_COLUMNS
).select_from(
    orders.join(customers, customers.c.id == orders.c.customer_id).outerjoin(
        assignments, assignments.c.customer_id == orders.c.customer_id
    )
)
_VISIBLE_ORDER: Final = _ORDER.where(visible())
_ORDER_OF_CALL: Final = _ORDER.where(orders.c.code == bindparam("code"))
_OPEN_ORDERS_OF: Final = select(orders.c.code, *WORK_COLUMNS).where(
    orders.c.customer_id == bindparam("customer_id"), orders.c.why != Why.DONE.value
)
_CALL: Final = select(calls.c.order_code, calls.c.manager_id, calls.c.contact_id, calls.c.answered_ms).where(
    calls.c.id == bindparam("call_id")
)
_LATEST: Final = (
    select(outcomes.c.id, outcomes.c.call_id, outcomes.c.before)
    .where(outcomes.c.order_code == bindparam("code"), outcomes.c.undone_ms.is_(None))
    .order_by(outcomes.c.id.desc())
    .limit(1)
)
_HAS_ONE: Final = select(
    exists().where(outcomes.c.call_id == bindparam("call_id"), outcomes.c.undone_ms.is_(None))
)
_TO_UNDO: Final = select(
    outcomes.c.id, outcomes.c.order_code, outcomes.c.at_ms, outcomes.c.before, outcomes.c.outcome
).where(
    outcomes.c.id == bindparam("outcome_id"),
    outcomes.c.manager_id == bindparam("manager_id"),
    outcomes.c.undone_ms.is_(None),
    outcomes.c.by_result == 0,
)
_NEXT_CONTACT: Final[Select[Any]] = (
    contacts_to_dial(contacts.c.id)
    .join_from(contacts, orders, orders.c.customer_id == contacts.c.customer_id)
    .where(orders.c.code == bindparam("code"))
    .limit(1)
)
_SET_DO_NOT_CALL: Final = (
    update(customers)
    .where(customers.c.id == bindparam("customer_id"))
    .values(do_not_call_ms=bindparam("since_ms"))
)
_UNDONE: Final = (
    update(outcomes).where(outcomes.c.id == bindparam("outcome_id")).values(undone_ms=bindparam("now_ms"))
)
_ADD: Final = insert(outcomes).returning(outcomes.c.id)


async def record_outcome(db: Database, code: str, said: Said, now_ms: int) -> Recorded:
    """Put it on record, with what it makes of the order.

    It takes the place of what the call's result, or an earlier word on the same call, had made of it. Raises
    UnknownOrder for an order that `said.sees` may not see, too; UnknownCall, CallBackRefused.
    """
    async with db.write() as connection:
        return await connection.run_sync(_record, audit_pen(connection), code, said, now_ms)


def _record(connection: Connection, pen: Pen, code: str, said: Said, now_ms: int) -> Recorded:
    order = _visible_order(connection, code, said.sees)
    call = _call_of(connection, code, said)
    _take_back_what_was_of(connection, order.customer_id, code, said.call_id, now_ms)
    order = _visible_order(connection, code, said.sees)
    done_with = _leave_customer_alone(connection, order, said.outcome, now_ms)
    before = _apply(connection, order, said.outcome, now_ms, said.call_back_ms, call, done_with)
    values = {
        "order_code": code,
        "manager_id": said.manager_id,
        "call_id": said.call_id,
        "outcome": said.outcome.value,
        "call_back_ms": said.call_back_ms,
        "at_ms": now_ms,
        "before": before.written(),
    }
    outcome_id = _add(connection, values)
    if said.outcome is Outcome.DO_NOT_CALL:
        numbers = numbers_of(connection, order.customer_id)
        add_requests(connection, numbers, now_ms, outcome_id=outcome_id)
    add_entry(
        connection,
        pen,
        AuditEntry(now_ms, said.actor, "outcome", f"order {code}", said.outcome.value),
    )
    tell_outcome(connection, outcome_id, now_ms)
    return Recorded(outcome_id, code, said.outcome.value, order.manager_id)


def _add(connection: Runs, values: dict[str, Any]) -> int:
    """Returns its id."""
    added = connection.execute(_ADD, values).fetchone()
    assert added is not None  # noqa: S101 - an INSERT that adds nothing fails
    return int(added[0])


def _visible_order(connection: Runs, code: str, sees: int | None) -> _Order:
    order = _order(connection, _VISIBLE_ORDER, {"code": code} | whose(sees))
    if order is None:
        raise UnknownOrder(code)
    return order


def _order(connection: Runs, statement: Select[Any], asked: dict[str, Any]) -> _Order | None:
    row = connection.execute(statement, asked).fetchone()
    if row is None:
        return None
    code, customer_id, do_not_call_ms, manager_id, *work = row
    return _Order(code, customer_id, do_not_call_ms, manager_id, as_work(work))


def _call(connection: Runs, call_id: str) -> _Call | None:
    row = connection.execute(_CALL, {"call_id": call_id}).fetchone()
    return None if row is None else _Call(*row)


def _call_of(connection: Runs, code: str, said: Said) -> _Call | None:
    """The call that the outcome came of: of this order, and of this manager unless they see everybody's."""
    if said.call_id is None:
        return None
    call = _call(connection, said.call_id)
    if call is None or call.order_code != code or said.sees not in (None, call.manager_id):
        raise UnknownCall
    return call


def _take_back_what_was_of(
    connection: Connection, customer_id: int, code: str, call_id: str | None, now_ms: int
) -> None:
    """Undo what came of this call before, if it is the last that was said of the order."""
    latest = connection.execute(_LATEST, {"code": code}).one_or_none()
    if latest is not None and call_id is not None and latest.call_id == call_id:
        _take_back(connection, customer_id, latest, now_ms)


def _leave_customer_alone(
    connection: Connection, order: _Order, outcome: Outcome, now_ms: int
) -> dict[str, Work]:
    """If that is what was said; returns the other orders that nobody is to call about any more."""
    if outcome is not Outcome.DO_NOT_CALL:
        return {}
    done_with = _other_orders(connection, order)
    done_with |= left_without(connection, numbers_of(connection, order.customer_id))
    connection.execute(_SET_DO_NOT_CALL, {"customer_id": order.customer_id, "since_ms": now_ms})
    return done_with


def _apply(
    connection: Runs,
    order: _Order,
    came: Came,
    now_ms: int,
    call_back_ms: int | None = None,
    call: _Call | None = None,
    done_with: dict[str, Work] | None = None,
) -> _Before:
    """Make of the order, and of all that it concerns, what came of the call; returns what was before.

    It makes the same of the orders that are done with besides.
    """
    concerned = {order.code: order.work} | (done_with or {})
    worths = _tell_of_contact(connection, order.code, came, call, now_ms)
    works = {code: after(work, came, now_ms, call_back_ms) for code, work in concerned.items()}
    if came in SPOKEN and came is not Outcome.DO_NOT_CALL:
        # Customers call about no order in particular: who has been spoken with is called back for none.
        others = _other_orders(connection, order)
        waited = {code: work for code, work in others.items() if work.why is Why.CUSTOMER_CALLED}
        concerned |= waited
        works |= {code: after(work, Result.TALKED, now_ms) for code, work in waited.items()}
    set_work(connection, works)
    return _Before.of(concerned, worths, order.do_not_call_ms)


def _other_orders(connection: Runs, order: _Order) -> dict[str, Work]:
    """The customer's other open orders."""
    cursor = connection.execute(_OPEN_ORDERS_OF, {"customer_id": order.customer_id})
    works = {}
    while (row := cursor.fetchone()) is not None:
        works[row[0]] = as_work(row[1:])
    works.pop(order.code, None)
    return works


def _tell_of_contact(
    connection: Runs, code: str, came: Came, call: _Call | None, now_ms: int
) -> dict[int, Worth]:
    """Let the call tell of the contact that it went to; returns what that was, if it is another now.

    Without a call, a wrong number is the one that would have been dialled.
    """
    contact_id = None if call is None else call.contact_id
    if contact_id is None and came is Outcome.WRONG_NUMBER:
        next_one = connection.execute(_NEXT_CONTACT, {"code": code}).fetchone()
        contact_id = None if next_one is None else next_one[0]
    if contact_id is None:
        return {}
    answered = call is not None and call.answered_ms is not None
    before = let_call_tell(connection, contact_id, came, now_ms, answered=answered)
    return {} if before is None else {contact_id: before}


def _take_back(connection: Connection, customer_id: int, outcome: Any, now_ms: int) -> None:
    """Let everything be as it was before an outcome; what was asked with it is asked no more."""
    before = _Before.read(outcome.before)
    set_work(connection, before.orders)
    for contact_id, standing in before.standings.items():
        worth = Worth(Standing(standing), before.invalid_in_a_row.get(contact_id, 0))
        set_worth(connection, contact_id, worth, now_ms)
    connection.execute(_SET_DO_NOT_CALL, {"customer_id": customer_id, "since_ms": before.do_not_call_ms})
    take_back_requests(connection, outcome.id)
    connection.execute(_UNDONE, {"outcome_id": outcome.id, "now_ms": now_ms})


async def leave_alone(db: Database, call_id: str, *, actor: str, now_ms: int) -> Recorded:
    """Let the customer of a call be called no more, as its manager says. Raises UnknownCall, UnknownOrder."""
    async with db.write() as connection:
        return await connection.run_sync(_leave_alone, audit_pen(connection), call_id, actor, now_ms)


def _leave_alone(connection: Connection, pen: Pen, call_id: str, actor: str, now_ms: int) -> Recorded:
    call = _call(connection, call_id)
    if call is None or call.manager_id is None:
        raise UnknownCall
    said = Said(Outcome.DO_NOT_CALL, None, call_id, call.manager_id, sees=None, actor=actor)
    return _record(connection, pen, call.order_code, said, now_ms)


async def undo_outcome(
    db: Database, outcome_id: int, *, manager_id: int, actor: str, now_ms: int
) -> Recorded:
    """Make one's own outcome undone.

    Raises UnknownOutcome, and TooLateToUndo where it is too old, or something else was said since.
    """
    async with db.write() as connection:
        return await connection.run_sync(_undo, audit_pen(connection), outcome_id, manager_id, actor, now_ms)


def _undo(
    connection: Connection, pen: Pen, outcome_id: int, manager_id: int, actor: str, now_ms: int
) -> Recorded:
    asked = {"outcome_id": outcome_id, "manager_id": manager_id}
    said = connection.execute(_TO_UNDO, asked).one_or_none()
    if said is None:
        raise UnknownOutcome(outcome_id)
    code: str = said.order_code
    latest = connection.execute(_LATEST, {"code": code}).one()
    if now_ms - said.at_ms > UNDO_MS or latest.id != outcome_id:
        raise TooLateToUndo(outcome_id)
    order = _order(connection, _ORDER_OF_CALL, {"code": code})
    assert order is not None  # noqa: S101 - something was said of it
    _take_back(connection, order.customer_id, said, now_ms)
    add_entry(
        connection,
        pen,
        AuditEntry(now_ms, actor, "outcome-undo", f"order {code}", said.outcome),
    )
    tell_outcome(connection, outcome_id, now_ms, undone=True)
    return Recorded(outcome_id, code, said.outcome, order.manager_id)


async def count_result(db: Database, call_id: str, result: Result, now_ms: int) -> Recorded | None:
    """Let a call of which nobody has said what came of it count by its result; None if it changes nothing."""
    return await db.write_in_one_trip(_count, call_id, result, now_ms)


def _count(connection: Runs, call_id: str, result: Result, now_ms: int) -> Recorded | None:
    call = _call(connection, call_id)
    if call is None or call.manager_id is None:
        return None
    if connection.execute(_HAS_ONE, {"call_id": call_id}).fetchone() != (0,):
        return None
    order = _order(connection, _ORDER_OF_CALL, {"code": call.order_code})
    if order is None:
        return None
    if after(order.work, result, now_ms) != order.work:
        before = _apply(connection, order, result, now_ms, call=call)
    else:
        worths = _tell_of_contact(connection, order.code, result, call, now_ms)
        if not worths:
            return None
        before = _Before.of({order.code: order.work}, worths, order.do_not_call_ms)
    values = {
        "order_code": call.order_code,
        "manager_id": call.manager_id,
        "call_id": call_id,
        "outcome": result.value,
        "at_ms": now_ms,
        "by_result": 1,
        "before": before.written(),
    }
    outcome_id = _add(connection, values)
    tell_outcome(connection, outcome_id, now_ms)
    return Recorded(outcome_id, order.code, result.value, order.manager_id)
