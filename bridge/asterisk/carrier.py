"""Is the carrier there? Asterisk asks it by OPTIONS (qualify); we ask Asterisk."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from bridge.asterisk.ari import AriClient, AriError

log = structlog.get_logger()

_EVERY_SECONDS: Final = 2.0


class CarrierWatch:
    """Knows whether the carrier has stopped to answer. `endpoint` is a PJSIP endpoint whose AOR is qualified.

    Asked now and again rather than told: an event that is lost would leave a dead carrier alive. A carrier
    that has not answered yet counts as alive: Asterisk says "offline" until it has asked, and for ever of
    carriers that don't answer OPTIONS.
    """

    def __init__(self, client: AriClient, endpoint: str) -> None:
        self.is_down = False
        self._client = client
        self._endpoint = endpoint
        self._has_answered = False

    async def run(self) -> None:
        """Watch for ever; started once by the daemon."""
        while True:
            try:
                state = (await self._client.endpoints.get("PJSIP", self._endpoint)).state
            except AriError:
                state = None  # Asterisk restarts, perhaps: all it knew is forgotten
            self._note(state)
            await asyncio.sleep(_EVERY_SECONDS)

    def _note(self, state: str | None) -> None:
        if state == "online" and not self._has_answered:
            log.info("the carrier answers", endpoint=self._endpoint)
        self._has_answered = state is not None and (self._has_answered or state == "online")
        down = self._has_answered and state == "offline"
        if down is not self.is_down:
            log.warning("the carrier is down" if down else "the carrier is back", endpoint=self._endpoint)
        self.is_down = down
