"""The connection to AMI, by panoramisk: made again for ever, and asked now and again whether it is alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from panoramisk import Manager  # type: ignore[import-untyped]

_SECONDS_TO_CONNECT: Final = 5.0
_SECONDS_TO_ANSWER: Final = 5.0
_SECONDS_BETWEEN_PINGS: Final = 10.0
_CLASSES: Final = "system,security"
"""Of events. What the user in manager.conf may read is no more; this holds where somebody has let it."""

Hear = Callable[[Mapping[str, object]], None]


class AmiUnavailable(Exception):
    """No connection, or none any more; the message says why, and has nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class AmiAccess:
    host: str
    port: int
    user: str
    secret: str = field(repr=False)


def _silent_log() -> logging.Logger:
    """panoramisk writes messages down whole, the one with our secret included."""
    silent = logging.getLogger("call-bridge.panoramisk")
    silent.disabled = True
    return silent


class _Connection(Manager):  # type: ignore[misc]
    """One connection. panoramisk's own way to come back knows no end and no longer waits; ours is below."""

    def __init__(self, access: AmiAccess, hear: Hear) -> None:
        super().__init__(
            host=access.host,
            port=access.port,
            username=access.user,
            secret=access.secret,
            events=_CLASSES,
            log=_silent_log(),
            loop=asyncio.get_running_loop(),
        )
        self.lost = asyncio.Event()
        self._hear = hear

    def connection_made(self, connecting: asyncio.Future[Any]) -> None:
        if not connecting.cancelled() and connecting.exception() is None:
            super().connection_made(connecting)

    def connection_lost(self, exc: object) -> None:
        self.lost.set()

    def ping(self) -> None:
        """panoramisk's own waits for no answer, so a connection that is half open goes unnoticed."""

    def dispatch(self, event: Mapping[str, object]) -> list[str]:
        self._hear(event)
        return []


@asynccontextmanager
async def connected(access: AmiAccess, hear: Hear) -> AsyncIterator[_Connection]:
    """A connection that has been let in; `hear` is told each event. Raises AmiUnavailable."""
    connection = _Connection(access, hear)
    try:
        await _enter(connection)
        yield connection
    finally:
        connection.close()


async def _enter(connection: _Connection) -> None:
    try:
        async with asyncio.timeout(_SECONDS_TO_CONNECT):
            await connection.connect()
            entering = connection.authenticated_future
            answer = await entering
    except (OSError, TimeoutError) as error:
        raise AmiUnavailable(type(error).__name__) from None
    if not answer.success:
        raise AmiUnavailable("AMI turns this user away")


async def stay(connection: _Connection) -> None:
    """Return never: raises AmiUnavailable when the connection is lost, or answers no more."""
    while True:
        try:
            async with asyncio.timeout(_SECONDS_BETWEEN_PINGS):
                await connection.lost.wait()
        except TimeoutError:
            await _ping(connection)
        else:
            raise AmiUnavailable("the connection was closed")


async def _ping(connection: _Connection) -> None:
    try:
        async with asyncio.timeout(_SECONDS_TO_ANSWER):
            await connection.send_action({"Action": "Ping"})
    except TimeoutError:
        raise AmiUnavailable("no answer to a ping") from None
