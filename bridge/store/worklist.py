"""The queue: what is to be called, in its order, of one manager's customers or of all.

Theory of operation
-------------------
What comes first changes with the clock alone: a call back becomes due. So the queue has parts
(`bridge.rules.worklist.Part`), each of which some index has in its order, and a page is read from one part
after the other. Of a manager's customers the orders are found customer by customer in one covering index, and
put in order: as many as the manager has. Of everybody's they are walked in the order of another.

A page's last row is the next page's cursor, so that page 100 costs what page 1 costs; with it goes the moment
at which the first page was asked for, so that nothing moves from part to part between two pages.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final, Self

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from bridge.calls.model import Result
from bridge.rules.worklist import Part, Why, Work, place_of
from bridge.store.database import Database
from bridge.store.folding import folded
from bridge.store.lanes import Session
from bridge.store.records import contacts_to_dial
from bridge.store.schema import (
    assignments,
    calls,
    contacts,
    customers,
    managers,
    orders,
    outcomes,
    voice_messages,
)

_MOST_WORDS: Final = 4
"""Of a name that is searched for: those beyond are not looked for."""

_FEW: Final = 1000

_MOST_CUSTOMERS_FOUND: Final = 1000
"""The newest: who looks for something that so many names have has not finished typing."""

_BEFORE_ALL: Final = -(2**62)


class Filter(StrEnum):
    """What of the queue is shown."""

    TO_CALL = "to-call"
    DUE = "due"
    NEW = "new"
    NO_ANSWER = "no-answer"
    LATER = "later"
    DONE = "done"
    ALL = "all"


_PARTS_OF: Final = {
    Filter.TO_CALL: (Part.DUE, Part.NOW),
    Filter.DUE: (Part.DUE,),
    Filter.NEW: (Part.NOW,),
    Filter.NO_ANSWER: (Part.NOW,),
    Filter.LATER: (Part.LATER,),
    Filter.DONE: (Part.DONE,),
    Filter.ALL: tuple(Part),
}
_ONE_REASON: Final = {Filter.NEW: Why.NEW, Filter.NO_ANSWER: Why.NO_ANSWER}


class CursorUnusable(ValueError):
    """A cursor that no page has given."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind which order a page begins; `at_ms` is when the first one was asked for."""

    at_ms: int
    part: Part
    first: int = _BEFORE_ALL
    second: int = _BEFORE_ALL
    code: str = ""

    def __str__(self) -> str:
        return f"{self.at_ms}.{self.part.value}.{self.first}.{self.second}.{self.code}"

    @classmethod
    def read(cls, written: str) -> Self:
        """Raises CursorUnusable."""
        try:
            at_ms, part, first, second, code = written.split(".")
            return cls(_whole(at_ms), Part(part), _whole(first), _whole(second), code)
        except ValueError:
            unusable = CursorUnusable()
        raise unusable


