"""Text messages to customers: asked for, sent, and what became of them. A row has no words and no number.

An attempt is on record before the number is opened for it, and what came of it afterwards: a daemon that
starts knows of each text whether it was taken, is still to be sent, or may have been taken.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, bindparam, case, func, insert, not_, or_, select, update
from sqlalchemy.engine import Connection, Row

from bridge.rules.policy import Policy
from bridge.rules.texts import TextContact, TextFacts, TextRefusal, contact_for_text
from bridge.store.audit import AuditEntry, add_entry, write_entry
from bridge.store.audit_chain import Pen
from bridge.store.database import Database, audit_pen
from bridge.store.errors import TextNotGivenUp, UnknownOrder
from bridge.store.records import (
    DAY_MS,
    FIT_TO_DIAL,
    IN_THE_ORDER_OF_TRYING,
    MAY_BE_DIALLED,
    SEALED_CONTACT_COLUMNS,
    SealedContact,
)
from bridge.store.schema import assignments, calls, contacts, customers, orders, texts
from bridge.store.worklist import visible, whose

_LETTERS_OF_AN_ID: Final = 20

DAEMON: Final = "daemon"


class TextRefused(Exception):
    """The rules say no."""

    def __init__(self, refusal: TextRefusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class TextAsked:
    """A manager asks for a text. `sees` is whose customers they may see, None for everybody's."""

    code: str
    template: str
    manager_id: int
    sees: int | None
    actor: str


@dataclass(frozen=True, slots=True)
class TextToSend:
    """A text that is due. `contact` is None where nothing may be sent there any more.

    `unanswered`: it was sent before, and the daemon of that time has not lived to hear what came of it.
    """

    id: int
    message_id: str
    order_code: str
    template: str
    language: str | None
    at_ms: int
    attempts: int
    unanswered: bool
    contact: SealedContact | None


@dataclass(frozen=True, slots=True)
class TextLine:
    """A text as it is listed. `outcome`: waiting, sent or failed; `answer`: what came of the last attempt."""

    id: int
    order_code: str
    template: str
    at_ms: int
    outcome: str
    attempts: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class CallToFollow:
    """A call after which its customer may be sent a text by itself."""

    id: str
    order_code: str
    contact_id: int
    result: str


