"""What webhooks are to be told: written in the commit of what it tells, and sent from here.

So what is on record is told, whenever the daemon is killed; what was sent in the moment of its end is sent
again, with the same id.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.calls.model import Result
from bridge.store.database import Database
from bridge.store.errors import WebhookDisabled
from bridge.store.lanes import Runs
from bridge.store.schema import calls, outcomes, webhook_outbox, webhooks

KEPT_MS: Final = 7 * 24 * 3_600_000
"""How long what was told, or given up, is kept to be replayed. What still waits is given up before."""

MOST_KEPT: Final = 10_000
"""Messages of one webhook. Beyond, the oldest go, arrived or not."""

_AN_OUTAGE_MS: Final = 600_000
_LETTERS_OF_A_TEST: Final = 20


class HookEvent(StrEnum):
    """What may be told, in the words of the API's events. `test` is asked for by hand."""

    RESULT = "result"
    OUTCOME = "outcome"
    TEST = "test"


CHOSEN: Final = (HookEvent.RESULT, HookEvent.OUTCOME)
"""What a webhook may ask for."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to be told to one webhook. `attempts`: how often it was sent."""

    id: int
    event_id: str
    type: str
    order_code: str
    call_id: str | None
    result: str
    by_result: bool
    undone: bool
    at_ms: int
    attempts: int


_outbox: Final = webhook_outbox.c
_COLUMNS: Final = (
    "webhook_id",
    "event_id",
    "type",
    "order_code",
    "call_id",
    "result",
    "by_result",
    "undone",
    "at_ms",
    "next_ms",
)


def _wants(event: HookEvent) -> ColumnElement[bool]:
    among = literal(" ") + webhooks.c.events + literal(" ")
    return and_(webhooks.c.disabled_ms.is_(None), among.contains(f" {event.value} "))


# To each webhook once: a result may be noted twice, by a daemon and by its successor.
_TELL_RESULT: Final = (
    insert(webhook_outbox)
    .prefix_with("OR IGNORE")
    .from_select(
        _COLUMNS,
        select(
            webhooks.c.id,
            literal("result-") + calls.c.id,
            literal(HookEvent.RESULT.value),
            calls.c.order_code,
            calls.c.id,
            calls.c.result,
            literal(0),
            literal(0),
            calls.c.ended_ms,
            calls.c.ended_ms,
        )
        .join_from(webhooks, calls, calls.c.id == bindparam("call_id"))
        .where(calls.c.result != Result.REFUSED.value, _wants(HookEvent.RESULT)),
        include_defaults=False,
    )
)
_TELL_OUTCOME: Final = insert(webhook_outbox).from_select(
    _COLUMNS,
    select(
        webhooks.c.id,
        bindparam("event_id"),
        literal(HookEvent.OUTCOME.value),
        outcomes.c.order_code,
        outcomes.c.call_id,
        outcomes.c.outcome,
        outcomes.c.by_result,
        bindparam("is_undone"),
        bindparam("now_ms"),
        bindparam("now_ms"),
    )
    .join_from(webhooks, outcomes, outcomes.c.id == bindparam("told_outcome_id"))
    .where(_wants(HookEvent.OUTCOME)),
    include_defaults=False,
)
_MESSAGE: Final = select(
    _outbox.id,
    _outbox.event_id,
    _outbox.type,
    _outbox.order_code,
    _outbox.call_id,
    _outbox.result,
    _outbox.by_result,
    _outbox.undone,
    _outbox.at_ms,
    _outbox.attempts,
)
_NEXT: Final = (
    _MESSAGE.where(_outbox.webhook_id == bindparam("webhook_id"), _outbox.next_ms <= bindparam("now_ms"))
    .order_by(_outbox.next_ms, _outbox.id)
    .limit(1)
)
_WAITING: Final = select(func.count()).select_from(webhook_outbox).where(_outbox.next_ms.is_not(None))
_SENT: Final = (
    update(webhook_outbox)
    .where(_outbox.id == bindparam("message_id"))
    .values({name: bindparam(f"new_{name}") for name in ("attempts", "next_ms", "delivered_ms", "answer")})
)
_ANSWER_OF: Final = select(_outbox.next_ms, _outbox.delivered_ms, _outbox.attempts, _outbox.answer).where(
    _outbox.webhook_id == bindparam("webhook_id"), _outbox.event_id == bindparam("event_id")
)
_ARRIVED_AGAIN: Final = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("of_webhook"))
    .values(delivered_ms=bindparam("now_ms"), failing_since_ms=None)
)
# After an outage, what waits for its next attempt need not wait any more. Not after each failure: a message
# that the program can't take, among others that it does, would be given up within minutes.
_HURRY: Final = (
    update(webhook_outbox)
    .where(
        _outbox.webhook_id == bindparam("of_webhook"),
        _outbox.next_ms > bindparam("now_ms"),
        select(webhooks.c.id)
        .where(
            webhooks.c.id == bindparam("of_webhook"),
            webhooks.c.failing_since_ms <= bindparam("failing_before"),
        )
        .exists(),
    )
    .values(next_ms=bindparam("now_ms"))
)
_FAILS: Final = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("of_webhook"))
    .values(failing_since_ms=func.coalesce(webhooks.c.failing_since_ms, bindparam("now_ms")))
    .returning(webhooks.c.failing_since_ms)
)
_GIVE_UP: Final = (
    update(webhook_outbox)
    .where(_outbox.webhook_id == bindparam("of_webhook"), _outbox.next_ms.is_not(None))
    .values(next_ms=None)
)
_FORGET_OLD: Final = (
    delete(webhook_outbox).where(_outbox.at_ms <= bindparam("before_ms")).returning(_outbox.next_ms)
)
_FORGET_BEYOND: Final = (
    delete(webhook_outbox)
    .where(
        _outbox.webhook_id == bindparam("of_webhook"),
        _outbox.id.not_in(
            select(_outbox.id)
            .where(_outbox.webhook_id == bindparam("of_webhook"))
            .order_by(_outbox.id.desc())
            .limit(bindparam("most"))
        ),
    )
    .returning(_outbox.next_ms)
)
_IDS: Final = select(webhooks.c.id, webhooks.c.disabled_ms)