def _whole(digits: str) -> int:
    """Raises ValueError, for what SQLite could not take either."""
    value = int(digits)
    if not _BEFORE_ALL <= value <= -_BEFORE_ALL:
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class QueueLine:
    """An order in the queue. `reachable`: its customer has a number that may be dialled.

    `timezone` is that of this number. `unheard`: they have left a message that nobody has listened to.
    """

    code: str
    customer_id: int
    customer_name: str
    summary: str
    work: Work
    created_ms: int
    manager_name: str | None
    timezone: str | None
    reachable: bool
    last_outcome: str | None
    last_call_ms: int | None
    unheard: bool

    def cursor(self, at_ms: int) -> Cursor:
        part, first, second = place_of(self.work, self.created_ms, at_ms)
        return Cursor(at_ms, part, first, second, self.code)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders wait, by what for."""

    due: int
    new: int
    no_answer: int
    later: int
    done: int


# --- a page ---


@dataclass(frozen=True, slots=True)
class _PartOfQueue:
    """Which orders belong to a part, from where on a page of it is looked for, and in what order.

    Where an index has the part in its order, the conditions are its own, letter by letter.
    """

    belongs: ColumnElement[bool]
    begins: ColumnElement[bool]
    keys: tuple[ColumnElement[Any], ColumnElement[Any]]
    order: tuple[ColumnElement[Any], ...]


_now: Final = bindparam("at_ms", type_=orders.c.due_ms.type)
_first: Final = bindparam("first", type_=orders.c.due_ms.type)


def _as_in_index(condition: str) -> ColumnElement[Any]:
    """A partial index is used where its own condition is found in the statement, values and all."""
    return literal_column(condition)


_QUEUE: Final = {
    Part.DUE: _PartOfQueue(
        belongs=and_(_as_in_index("orders.why IN ('call-back', 'customer-called')"), orders.c.due_ms <= _now),
        begins=orders.c.priority <= -_first,
        keys=(-orders.c.priority, orders.c.due_ms),
        order=(orders.c.priority.desc(), orders.c.due_ms),
    ),
    Part.NOW: _PartOfQueue(
        belongs=and_(
            _as_in_index("orders.why IN ('new', 'no-answer')"),
            or_(orders.c.due_ms.is_(None), orders.c.due_ms <= _now),
        ),
        begins=orders.c.priority <= -_first,
        keys=(-orders.c.priority, orders.c.created_ms),
        order=(orders.c.priority.desc(), orders.c.created_ms),
    ),
    Part.LATER: _PartOfQueue(
        belongs=and_(orders.c.due_ms > _now, orders.c.why != Why.DONE.value),
        begins=orders.c.due_ms >= _first,
        keys=(orders.c.due_ms, literal(0)),
        order=(orders.c.due_ms,),
    ),
    Part.DONE: _PartOfQueue(
        belongs=_as_in_index("orders.why = 'done'"),
        begins=orders.c.created_ms <= -_first,
        keys=(-orders.c.created_ms, literal(0)),
        order=(orders.c.created_ms.desc(),),
    ),
}


def _each_of(parameter: str) -> Select[Any]:
    """The values of a parameter that is a JSON array: SQLite has no parameters that are lists."""
    return select(func.json_each(bindparam(parameter)).table_valued("value").c.value)


class _Sought(StrEnum):
    ANYTHING = "anything"
    CODE = "code"
    FEW_CODES = "few-codes"
    """The same, where few orders have such a code: these are looked at, and no part as a whole."""
    NAME = "name"


_WORDS: Final = tuple(f"word_{place}" for place in range(_MOST_WORDS))
_has_words: Final = and_(*(func.instr(customers.c.folded, bindparam(word)) > 0 for word in _WORDS))


_EVERYBODY_FOUND: Final = (
    select(customers.c.id).where(_has_words).order_by(customers.c.id.desc()).limit(_MOST_CUSTOMERS_FOUND)
)
_OWN_FOUND: Final = (
    select(customers.c.id)
    .join_from(assignments, customers, customers.c.id == assignments.c.customer_id)
    .where(assignments.c.manager_id == bindparam("manager_id"), _has_words)
    .order_by(customers.c.id.desc())
    .limit(_MOST_CUSTOMERS_FOUND)
)


_has_code: Final = and_(orders.c.code >= bindparam("from"), orders.c.code < bindparam("to"))
_CODES_FOUND: Final = select(orders.c.code).where(_has_code).limit(_FEW + 1)


@cache
def _page(part: Part, sought: _Sought, *, everybody: bool) -> Select[Any]:
    """The codes are found and put in order first, from an index; then what is shown of each is looked up."""
    queue = _QUEUE[part]
    keys = tuple_(*queue.keys, orders.c.code)
    cursor = tuple_(_first, bindparam("second"), bindparam("code"))
    found = (
        select(orders.c.code)
        .where(queue.belongs, queue.begins, keys > cursor)
        .where(or_(bindparam("why") == "", orders.c.why == bindparam("why")))
        .order_by(*queue.order, orders.c.code)
        .limit(bindparam("limit"))
    )
    if not everybody:
        # The plus has SQLite begin with the few orders, and not with all of the manager's customers.
        customer_id: ColumnElement[int] = literal_column(
            "+orders.customer_id" if sought is _Sought.FEW_CODES else "orders.customer_id"
        )
        found = found.join_from(orders, assignments, assignments.c.customer_id == customer_id).where(
            assignments.c.manager_id == bindparam("manager_id")
        )
    match sought:
        case _Sought.CODE:
            found = found.where(_has_code)
        case _Sought.FEW_CODES:
            found = found.where(orders.c.code.in_(_each_of("codes")))
        case _Sought.NAME:
            found = found.where(orders.c.customer_id.in_(_each_of("customer_ids")))
    return _shown().where(orders.c.code.in_(found)).order_by(*queue.order, orders.c.code)


def _shown() -> Select[Any]:
    dialled = contacts_to_dial(contacts.c.id).limit(1).correlate(orders).scalar_subquery()
    said = (
        select(outcomes.c.outcome)
        .where(
            outcomes.c.order_code == orders.c.code,
            outcomes.c.undone_ms.is_(None),
            outcomes.c.by_result == 0,
        )
        .order_by(outcomes.c.id.desc())
        .limit(1)
        .correlate(orders)
        .scalar_subquery()
    )
    called = (
        select(func.max(calls.c.started_ms))
        .where(calls.c.order_code == orders.c.code, _was_placed())
        .correlate(orders)
        .scalar_subquery()
    )
    unheard = (
        select(voice_messages.c.id)
        .where(
            voice_messages.c.order_code == orders.c.code,
            voice_messages.c.customer_id == orders.c.customer_id,
            voice_messages.c.sealed.is_not(None),
            voice_messages.c.heard_ms.is_(None),
        )
        .correlate(orders)
        .exists()
    )
    return select(
        orders.c.code,
        orders.c.customer_id,
        customers.c.name,
        orders.c.summary,
        orders.c.state,
        orders.c.why,
        orders.c.attempts,
        orders.c.due_ms,
        orders.c.priority,
        orders.c.created_ms,
        managers.c.name,
        contacts.c.timezone,
        contacts.c.id,
        said,
        called,
        unheard,
    ).select_from(
        orders.join(customers, customers.c.id == orders.c.customer_id)
        .outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id)
        .outerjoin(managers, managers.c.id == assignments.c.manager_id)
        .outerjoin(contacts, contacts.c.id == dialled)
    )


def _was_placed() -> ColumnElement[bool]:
    """A call that the rules refused was none: its code may have been a guess."""
    return or_(calls.c.result.is_(None), calls.c.result != Result.REFUSED.value)


@dataclass(frozen=True, slots=True)
class Page:
    lines: list[QueueLine]
    next: Cursor | None


async def queue_page(
    db: Database,
    shown: Filter,
    *,
    manager_id: int | None,
    sought: str = "",
    start: Cursor,
    limit: int,
) -> Page:
    """A page of the queue from `start` on: of one manager's customers, or of all with None.

    `sought` is the beginning of a code, or parts of a name.
    """
    parameters: dict[str, Any] = {"at_ms": start.at_ms, "why": _ONE_REASON.get(shown, "")}
    by = _sought(sought, parameters)
    if manager_id is not None:
        parameters["manager_id"] = manager_id
    # One more tells whether there is a next page.
    lines = await db.snapshot_in_one_trip(_read_lines, _PARTS_OF[shown], by, parameters, start, limit + 1)
    has_more = len(lines) > limit
    return Page(lines[:limit], lines[limit - 1].cursor(start.at_ms) if has_more else None)


def _read_lines(
    session: Session,
    parts: tuple[Part, ...],
    by: _Sought,
    parameters: dict[str, Any],
    start: Cursor,
    most: int,
) -> list[QueueLine]:
    everybody = "manager_id" not in parameters
    if by is _Sought.NAME:  # names are looked through once, and not for each part
        found = session.execute(_EVERYBODY_FOUND if everybody else _OWN_FOUND, parameters).fetchall()
        parameters["customer_ids"] = json.dumps([customer_id for (customer_id,) in found])
    if by is _Sought.CODE:
        found = session.execute(_CODES_FOUND, parameters).fetchall()
        if len(found) <= _FEW:
            by, parameters["codes"] = _Sought.FEW_CODES, json.dumps([code for (code,) in found])
    lines: list[QueueLine] = []
    for part in parts:
        cursor = _cursor_in(part, start)
        if cursor is None or len(lines) == most:
            continue
        wanted = {"first": cursor.first, "second": cursor.second, "code": cursor.code}
        wanted["limit"] = most - len(lines)
        rows = session.execute(_page(part, by, everybody=everybody), parameters | wanted)
        lines += [_line(row) for row in rows]
    return lines


def _cursor_in(part: Part, start: Cursor) -> Cursor | None:
    """Where a page that begins at `start` begins in this part; None where it is past it."""
    if part is start.part:
        return start
    parts = list(Part)
    return Cursor(start.at_ms, part) if parts.index(part) > parts.index(start.part) else None


def _sought(sought: str, parameters: dict[str, Any]) -> _Sought:
    """How to look for it; what for goes into the parameters."""
    words = folded(sought).split()
    if not words:
        return _Sought.ANYTHING
    if len(words) == 1 and words[0].isascii() and words[0].isdigit():
        parameters |= {"from": words[0], "to": words[0] + ":"}  # the colon comes after the nine
        return _Sought.CODE
    parameters |= dict.fromkeys(_WORDS, "") | dict(zip(_WORDS, words, strict=False))
    return _Sought.NAME


def _line(row: Any) -> QueueLine:
    code, customer_id, name, summary, state, why, attempts, due_ms, priority = row[:9]
    created_ms, manager_name, timezone, contact_id, last_outcome, last_call_ms, unheard = row[9:]
    return QueueLine(
        code=code,
        customer_id=customer_id,
        customer_name=name,
        summary=summary,
        work=Work(state, Why(why), attempts, due_ms, priority),
        created_ms=created_ms,
        manager_name=manager_name,
        timezone=timezone,
        reachable=contact_id is not None,
        last_outcome=last_outcome,
        last_call_ms=last_call_ms,
        unheard=bool(unheard),
    )


async def queue_line(db: Database, code: str, *, manager_id: int | None) -> QueueLine | None:
    """One order as the queue shows it; None where there is none, or it is of another's customer."""
    return await db.snapshot_in_one_trip(_read_line, {"code": code} | whose(manager_id))


