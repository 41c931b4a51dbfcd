"""Is the carrier there? Asterisk asks it by OPTIONS (qualify); we ask Asterisk."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from bridge.asterisk.ari import AriClient, AriError

log = structlog.get_logger()

_EVERY_SECONDS: Final = 2.0

_UNKNOWN_SECONDS: Final = 40.0
"""A starting Asterisk says "offline" of a carrier until it has asked it, which it does within the
qualify_frequency of dialplan/pjsip-trunk.conf."""


class CarrierWatch:
    """Knows whether the carrier answers. `endpoint` is the name of a PJSIP endpoint whose AOR is qualified.

    Asked now and again rather than told: an event that is lost would leave a dead carrier alive.
    """

    def __init__(self, client: AriClient, endpoint: str) -> None:
        self.is_down = False
        self._client = client
        self._endpoint = endpoint
        self._believe_offline_at: float | None = None

    async def run(self) -> None:
        """Watch for ever; started once by the daemon."""
        while True:
            try:
                state = (await self._client.endpoints.get("PJSIP", self._endpoint)).state
            except AriError:
                state = None  # the call itself will tell
            self._note(state, asyncio.get_running_loop().time())
            await asyncio.sleep(_EVERY_SECONDS)

    def _note(self, state: str | None, now: float) -> None:
        if state == "online":
            self._believe_offline_at = now  # from now on Asterisk knows what it says
        elif state != "offline":
            self._believe_offline_at = None
        elif self._believe_offline_at is None:
            self._believe_offline_at = now + _UNKNOWN_SECONDS
        down = state == "offline" and self._believe_offline_at is not None and now >= self._believe_offline_at
        if down is not self.is_down:
            log.warning("the carrier is down" if down else "the carrier is back")
        self.is_down = down