def tell_results(session: Runs, call_ids: Sequence[str]) -> None:
    """Let webhooks be told of these calls' results, in the commit that has them; not of refused ones."""
    for call_id in call_ids:
        session.execute(_TELL_RESULT, {"call_id": call_id})


def tell_outcome(session: Runs, outcome_id: int, now_ms: int, *, undone: bool = False) -> None:
    """The same of what somebody has said, or taken back, or what a call came to by itself."""
    told = {
        "event_id": f"outcome-{outcome_id}" + ("-undone" if undone else ""),
        "told_outcome_id": outcome_id,
        "is_undone": int(undone),
        "now_ms": now_ms,
    }
    session.execute(_TELL_OUTCOME, told)


async def tell_test(db: Database, webhook_id: int, now_ms: int) -> str:
    """Let one webhook be told that it is tested; returns the message's id. Raises WebhookDisabled."""
    event_id = "test-" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(_LETTERS_OF_A_TEST))
    values = {
        "webhook_id": webhook_id,
        "event_id": event_id,
        "type": HookEvent.TEST.value,
        "order_code": "",
        "result": "",
        "at_ms": now_ms,
        "next_ms": now_ms,
    }
    async with db.write() as connection:
        ids = {row.id: row.disabled_ms for row in await connection.execute(_IDS)}
        if ids[webhook_id] is not None:
            raise WebhookDisabled(webhook_id)
        await connection.execute(insert(webhook_outbox), values)
    return event_id


@dataclass(frozen=True, slots=True)
class Sent:
    """What has become of a message so far. `answer`: what came of the last attempt, in words."""

    waits: bool
    delivered_ms: int | None
    attempts: int
    answer: str | None


async def what_became_of(db: Database, webhook_id: int, event_id: str) -> Sent | None:
    """None where it is not kept any more."""
    async with db.read() as connection:
        of = {"webhook_id": webhook_id, "event_id": event_id}
        row = (await connection.execute(_ANSWER_OF, of)).one_or_none()
    return None if row is None else Sent(row.next_ms is not None, row.delivered_ms, row.attempts, row.answer)