def _read_line(session: Session, wanted: dict[str, Any]) -> QueueLine | None:
    row = session.execute(_ONE_LINE, wanted).fetchone()
    return None if row is None else _line(row)


def visible(code: Any = orders.c.code) -> ColumnElement[bool]:
    """That an order may be seen by the reader of `whose`. `orders` and `assignments` are in the statement."""
    return and_(
        code == bindparam("code"),
        or_(bindparam("everybody"), assignments.c.manager_id == bindparam("manager_id")),
    )


def whose(manager_id: int | None) -> dict[str, Any]:
    """Parameters of `visible`, for one manager or, with None, for somebody who sees everybody's."""
    return {"everybody": manager_id is None, "manager_id": manager_id}


_ONE_LINE: Final = _shown().where(visible())


# --- counts ---

_now_of: Final = or_(orders.c.due_ms.is_(None), orders.c.due_ms <= _now)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_COUNTS_OF_MANAGER: Final = (
    select(
        _sum(_QUEUE[Part.DUE].belongs),
        _sum(and_(orders.c.why == Why.NEW.value, _now_of)),
        _sum(and_(orders.c.why == Why.NO_ANSWER.value, _now_of)),
        _sum(_QUEUE[Part.LATER].belongs),
        _sum(_QUEUE[Part.DONE].belongs),
    )
    .join_from(assignments, orders, orders.c.customer_id == assignments.c.customer_id)
    .where(assignments.c.manager_id == bindparam("manager_id"))
)


