"""Texts that follow a call by themselves, where the configuration says after which results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.rules.policy import Policy
from bridge.store.database import Database, now_ms
from bridge.store.texts import calls_to_follow, follow_call

log = structlog.get_logger()

SECONDS_BETWEEN_LOOKS: Final = 5.0

PATIENCE_MS: Final = 120_000
"""After a call's end. Whoever is reached by a second call meanwhile is sent none."""

LONGEST_AGO_MS: Final = 600_000
"""Calls that ended before are not followed by a daemon that starts: what it says would come late."""


@dataclass(frozen=True, slots=True)
class Following:
    """`after`: which template follows which result. `most_a_day`: texts to one customer, these among them."""

    after: Mapping[str, str]
    policy: Policy
    most_a_day: int


class CallFollower:
    """Looks for calls that have ended so, and lets a text be sent after each, once."""

    def __init__(
        self, database: Database, following: Callable[[], Following], *, clock: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._following = following
        self._clock = clock
        self._looked_until_ms: int | None = None

    async def run(self) -> None:
        """Look every few seconds, for ever; started once by the daemon."""
        while True:
            try:
                await self.look()
            except SQLAlchemyError as error:
                log.error("the database refuses text messages", error=type(error).__name__)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        """Follow each call that has ended long enough ago, and was not looked at before."""
        following, at_ms = self._following(), self._clock()
        until_ms, since_ms = at_ms - PATIENCE_MS, at_ms - LONGEST_AGO_MS
        if self._looked_until_ms is not None:
            since_ms = max(since_ms, self._looked_until_ms)
        calls = await calls_to_follow(self._database, set(following.after), since_ms, until_ms)
        for call in calls:
            template = following.after[call.result]
            await follow_call(
                self._database,
                call,
                template,
                following.policy,
                most_a_day=following.most_a_day,
                now_ms=at_ms,
            )
        self._looked_until_ms = until_ms
