"""The daemon under its service manager: it says when it serves, how it is, and that it lives."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bridge.notify import ServiceManager

_SECONDS_FOR_ASTERISK: Final = 10.0
"""How long a start waits for the link before it is announced as done. Without Asterisk it is done as well."""

_SECONDS_BETWEEN_SIGNS: Final = 5.0
"""At most, whatever the service manager's patience: no line of status is older than this."""


@dataclass(frozen=True, slots=True)
class Supervision:
    """`headline` is one line on how things are; `healthy` says whether all parts run that must."""

    manager: ServiceManager
    linked: asyncio.Event
    headline: Callable[[], str]
    healthy: Callable[[], bool]

    async def run(self) -> None:
        """Announce the start once calls can be placed; then give signs of life, for ever.

        They come from the loop that serves the calls: when that stands still, so do they.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS_FOR_ASTERISK):
                await self.linked.wait()
        self.manager.ready(self.headline())
        patience = self.manager.watchdog_seconds or math.inf
        while True:
            if self.healthy():
                self.manager.alive()
            self.manager.status(self.headline())
            await asyncio.sleep(min(patience / 2, _SECONDS_BETWEEN_SIGNS))