async def next_message(db: Database, webhook_id: int, now_ms: int) -> Message | None:
    """What this webhook is to be told now, the first by when it was due."""
    async with db.read() as connection:
        row = (await connection.execute(_NEXT, {"webhook_id": webhook_id, "now_ms": now_ms})).one_or_none()
    return None if row is None else _as_message(row)


def _as_message(row: Sequence[Any]) -> Message:
    message = Message(*row)
    return replace(message, by_result=bool(message.by_result), undone=bool(message.undone))


async def count_waiting(db: Database) -> int:
    """How much of all that is to be told has not arrived yet."""
    async with db.read() as connection:
        count: int = (await connection.execute(_WAITING)).scalar_one()
    return count


async def note_arrived(db: Database, webhook_id: int, message: Message, answer: str, now_ms: int) -> None:
    """It has arrived. What else waits for this webhook, after an outage, waits no longer."""
    of = {"of_webhook": webhook_id, "now_ms": now_ms}
    async with db.write() as connection:
        await connection.execute(_SENT, _sent(message, answer, delivered_ms=now_ms))
        await connection.execute(_HURRY, of | {"failing_before": now_ms - _AN_OUTAGE_MS})
        await connection.execute(_ARRIVED_AGAIN, of)


async def note_failed(
    connection: AsyncConnection,
    webhook_id: int,
    message: Message,
    answer: str,
    now_ms: int,
    next_ms: int | None,
) -> int:
    """It has not, in the caller's transaction; returns since when nothing arrives there.

    `next_ms`: when it is tried again, None for never.
    """
    await connection.execute(_SENT, _sent(message, answer, next_ms=next_ms))
    since = await connection.execute(_FAILS, {"of_webhook": webhook_id, "now_ms": now_ms})
    return since.scalar_one_or_none() or now_ms  # there is none where the webhook was removed meanwhile


async def give_all_up(connection: AsyncConnection, webhook_id: int) -> int:
    """Try none of a webhook's messages again, in the caller's transaction; returns how many that are.

    They can be replayed.
    """
    return (await connection.execute(_GIVE_UP, {"of_webhook": webhook_id})).rowcount


def _sent(
    message: Message, answer: str, *, next_ms: int | None = None, delivered_ms: int | None = None
) -> dict[str, Any]:
    return {
        "message_id": message.id,
        "new_attempts": message.attempts + 1,
        "new_next_ms": next_ms,
        "new_delivered_ms": delivered_ms,
        "new_answer": answer,
    }


async def replay(db: Database, webhook_id: int, *, since_ms: int, arrived_too: bool, now_ms: int) -> int:
    """Tell a webhook again what it was told since then, with the same ids; returns how much that is.

    What has arrived is told again only if `arrived_too`. Raises WebhookDisabled.
    """
    chosen = [_outbox.webhook_id == webhook_id, _outbox.at_ms >= since_ms]
    if not arrived_too:
        chosen.append(_outbox.delivered_ms.is_(None))
    again = update(webhook_outbox).where(*chosen).values(next_ms=now_ms, delivered_ms=None, attempts=0)
    async with db.write() as connection:
        ids = {row.id: row.disabled_ms for row in await connection.execute(_IDS)}
        if ids[webhook_id] is not None:
            raise WebhookDisabled(webhook_id)
        return (await connection.execute(again)).rowcount


async def forget_old(db: Database, now_ms: int) -> int:
    """Keep the latest messages alone, by age and by number; returns how many of the others still waited."""
    async with db.write() as connection:
        gone = list(await connection.scalars(_FORGET_OLD, {"before_ms": now_ms - KEPT_MS}))
        for row in (await connection.execute(_IDS)).all():
            of = {"of_webhook": row.id, "most": MOST_KEPT}
            gone += await connection.scalars(_FORGET_BEYOND, of)
    return sum(next_ms is not None for next_ms in gone)
