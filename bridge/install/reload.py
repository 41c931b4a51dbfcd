"""A running Asterisk reads what init has written."""

from __future__ import annotations

from typing import Final

from bridge.asterisk.ari import AriClient

_APPLICATION: Final = "call-bridge-init"
_MODULES: Final = ("pbx_config.so", "res_pjsip.so")
"""The dialplan, and the SIP settings: transports apart, which change at a restart alone. Calls go on."""


async def reload_modules(url: str, user: str, password: str) -> None:
    """Raises AriError."""
    async with AriClient(url, user, password, app=_APPLICATION) as client:
        for module in _MODULES:
            await client.asterisk.reload(module)
