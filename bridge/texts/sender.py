"""Sends texts, one after the other, beside the calls: none of them waits for it.

Here is the one place besides a dialled call and a disclosure where a number is read: for one attempt, which
is on record before it, and for the gateway alone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.rules.retrying import pause_ms
from bridge.rules.texts import Placeholder, filled, in_language
from bridge.store.database import Database, now_ms
from bridge.store.records import DAY_MS, SealedContact
from bridge.store.texts import TextToSend, begin_attempt, next_text, note_failed, note_later, note_sent
from bridge.switchboard import metrics
from bridge.switchboard.live_call import open_number
from bridge.switchboard.metrics import TextAnswer, TextOutcome
from bridge.texts import Answer, Came, Gateway, Text
from bridge.vault import SealBroken, Vault

log = structlog.get_logger()

SECONDS_BETWEEN_LOOKS: Final = 1.0
_SECONDS: Final = 30.0
"""For one attempt, whatever a gateway's own limits are."""

_SHORTEST_REST_MS: Final = 5_000
_LONGEST_REST_MS: Final = 60_000
"""A gateway that fails is tried once in a while, the longer it has failed, however many texts wait."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What texts are made of. `templates`: by name, then by language."""

    templates: Mapping[str, Mapping[str, str]]
    language: str
    shop: str
    number: str

    def words(self, text: TextToSend) -> str | None:
        """None where there is no such template any more."""
        template = self.templates.get(text.template)
        if template is None:
            return None
        values = {
            Placeholder.ORDER: text.order_code,
            Placeholder.SHOP: self.shop,
            Placeholder.NUMBER: self.number,
        }
        return filled(in_language(template, text.language, self.language), values)


class TextSender:
    """`may_send` says whether texts may be sent at a moment, in milliseconds since the epoch."""

    def __init__(
        self,
        database: Database,
        vault: Callable[[], Vault | None],
        gateway: Gateway,
        wording: Callable[[], Wording],
        may_send: Callable[[int], bool],
        *,
        clock: Callable[[], int] = now_ms,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._vault = vault
        self._gateway = gateway
        self._wording = wording
        self._may_send = may_send
        self._clock = clock
        self._chance = chance
        self._failing_since_ms: int | None = None
        self._resting_until_ms = 0

    async def run(self) -> None:
        """Look once a second, for ever; started once by the daemon."""
        while True:
            try:
                await self.look()
            except SQLAlchemyError as error:
                log.error("the database refuses text messages", error=type(error).__name__)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Send whatever is due, until the gateway does not take one."""
        vault = self._vault()
        if vault is None:
            return
        while self._may_send(self._clock()) and self._clock() >= self._resting_until_ms:
            text = await next_text(self._database, self._clock())
            if text is None:
                return
            await self._send(vault, text)

    async def _send(self, vault: Vault, text: TextToSend) -> None:
        words = self._wording().words(text)
        if self._clock() - text.at_ms >= DAY_MS:
            await self._give_up(text, "too-late")
        elif text.contact is None:
            await self._give_up(text, "not-wanted")
        elif words is None:
            await self._give_up(text, "no-template")
        elif text.unanswered and not self._gateway.takes_ids:
            await self._give_up(text, Came.UNSURE)
        else:
            await self._attempt(vault, text, text.contact, words)

    async def _attempt(self, vault: Vault, text: TextToSend, contact: SealedContact, words: str) -> None:
        await begin_attempt(self._database, text, contact, self._clock())
        try:
            answer = await self._hand_over(vault, text, contact, words)
        except SealBroken:
            log.error("a contact's number does not open; no text is sent", order=text.order_code)
            await self._give_up(text, "does-not-open")
            return
        metrics.text_attempts.labels(TextAnswer(answer.came).value).inc()
        match answer.came:
            case Came.SENT:
                await note_sent(self._database, text, str(answer), self._clock())
                metrics.texts.labels(TextOutcome.SENT.value).inc()
                self._failing_since_ms = None
            case Came.REFUSED:
                await self._give_up(text, str(answer))
            case Came.UNSURE if not self._gateway.takes_ids:
                await self._give_up(text, str(answer))
            case _:
                await self._try_later(text, answer)

    async def _hand_over(self, vault: Vault, text: TextToSend, contact: SealedContact, words: str) -> Answer:
        """Raises SealBroken. What somebody else's gateway raises is not told: it may hold the number."""
        number = open_number(vault, contact)
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._gateway.send(Text(text.message_id, number.reveal(), words))
        except Exception as error:
            log.error("the gateway for text messages failed", error=type(error).__name__)
            return Answer(Came.UNSURE)
        return _as_kept(answer)

    async def _try_later(self, text: TextToSend, answer: Answer) -> None:
        at_ms = self._clock()
        if self._failing_since_ms is None:
            self._failing_since_ms = at_ms
        rest_ms = min(max(at_ms - self._failing_since_ms, _SHORTEST_REST_MS), _LONGEST_REST_MS)
        self._resting_until_ms = at_ms + rest_ms
        pause = pause_ms(text.attempts + 1, self._chance())
        if pause is None or at_ms + pause - text.at_ms >= DAY_MS:
            await self._give_up(text, str(answer))
            return
        await note_later(self._database, text, str(answer), at_ms + pause)
        log.warning("a text message was not taken", order=text.order_code, reason=str(answer))

    async def _give_up(self, text: TextToSend, reason: str) -> None:
        await note_failed(self._database, text, reason, self._clock())
        metrics.texts.labels(TextOutcome.FAILED.value).inc()
        log.error("a text message is given up", order=text.order_code, reason=reason)


def _as_kept(answer: Answer) -> Answer:
    """A status that is none is left out: a gateway of somebody else's may have put anything there."""
    is_one = isinstance(answer.status, int) and 100 <= answer.status <= 599
    return Answer(Came(answer.came), answer.status if is_one else None)
