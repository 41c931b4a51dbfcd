"""Sends what webhooks are to be told, beside the calls: none of them waits for it.

Each webhook has its own task while there is something for it, so one that hangs holds none of the others up,
and hears one thing at a time.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.outgoing import Reach
from bridge.rules.retrying import pause_ms
from bridge.store.database import Database, now_ms
from bridge.store.webhook_outbox import (
    Message,
    count_waiting,
    forget_old,
    next_message,
    note_arrived,
    note_failed,
)
from bridge.store.webhooks import Webhook, disable_webhook, webhooks_to_tell
from bridge.switchboard import metrics
from bridge.switchboard.metrics import HookAnswer
from bridge.switchboard.tasks import Tasks
from bridge.vault import SealBroken, Vault
from bridge.webhooks.courier import Answer, Courier
from bridge.webhooks.signing import body_of, signed_headers

log = structlog.get_logger()

SECONDS_BETWEEN_LOOKS: Final = 1.0
_MS_BETWEEN_CLEARINGS: Final = 60_000
_SHORTEST_REST_MS: Final = 5_000
_LONGEST_REST_MS: Final = 60_000
"""One that fails is tried once in a while, the longer it has failed, however much there is to be told."""


class Sender:
    """`disable_after_ms`: how long nothing may arrive at a webhook before it is told nothing any more."""

    def __init__(
        self,
        database: Database,
        vault: Callable[[], Vault | None],
        courier: Courier,
        tasks: Tasks,
        *,
        disable_after_ms: int,
        clock: Callable[[], int] = now_ms,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._vault = vault
        self._courier = courier
        self._disable_after_ms = disable_after_ms
        self._tasks = tasks
        self._clock = clock
        self._chance = chance
        self._busy: set[int] = set()
        self._resting_until_ms: dict[int, int] = {}
        self._clear_at_ms = 0

    def follow(self, reach: Reach, *, disable_after_ms: int) -> None:
        """Go by these from now on."""
        self._courier.reach, self._disable_after_ms = reach, disable_after_ms

    async def run(self) -> None:
        """Look once a second, for ever; started once by the daemon."""
        while True:
            try:
                await self.look()
            except SQLAlchemyError as error:
                log.error("the database refuses webhooks' messages", error=type(error).__name__)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Begin with whatever is due. Returns while it is being sent."""
        at_ms, vault = self._clock(), self._vault()
        if vault is not None:
            for webhook in await webhooks_to_tell(self._database, at_ms):
                if webhook.id not in self._busy and at_ms >= self._resting_until_ms.get(webhook.id, 0):
                    self._busy.add(webhook.id)
                    self._tasks.start(self._tell(webhook, vault), name=f"webhook {webhook.id}")
        metrics.webhook_backlog.set(await count_waiting(self._database))
        if at_ms >= self._clear_at_ms:
            self._clear_at_ms = at_ms + _MS_BETWEEN_CLEARINGS
            metrics.webhook_given_up.inc(await forget_old(self._database, at_ms))

    async def _tell(self, webhook: Webhook, vault: Vault) -> None:
        """All that is due, one after the other, until one does not arrive."""
        try:
            secret = webhook.open_secret(vault.program_secrets)
            while (message := await next_message(self._database, webhook.id, self._clock())) is not None:
                if not await self._send(webhook, secret, message):
                    break
        except SealBroken as error:
            log.error(
                "a webhook's secret does not open: remove it, and add it anew",
                webhook=webhook.id,
                error=str(error),
            )
            self._rest(webhook.id, _LONGEST_REST_MS)
        except SQLAlchemyError as error:
            log.error("the database refuses webhooks' messages", error=type(error).__name__)
            self._rest(webhook.id, _LONGEST_REST_MS)
        finally:
            self._busy.discard(webhook.id)

    async def _send(self, webhook: Webhook, secret: bytes, message: Message) -> bool:
        """Whether it arrived."""
        body = body_of(message)
        headers = signed_headers(secret, message.event_id, self._clock() // 1000, body)
        answer = await self._courier.deliver(webhook.url, headers, body)
        metrics.webhook_attempts.labels(answer.came.value).inc()
        if answer.came is HookAnswer.ARRIVED:
            await note_arrived(self._database, webhook.id, message, str(answer), self._clock())
            return True
        await self._note_failure(webhook, message, answer, self._clock())
        return False

    async def _note_failure(self, webhook: Webhook, message: Message, answer: Answer, at_ms: int) -> None:
        pause = pause_ms(message.attempts + 1, self._chance())
        next_ms = None if pause is None else at_ms + pause
        given_up = 0 if next_ms is not None else 1
        async with self._database.write() as connection:
            since_ms = await note_failed(connection, webhook.id, message, str(answer), at_ms, next_ms)
            if at_ms - since_ms >= self._disable_after_ms or answer.came is HookAnswer.GONE:
                given_up += await disable_webhook(connection, webhook, at_ms)
                log.error(
                    "a webhook is disabled, as nothing arrives there", webhook=webhook.id, reason=str(answer)
                )
        metrics.webhook_given_up.inc(given_up)
        log.warning("a webhook's message has not arrived", webhook=webhook.id, reason=str(answer))
        self._rest(webhook.id, min(max(at_ms - since_ms, _SHORTEST_REST_MS), _LONGEST_REST_MS))

    def _rest(self, webhook_id: int, for_ms: int) -> None:
        self._resting_until_ms[webhook_id] = self._clock() + for_ms
