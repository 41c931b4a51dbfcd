"""Webhooks: the addresses of programs that are told what came of calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.alarms import AlarmKind, write_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import TooManyWebhooks, UnknownWebhook
from bridge.store.schema import webhook_outbox, webhooks
from bridge.store.webhook_outbox import HookEvent, give_all_up
from bridge.vault import ProgramSecrets

MOST: Final = 20
"""As each has a connection of its own while it is told something."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Without its secret, which `open_secret` opens. Times are milliseconds since the epoch, UTC."""

    id: int
    url: str
    events: tuple[str, ...]
    secret_sealed: bytes
    created_ms: int
    delivered_ms: int | None
    failing_since_ms: int | None
    disabled_ms: int | None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def subject(self) -> str:
        """As the audit and alarms name it: what stands behind the host may be a secret of the program's."""
        return f"webhook={self.id}, host={self.host}"

    def open_secret(self, sealer: ProgramSecrets) -> bytes:
        """Raises SealBroken."""
        return sealer.open(self.secret_sealed, _whose(self.id))


def _whose(webhook_id: int) -> str:
    return f"webhook {webhook_id}"


_COLUMNS: Final = (
    webhooks.c.id,
    webhooks.c.url,
    webhooks.c.events,
    webhooks.c.secret_sealed,
    webhooks.c.created_ms,
    webhooks.c.delivered_ms,
    webhooks.c.failing_since_ms,
    webhooks.c.disabled_ms,
)
_LIST: Final = select(*_COLUMNS).order_by(webhooks.c.id)
_ONE: Final = select(*_COLUMNS).where(webhooks.c.id == bindparam("webhook_id"))
_TO_TELL: Final = _LIST.where(
    webhooks.c.disabled_ms.is_(None),
    select(webhook_outbox.c.id)
    .where(webhook_outbox.c.webhook_id == webhooks.c.id, webhook_outbox.c.next_ms <= bindparam("now_ms"))
    .correlate(webhooks)
    .exists(),
)
_COUNT: Final = select(func.count()).select_from(webhooks)
_ADD: Final = insert(webhooks).returning(webhooks.c.id)
_SEAL: Final = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("webhook_id"))
    .values(secret_sealed=bindparam("new_sealed"))
)
_FORGET_MESSAGES: Final = delete(webhook_outbox).where(webhook_outbox.c.webhook_id == bindparam("of_webhook"))
_REMOVE: Final = delete(webhooks).where(webhooks.c.id == bindparam("of_webhook"))
_DISABLE: Final = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("of_webhook"), webhooks.c.disabled_ms.is_(None))
    .values(disabled_ms=bindparam("now_ms"))
)
_ENABLE: Final = (
    update(webhooks)
    .where(webhooks.c.id == bindparam("of_webhook"))
    .values(disabled_ms=None, failing_since_ms=None)
)


async def add_webhook(
    db: Database,
    sealer: ProgramSecrets,
    url: str,
    events: Collection[HookEvent],
    secret: bytes,
    *,
    actor: str,
    now_ms: int,
) -> Webhook:
    """A new one, on record, with its secret sealed to it. Raises TooManyWebhooks."""
    words = " ".join(sorted(events))
    async with db.write() as connection:
        if (await connection.execute(_COUNT)).scalar_one() >= MOST:
            raise TooManyWebhooks(MOST)
        values = {"url": url, "events": words, "secret_sealed": b"", "created_ms": now_ms}
        webhook_id: int = (await connection.execute(_ADD, values)).scalar_one()
        sealed = sealer.seal(secret, _whose(webhook_id))
        await connection.execute(_SEAL, {"webhook_id": webhook_id, "new_sealed": sealed})
        added = await _one(connection, webhook_id)
        await write_entry(connection, AuditEntry(now_ms, actor, "webhook-add", added.subject, words))
    return added


async def list_webhooks(db: Database) -> list[Webhook]:
    async with db.read() as connection:
        return [_as_webhook(row) for row in await connection.execute(_LIST)]


async def webhook_of(db: Database, webhook_id: int) -> Webhook:
    """Raises UnknownWebhook."""
    async with db.read() as connection:
        return await _one(connection, webhook_id)


async def webhooks_to_tell(db: Database, now_ms: int) -> list[Webhook]:
    """Those that are to be told something now."""
    async with db.read() as connection:
        return [_as_webhook(row) for row in await connection.execute(_TO_TELL, {"now_ms": now_ms})]


async def remove_webhook(db: Database, webhook_id: int, *, actor: str, now_ms: int) -> None:
    """With all that it was to be told, on record. Raises UnknownWebhook."""
    async with db.write() as connection:
        removed = await _one(connection, webhook_id)
        await connection.execute(_FORGET_MESSAGES, {"of_webhook": webhook_id})
        await connection.execute(_REMOVE, {"of_webhook": webhook_id})
        await write_entry(connection, AuditEntry(now_ms, actor, "webhook-remove", removed.subject))


async def enable_webhook(db: Database, webhook_id: int, *, actor: str, now_ms: int) -> None:
    """Tell it again what happens from now on, on record. Raises UnknownWebhook."""
    async with db.write() as connection:
        enabled = await _one(connection, webhook_id)
        await connection.execute(_ENABLE, {"of_webhook": webhook_id})
        await write_entry(connection, AuditEntry(now_ms, actor, "webhook-enable", enabled.subject))


async def disable_webhook(connection: AsyncConnection, webhook: Webhook, now_ms: int) -> int:
    """Tell it nothing any more, in the caller's transaction: on record, and with an alarm.

    Returns how many messages are given up for it.
    """
    done = await connection.execute(_DISABLE, {"of_webhook": webhook.id, "now_ms": now_ms})
    if done.rowcount == 0:
        return 0
    given_up = await give_all_up(connection, webhook.id)
    await write_alarm(
        connection, AlarmKind.WEBHOOK_DISABLED, manager_id=None, order_code=None, detail=webhook.subject
    )
    await write_entry(connection, AuditEntry(now_ms, "daemon", "webhook-disable", webhook.subject))
    return given_up


async def _one(connection: AsyncConnection, webhook_id: int) -> Webhook:
    """Raises UnknownWebhook."""
    row = (await connection.execute(_ONE, {"webhook_id": webhook_id})).one_or_none()
    if row is None:
        raise UnknownWebhook(webhook_id)
    return _as_webhook(row)


def _as_webhook(row: Sequence[Any]) -> Webhook:
    id_, url, events, *rest = row
    return Webhook(id_, url, tuple(events.split()), *rest)