_ORDER: Final = (
    select(
        orders.c.code,
        orders.c.customer_id,
        customers.c.do_not_call_ms.is_not(None).label("do_not_call"),
        customers.c.data_key.is_not(None).label("is_there"),
    )
    .select_from(
        orders.join(customers, customers.c.id == orders.c.customer_id).outerjoin(
            assignments, assignments.c.customer_id == orders.c.customer_id
        )
    )
    .where(visible())
)
_CONTACTS: Final = (
    select(contacts.c.id, contacts.c.region, contacts.c.line_type, MAY_BE_DIALLED.label("wanted"))
    .where(contacts.c.customer_id == bindparam("customer_id"), FIT_TO_DIAL)
    .order_by(case((contacts.c.id == bindparam("first_id"), 0), else_=1), *IN_THE_ORDER_OF_TRYING)
)
_LATELY: Final = (
    select(func.count())
    .select_from(texts.join(contacts, contacts.c.id == texts.c.contact_id))
    .where(contacts.c.customer_id == bindparam("customer_id"), texts.c.at_ms > bindparam("since_ms"))
)
WHAT_BECAME_OF_IT: Final = case(
    (texts.c.sent_ms.is_not(None), "sent"), (texts.c.failed_ms.is_not(None), "failed"), else_="waiting"
)
_NEWEST: Final = (
    select(
        texts.c.id,
        texts.c.order_code,
        texts.c.template,
        texts.c.at_ms,
        WHAT_BECAME_OF_IT,
        texts.c.attempts,
        texts.c.answer,
    )
    .order_by(texts.c.id.desc())
    .limit(bindparam("most"))
)
_RETRY: Final = (
    update(texts)
    .where(texts.c.id == bindparam("text_id"), texts.c.failed_ms.is_not(None))
    .values(
        at_ms=bindparam("again_ms"), next_ms=bindparam("again_ms"), failed_ms=None, attempts=0, answer=None
    )
    .returning(texts.c.order_code, texts.c.template)
)
_ADD: Final = insert(texts)
_later: Final = calls.alias("later")
_laters_order: Final = orders.alias("laters_order")
# Without a contact it is a caller who is known by an order's code alone: that they are the customer, nobody
# knows. Who has been spoken with since, or is being called, is sent none.
_TO_FOLLOW: Final = (
    select(calls.c.id, calls.c.order_code, calls.c.contact_id, calls.c.result)
    .join_from(calls, orders, orders.c.code == calls.c.order_code)
    .where(
        calls.c.started_ms > bindparam("begun_since_ms"),
        calls.c.ended_ms > bindparam("since_ms"),
        calls.c.ended_ms <= bindparam("until_ms"),
        calls.c.result.in_(bindparam("results", expanding=True)),
        calls.c.contact_id.is_not(None),
        not_(select(texts.c.id).where(texts.c.call_id == calls.c.id).correlate(calls).exists()),
        not_(
            select(_later.c.id)
            .join_from(_later, _laters_order, _laters_order.c.code == _later.c.order_code)
            .where(
                _later.c.started_ms > calls.c.started_ms,
                _laters_order.c.customer_id == orders.c.customer_id,
                or_(_later.c.answered_ms.is_not(None), _later.c.ended_ms.is_(None)),
            )
            .correlate(calls, orders)
            .exists()
        ),
    )
    .order_by(calls.c.ended_ms, calls.c.id)
)
_IS_FOLLOWED: Final = select(
    select(texts.c.id)
    .join_from(texts, contacts, contacts.c.id == texts.c.contact_id)
    .where(
        contacts.c.customer_id == bindparam("customer_id"),
        texts.c.template == bindparam("template"),
        texts.c.at_ms > bindparam("since_ms"),
    )
    .exists()
    | select(texts.c.id).where(texts.c.call_id == bindparam("call_id")).exists()
)
_NEXT: Final = (
    select(
        texts.c.id,
        texts.c.message_id,
        texts.c.order_code,
        texts.c.template,
        func.coalesce(contacts.c.language, customers.c.language),
        texts.c.at_ms,
        texts.c.attempts,
        texts.c.begun_ms.is_not(None),
        and_(MAY_BE_DIALLED, customers.c.do_not_call_ms.is_(None), customers.c.data_key.is_not(None)),
        *SEALED_CONTACT_COLUMNS,
    )
    .select_from(
        texts.join(contacts, contacts.c.id == texts.c.contact_id).join(
            customers, customers.c.id == contacts.c.customer_id
        )
    )
    .where(texts.c.next_ms <= bindparam("now_ms"))
    .order_by(texts.c.next_ms, texts.c.id)
    .limit(1)
)
_WAITS: Final = and_(texts.c.id == bindparam("text_id"), texts.c.next_ms.is_not(None))
_BEGIN: Final = (
    update(texts).where(_WAITS).values(attempts=texts.c.attempts + 1, begun_ms=bindparam("at_ms_of_it"))
)
_SENT: Final = (
    update(texts)
    .where(_WAITS)
    .values(next_ms=None, begun_ms=None, sent_ms=bindparam("at_ms_of_it"), answer=bindparam("said"))
)
_FAILED: Final = (
    update(texts)
    .where(_WAITS)
    .values(next_ms=None, begun_ms=None, failed_ms=bindparam("at_ms_of_it"), answer=bindparam("said"))
)
_LATER: Final = (
    update(texts).where(_WAITS).values(next_ms=bindparam("again_ms"), begun_ms=None, answer=bindparam("said"))
)


async def ask_for_text(
    db: Database, asked: TextAsked, policy: Policy, *, most_a_day: int, now_ms: int
) -> None:
    """Let it be sent, on record. Raises UnknownOrder for an order that they may not see, too; TextRefused."""
    async with db.write() as connection:
        await connection.run_sync(_ask, audit_pen(connection), asked, policy, most_a_day, now_ms)


def _ask(
    connection: Connection, pen: Pen, asked: TextAsked, policy: Policy, most_a_day: int, now_ms: int
) -> None:
    order = connection.execute(_ORDER, {"code": asked.code} | whose(asked.sees)).one_or_none()
    if order is None:
        raise UnknownOrder(asked.code)
    contact = contact_for_text(_facts(connection, order, None, now_ms), policy, most_a_day)
    if isinstance(contact, TextRefusal):
        raise TextRefused(contact)
    connection.execute(
        _ADD, _row(asked.code, contact, asked.template, now_ms) | {"manager_id": asked.manager_id}
    )
    add_entry(
        connection, pen, AuditEntry(now_ms, asked.actor, "text-ask", f"order {asked.code}", asked.template)
    )


def _facts(connection: Connection, order: Row[Any], first_id: int | None, now_ms: int) -> TextFacts:
    """Of an order's customer. The contact `first_id`, if it is one of theirs, is tried first."""
    of = {"customer_id": order.customer_id, "since_ms": now_ms - DAY_MS}
    found = connection.execute(_CONTACTS, of | {"first_id": first_id}) if order.is_there else ()
    return TextFacts(
        do_not_call=bool(order.do_not_call),
        contacts=[TextContact(id_, region, kind, bool(wanted)) for id_, region, kind, wanted in found],
        texts_last_day=connection.execute(_LATELY, of).scalar_one(),
    )