# Of each index that the parts are read from, once. No row of the table is read.
_timed: Final = (
    select(_sum(_QUEUE[Part.DUE].belongs).label("due"), _sum(_QUEUE[Part.LATER].belongs).label("later"))
    .where(orders.c.due_ms.is_not(None))
    .subquery("timed")
)
_to_call: Final = (
    select(
        _sum(orders.c.why == Why.NEW.value).label("new"),
        _sum(orders.c.why == Why.NO_ANSWER.value).label("no_answer"),
    )
    .where(_QUEUE[Part.NOW].belongs)
    .subquery("to_call")
)
_done: Final = (
    select(func.count().label("done")).select_from(orders).where(_QUEUE[Part.DONE].belongs).subquery("done")
)
_COUNTS: Final = select(
    _timed.c.due, _to_call.c.new, _to_call.c.no_answer, _timed.c.later, _done.c.done
).select_from(_timed.join(_to_call, literal(True)).join(_done, literal(True)))


async def queue_counts(db: Database, now_ms: int, *, manager_id: int | None) -> Counts:
    """How many orders wait in each part: of one manager's customers, or of all with None."""
    parameters = {"at_ms": now_ms}
    if manager_id is None:
        return await db.snapshot_in_one_trip(_count, _COUNTS, parameters)
    return await db.snapshot_in_one_trip(_count, _COUNTS_OF_MANAGER, parameters | {"manager_id": manager_id})


def _count(session: Session, counts: Executable, parameters: dict[str, Any]) -> Counts:
    row = session.execute(counts, parameters).fetchone()
    return Counts(*row)


# --- who is busy ---

_CUSTOMERS_OF: Final = select(orders.c.code, orders.c.customer_id).where(orders.c.code.in_(_each_of("codes")))


async def customers_of(db: Database, codes: Collection[str]) -> dict[str, int]:
    """The customers of these orders, by code."""
    if not codes:
        return {}
    return await db.snapshot_in_one_trip(_read_customers, json.dumps(list(codes)))


def _read_customers(session: Session, codes: str) -> dict[str, int]:
    return dict(session.execute(_CUSTOMERS_OF, {"codes": codes}).fetchall())
