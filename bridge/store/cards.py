"""An order as whoever works on it sees it: all there is to know, but for the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, not_, or_, select

from bridge.calls.model import Result
from bridge.rules import TimeRange
from bridge.rules.reading import HOUR_MS, MINUTE_MS, Pace, wait_ms
from bridge.rules.worklist import Why, Work
from bridge.store.database import Database
from bridge.store.errors import UnknownOrder
from bridge.store.lanes import Session
from bridge.store.records import DAY_MS, UNSEEN_REPAIR, place_to_dial
from bridge.store.schema import (
    assignments,
    calls,
    card_reads,
    contacts,
    customers,
    managers,
    notes,
    orders,
    outcomes,
    texts,
    voice_messages,
)
from bridge.store.texts import WHAT_BECAME_OF_IT
from bridge.store.worklist import visible, whose

KEPT_MS: Final = 90 * DAY_MS
"""How long it is known who opened which order."""

_PRUNED_AT_ONCE: Final = 20
_MOST_OF_THE_PAST: Final = 100
"""Calls, outcomes, notes and other orders, each: the newest."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody opens an order. `sees` is whose customers they may see, None for everybody's."""

    code: str
    manager_id: int
    sees: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class CardContact:
    """`place` is that in the order of trying, None if it may not be dialled. `never`: a supervisor's word.

    `hint`: why it may be mistyped, a word of `bridge.rules.doubts`. `hours`: when it is called, None for any;
    `language`: what is spoken there, None for the customer's.
    """

    id: int
    label: str | None
    line_type: str
    region: str
    standing: str
    created_ms: int
    timezone: str | None
    place: int | None
    hint: str | None
    never: bool
    proposed: bool
    hours: TimeRange | None
    language: str | None


@dataclass(frozen=True, slots=True)
class CardCall:
    id: str
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    result: str | None
    manager_name: str | None
    contact_id: int | None


@dataclass(frozen=True, slots=True)
class CardMessage:
    """What the customer has said, and when somebody has first listened to it."""

    id: str
    at_ms: int
    seconds: int
    heard_ms: int | None


@dataclass(frozen=True, slots=True)
class CardOutcome:
    id: int
    at_ms: int
    outcome: str
    call_back_ms: int | None
    manager_id: int
    manager_name: str
    call_id: str | None
    undone: bool


@dataclass(frozen=True, slots=True)
class CardText:
    """`outcome`: waiting, sent or failed."""

    id: int
    at_ms: int
    template: str
    outcome: str
    manager_name: str | None


@dataclass(frozen=True, slots=True)
class CardNote:
    id: int
    text: str
    created_ms: int
    changed_ms: int
    manager_id: int
    manager_name: str


@dataclass(frozen=True, slots=True)
class CardOrder:
    code: str
    summary: str
    state: str


@dataclass(frozen=True, slots=True)
class CardView:
    code: str
    customer_id: int
    customer_name: str
    language: str | None
    summary: str
    items: tuple[str, ...]
    work: Work
    created_ms: int
    do_not_call: bool
    manager_name: str | None
    manager_extension: str | None
    contacts: tuple[CardContact, ...]
    calls: tuple[CardCall, ...]
    outcomes: tuple[CardOutcome, ...]
    texts: tuple[CardText, ...]
    notes: tuple[CardNote, ...]
    other_orders: tuple[CardOrder, ...]
    messages: tuple[CardMessage, ...]

    @property
    def timezone(self) -> str | None:
        """That of the contact which is dialled if none is chosen."""
        return next((contact.timezone for contact in self.contacts if contact.place == 1), None)