def _row(code: str, contact_id: int, template: str, now_ms: int) -> dict[str, Any]:
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(_LETTERS_OF_AN_ID))
    return {
        "message_id": letters,
        "contact_id": contact_id,
        "order_code": code,
        "template": template,
        "at_ms": now_ms,
        "next_ms": now_ms,
    }


async def calls_to_follow(
    db: Database, results: Collection[str], since_ms: int, until_ms: int
) -> list[CallToFollow]:
    """Calls with one of these results that ended in this time, after which no text was asked for."""
    span = {"since_ms": since_ms, "until_ms": until_ms, "begun_since_ms": since_ms - DAY_MS}
    async with db.read() as connection:
        found = await connection.execute(_TO_FOLLOW, span | {"results": list(results)})
        return [CallToFollow(*row) for row in found]


async def follow_call(
    db: Database, call: CallToFollow, template: str, policy: Policy, *, most_a_day: int, now_ms: int
) -> bool:
    """Let a text be sent after a call, on record; False where the rules say no.

    They do also where the customer was sent this template in the last day, whoever asked for it.
    """
    async with db.write() as connection:
        pen = audit_pen(connection)
        return await connection.run_sync(_follow, pen, call, template, policy, most_a_day, now_ms)


def _follow(
    connection: Connection,
    pen: Pen,
    call: CallToFollow,
    template: str,
    policy: Policy,
    most_a_day: int,
    now_ms: int,
) -> bool:
    order = connection.execute(_ORDER, {"code": call.order_code} | whose(None)).one_or_none()
    if order is None:
        return False
    told = {"customer_id": order.customer_id, "template": template, "call_id": call.id}
    if connection.execute(_IS_FOLLOWED, told | {"since_ms": now_ms - DAY_MS}).scalar_one():
        return False
    contact = contact_for_text(_facts(connection, order, call.contact_id, now_ms), policy, most_a_day)
    if isinstance(contact, TextRefusal):
        return False
    connection.execute(_ADD, _row(call.order_code, contact, template, now_ms) | {"call_id": call.id})
    add_entry(connection, pen, AuditEntry(now_ms, DAEMON, "text-ask", f"order {call.order_code}", template))
    return True


async def newest_texts(db: Database, limit: int) -> list[TextLine]:
    """The newest first."""
    async with db.read() as connection:
        return [TextLine(*row) for row in await connection.execute(_NEWEST, {"most": limit})]


async def retry_text(db: Database, text_id: int, *, actor: str, now_ms: int) -> None:
    """Let one be sent after all, as if it were asked for now, on record. Raises TextNotGivenUp."""
    async with db.write() as connection:
        found = await connection.execute(_RETRY, {"text_id": text_id, "again_ms": now_ms})
        text = found.one_or_none()
        if text is None:
            raise TextNotGivenUp(text_id)
        subject = f"order {text.order_code}"
        await write_entry(connection, AuditEntry(now_ms, actor, "text-retry", subject, text.template))


async def next_text(db: Database, now_ms: int) -> TextToSend | None:
    """The text that has been due for longest."""
    async with db.read() as connection:
        row = (await connection.execute(_NEXT, {"now_ms": now_ms})).one_or_none()
    return None if row is None else _as_text(row)


def _as_text(row: Sequence[Any]) -> TextToSend:
    id_, message_id, code, template, language, at_ms, attempts, unanswered, may_be_sent = row[:9]
    contact = SealedContact(*row[9:]) if may_be_sent else None
    return TextToSend(id_, message_id, code, template, language, at_ms, attempts, bool(unanswered), contact)


async def begin_attempt(db: Database, text: TextToSend, contact: SealedContact, now_ms: int) -> None:
    """Put on record that the gateway is told the contact's number now: on disk when this returns."""
    async with db.write() as connection:
        await connection.execute(_BEGIN, {"text_id": text.id, "at_ms_of_it": now_ms})
        detail = f"contact {contact.contact_id}"
        await write_entry(
            connection, AuditEntry(now_ms, DAEMON, "text-send", f"order {text.order_code}", detail)
        )


async def note_sent(db: Database, text: TextToSend, answer: str, now_ms: int) -> None:
    """The gateway has taken it: it is never sent again."""
    async with db.write() as connection:
        await connection.execute(_SENT, {"text_id": text.id, "at_ms_of_it": now_ms, "said": answer})


async def note_later(db: Database, text: TextToSend, answer: str, again_ms: int) -> None:
    """It is to be sent again then."""
    async with db.write() as connection:
        await connection.execute(_LATER, {"text_id": text.id, "again_ms": again_ms, "said": answer})


async def note_failed(db: Database, text: TextToSend, answer: str, now_ms: int) -> None:
    """It is given up, on record."""
    async with db.write() as connection:
        await connection.execute(_FAILED, {"text_id": text.id, "at_ms_of_it": now_ms, "said": answer})
        await write_entry(
            connection, AuditEntry(now_ms, DAEMON, "text-fail", f"order {text.order_code}", text.template)
        )
