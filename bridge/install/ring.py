"""A test ring: Asterisk calls one phone of the shop's own, and nobody else."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any, Final

from bridge.asterisk.ari import AllocationFailed, AriClient, Connected, Item, NotFound

_APPLICATION: Final = "call-bridge-init"
_CALLER: Final = '"call-bridge" <>'
_GRACE_SECONDS: Final = 5


class Rung(Enum):
    """What became of it."""

    ANSWERED = auto()
    RANG = auto()
    """All the time, or until somebody declined."""
    UNREACHED = auto()


async def ring(url: str, user: str, password: str, dial: str, *, seconds: int) -> Rung:
    """Let the phone ring that Asterisk dials by `dial`; who answers is hung up on.

    Raises AriError, and TimeoutError where Asterisk does not answer.
    """
    outcome = Rung.UNREACHED
    async with (
        asyncio.timeout(seconds + _GRACE_SECONDS),
        AriClient(url, user, password, app=_APPLICATION) as client,
    ):
        async for item in client.events():
            if isinstance(item, Connected):
                try:
                    await client.channels.originate(
                        endpoint=dial, app=_APPLICATION, caller_id=_CALLER, timeout=seconds
                    )
                except AllocationFailed:  # nobody is registered there
                    return outcome
            match _told(item):
                case ("ChannelStateChange", {"state": "Ringing"}):
                    outcome = Rung.RANG
                case ("StasisStart", {"id": str(channel_id)}):
                    await _hang_up(client, channel_id)
                    return Rung.ANSWERED
                case ("ChannelDestroyed", _):
                    return outcome
    return outcome


def _told(item: Item) -> tuple[Any, Any]:
    return (item.get("type"), item.get("channel")) if isinstance(item, dict) else (None, None)


async def _hang_up(client: AriClient, channel_id: str) -> None:
    try:
        await client.channels.handle(channel_id).hangup()
    except NotFound:
        return