_assigned: Final = orders.outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id)
_VISIBLE: Final = select(orders.c.code).select_from(_assigned).where(visible())
_CARD: Final = (
    select(
        orders.c.code,
        customers.c.name,
        customers.c.language,
        orders.c.summary,
        orders.c["items"],
        orders.c.state,
        orders.c.why,
        orders.c.attempts,
        orders.c.due_ms,
        orders.c.priority,
        orders.c.created_ms,
        customers.c.do_not_call_ms,
        managers.c.name,
        managers.c.extension,
        orders.c.customer_id,
    )
    .select_from(
        _assigned.join(customers, customers.c.id == orders.c.customer_id).outerjoin(
            managers, managers.c.id == assignments.c.manager_id
        )
    )
    .where(visible())
)
_CONTACTS: Final = (
    select(
        contacts.c.id,
        contacts.c.label,
        contacts.c.line_type,
        contacts.c.region,
        contacts.c.standing,
        contacts.c.created_ms,
        contacts.c.timezone,
        place_to_dial(),
        contacts.c.hint,
        contacts.c.never_ms,
        contacts.c.proposed_ms,
        contacts.c.call_from,
        contacts.c.call_until,
        contacts.c.language,
    )
    .where(contacts.c.customer_id == bindparam("customer_id"), not_(UNSEEN_REPAIR))
    .order_by(contacts.c.position, contacts.c.id.desc())
)
_CALLS: Final = (
    select(
        calls.c.id,
        calls.c.started_ms,
        calls.c.answered_ms,
        calls.c.ended_ms,
        calls.c.result,
        managers.c.name,
        calls.c.contact_id,
    )
    .select_from(calls.outerjoin(managers, managers.c.id == calls.c.manager_id))
    .where(
        calls.c.order_code == bindparam("code"),
        or_(calls.c.result.is_(None), calls.c.result != Result.REFUSED.value),
    )
    .order_by(calls.c.started_ms.desc(), calls.c.id)
    .limit(_MOST_OF_THE_PAST)
)
_OUTCOMES: Final = (
    select(
        outcomes.c.id,
        outcomes.c.at_ms,
        outcomes.c.outcome,
        outcomes.c.call_back_ms,
        outcomes.c.manager_id,
        managers.c.name,
        outcomes.c.call_id,
        outcomes.c.undone_ms,
    )
    .join_from(outcomes, managers)
    .where(outcomes.c.order_code == bindparam("code"), outcomes.c.by_result == 0)
    .order_by(outcomes.c.id.desc())
    .limit(_MOST_OF_THE_PAST)
)
_TEXTS: Final = (
    select(
        texts.c.id,
        texts.c.at_ms,
        texts.c.template,
        WHAT_BECAME_OF_IT,
        managers.c.name,
    )
    .select_from(texts.outerjoin(managers, managers.c.id == texts.c.manager_id))
    .where(texts.c.order_code == bindparam("code"))
    .order_by(texts.c.id.desc())
    .limit(_MOST_OF_THE_PAST)
)
_NOTES: Final = (
    select(
        notes.c.id,
        notes.c.text,
        notes.c.created_ms,
        notes.c.changed_ms,
        notes.c.manager_id,
        managers.c.name,
    )
    .join_from(notes, managers)
    .where(notes.c.order_code == bindparam("code"))
    .order_by(notes.c.id.desc())
    .limit(_MOST_OF_THE_PAST)
)
_OTHER_ORDERS: Final = (
    select(orders.c.code, orders.c.summary, orders.c.state)
    .where(orders.c.customer_id == bindparam("customer_id"), orders.c.code != bindparam("code"))
    .order_by(orders.c.created_ms.desc(), orders.c.code)
    .limit(_MOST_OF_THE_PAST)
)
_MESSAGES: Final = (
    select(voice_messages.c.id, voice_messages.c.at_ms, voice_messages.c.seconds, voice_messages.c.heard_ms)
    .where(
        voice_messages.c.order_code == bindparam("code"),
        voice_messages.c.customer_id == bindparam("customer_id"),
        voice_messages.c.sealed.is_not(None),
    )
    .order_by(voice_messages.c.at_ms.desc())
    .limit(_MOST_OF_THE_PAST)
)
_READ_LATELY: Final = (
    select(card_reads.c.order_code, func.max(card_reads.c.at_ms))
    .where(card_reads.c.manager_id == bindparam("manager_id"), card_reads.c.at_ms > bindparam("since_ms"))
    .group_by(card_reads.c.order_code)
)
_ADD_READ: Final = insert(card_reads)
_oldest: Final = select(card_reads.c.id).order_by(card_reads.c.id).limit(_PRUNED_AT_ONCE)
_PRUNE: Final = delete(card_reads).where(
    card_reads.c.id.in_(_oldest), card_reads.c.at_ms < bindparam("before_ms")
)


_NAMES: Final = select(
    select(customers.c.name)
    .join_from(orders, customers)
    .where(orders.c.code == bindparam("code"))
    .scalar_subquery(),
    select(managers.c.name).where(managers.c.extension == bindparam("extension")).scalar_subquery(),
)


