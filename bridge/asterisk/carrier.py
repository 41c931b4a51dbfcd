"""Is the carrier there? Asterisk asks it by OPTIONS (qualify); we ask Asterisk."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from bridge.asterisk.ari import AriClient, AriError

log = structlog.get_logger()

_EVERY_SECONDS: Final = 2.0


class CarrierWatch:
    """Knows whether the carrier answers. `endpoint` is the name of a PJSIP endpoint whose AOR is qualified.

    Asked now and again rather than told: an event that is lost would leave a dead carrier alive.
    """

    def __init__(self, client: AriClient, endpoint: str) -> None:
        self.is_down = False
        self._client = client
        self._endpoint = endpoint

    async def run(self) -> None:
        """Watch for ever; started once by the daemon."""
        while True:
            await self._look()
            await asyncio.sleep(_EVERY_SECONDS)

    async def _look(self) -> None:
        try:
            down = (await self._client.endpoints.get("PJSIP", self._endpoint)).state == "offline"
        except AriError:
            down = False  # nothing is known of it: the call itself will tell
        if down is not self.is_down:
            log.warning("the carrier is down" if down else "the carrier is back")
        self.is_down = down