async def note_reading(db: Database, reading: Reading, pace: Pace) -> int:
    """Put it on record that somebody opens an order; returns for how long (ms) they may not open it yet.

    0 means that they may. Raises UnknownOrder, where there is none that they may see.
    """
    if await db.snapshot_in_one_trip(_was_just_read, reading):
        return 0
    # Asked and written under the write lock: of many requests at once, each sees those before it.
    return await db.write_in_one_trip(_note_reading, reading, pace)


def _was_just_read(session: Session, reading: Reading) -> bool:
    """Whether it is on record already: whoever works on an order has it shown again and again."""
    order = {"code": reading.code} | whose(reading.sees)
    if session.execute(_VISIBLE, order).fetchone() is None:
        raise UnknownOrder(reading.code)
    return reading.at_ms - _lately(session, reading).get(reading.code, 0) <= MINUTE_MS


def _note_reading(session: Session, reading: Reading, pace: Pace) -> int:
    lately = _lately(session, reading)
    wait = wait_ms(lately, reading.code, reading.at_ms, pace)
    if wait == 0 and reading.at_ms - lately.get(reading.code, 0) > MINUTE_MS:
        values = {"manager_id": reading.manager_id, "order_code": reading.code, "at_ms": reading.at_ms}
        session.execute(_ADD_READ, values)
        session.execute(_PRUNE, {"before_ms": reading.at_ms - KEPT_MS})  # the oldest make room
    return wait


def _lately(session: Session, reading: Reading) -> dict[str, int]:
    since = {"manager_id": reading.manager_id, "since_ms": reading.at_ms - HOUR_MS}
    return dict(session.execute(_READ_LATELY, since).fetchall())


async def card(db: Database, code: str, *, sees: int | None) -> CardView:
    """Raises UnknownOrder, where there is none that may be seen."""
    return await db.snapshot_in_one_trip(_read_card, code, sees)


def _read_card(session: Session, code: str, sees: int | None) -> CardView:
    row = session.execute(_CARD, {"code": code} | whose(sees)).fetchone()
    if row is None:
        raise UnknownOrder(code)
    _, customer_name, language, summary, items, *work, created_ms, do_not_call_ms = row[:12]
    manager_name, manager_extension, customer_id = row[12:]
    state, why, attempts, due_ms, priority = work
    of = {"code": code, "customer_id": customer_id}
    return CardView(
        code=code,
        customer_id=customer_id,
        customer_name=customer_name,
        language=language,
        summary=summary,
        items=tuple(line for line in items.splitlines() if line),
        work=Work(state, Why(why), attempts, due_ms, priority),
        created_ms=created_ms,
        do_not_call=do_not_call_ms is not None,
        manager_name=manager_name,
        manager_extension=manager_extension,
        contacts=tuple(_contact(row) for row in session.execute(_CONTACTS, of)),
        calls=tuple(CardCall(*each) for each in session.execute(_CALLS, of)),
        outcomes=tuple(CardOutcome(*_ending_in_whether(row)) for row in session.execute(_OUTCOMES, of)),
        texts=tuple(CardText(*each) for each in session.execute(_TEXTS, of)),
        notes=tuple(CardNote(*each) for each in session.execute(_NOTES, of)),
        other_orders=tuple(CardOrder(*each) for each in session.execute(_OTHER_ORDERS, of)),
        messages=tuple(CardMessage(*each) for each in session.execute(_MESSAGES, of)),
    )


def _contact(row: Sequence[Any]) -> CardContact:
    """Of a row that ends in the times when it was marked and proposed, its hours, and its language."""
    *known, never_ms, proposed_ms, start, end, language = row
    hours = None if start is None else TimeRange(start, end)
    columns: list[Any] = [*known, never_ms is not None, proposed_ms is not None, hours, language]
    return CardContact(*columns)


def _ending_in_whether(row: Sequence[Any]) -> tuple[Any, ...]:
    """The row with its last column, a time, as whether there is one."""
    *columns, at_ms = row
    return (*columns, at_ms is not None)


async def names_of_call(db: Database, code: str, extension: str) -> tuple[str, str]:
    """The customer's name and the manager's; where there is none, nothing and the extension."""
    async with db.read() as connection:
        row = await connection.execute(_NAMES, {"code": code, "extension": extension})
        customer_name, manager_name = row.one()
    return customer_name or "", manager_name or extension
