"""The event side of ARI: a WebSocket that is opened again for as long as somebody listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp

Event = dict[str, Any]

# ARI's events are a few kilobytes. A larger one is dropped; a frame beyond MAX_FRAME_BYTES is not even read
# and costs the link, since what follows it cannot be found without reading it.
MAX_EVENT_CHARACTERS = 256 * 1024
MAX_FRAME_BYTES = 4 * 1024 * 1024

# Two seconds after Asterisk is back the link must be: 1.8 s of waiting leave the rest for the handshake.
_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 1.8
# A link that lived less long does not count as recovered, lest a server that hangs up at once be called in a
# tight loop.
_STABLE_SECONDS = 2.0


class LinkFault(StrEnum):
    """Why there is no link."""

    CLOSED = "closed"  # Asterisk ended it, cleanly or not
    SILENT = "silent"  # no answer to a ping
    GARBLED = "garbled"  # not WebSocket (RFC 6455), or a frame beyond MAX_FRAME_BYTES
    UNREACHABLE = "unreachable"  # refused, or no handshake in time
    NOT_READY = "not ready"  # a handshake refused by status, as a starting Asterisk does (404, then 503)
    DENIED = "denied"  # 401 or 403: no waiting will heal it
    REPLACED = "replaced"  # told by the item ApplicationReplaced, never by Disconnected


@dataclass(frozen=True, slots=True)
class Connected:
    """Events arrive from here on. Those since the last link are lost: ask Asterisk what there is now."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No events arrive. Calls go on in Asterisk meanwhile."""

    reason: LinkFault


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client took the application over; as good as Disconnected until the next Connected.

    That comes when nobody serves the application any more: whoever was replaced does not fight.
    """


Item = Connected | Disconnected | ApplicationReplaced | Event


class EventStream:
    """An endless iterator over events and the state of the link; it never raises for what Asterisk sends.

    An outage is told once, by one Disconnected, at the start as well as later; only LinkFault.DENIED is told
    besides, when it turns up, because it needs a person. Frames that hold no event (not JSON, no object,
    binary, too large) are counted in `dropped` and forgotten.

    The consumer must be quick: hand an event on and come back. ARI cuts off a reader to whom it cannot write
    for 100 ms (websocket_write_timeout in ari.conf). While the consumer awaits something, aiohttp reads on
    into its own bounded buffer and then the kernel into the socket's; beyond those the link is cut and told
    as Disconnected. So there is no queue here, which could only lose events unseen.
    """

    def __init__(
        self,
        open_socket: Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]],
        *,
        is_served: Callable[[], Awaitable[bool]],
        replaced_pause: float,
    ) -> None:
        self.dropped = 0
        self._open_socket = open_socket
        self._is_served = is_served
        self._replaced_pause = replaced_pause
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        # The socket while it serves. A lost one is closed only before the next attempt: closing takes a
        # while, and a consumer that gives up meanwhile must not miss that the link is lost.
        self._link: aiohttp.ClientWebSocketResponse | None = None
        self._backoff = Backoff()
        self._next_attempt: float | None = None  # in the loop's time
        self._told: LinkFault | None = None
        self._closing = asyncio.Event()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Item:
        while True:
            link = self._link
            item = await (self._connect() if link is None else self._next_of(link))
            if self._closing.is_set():
                await self._drop_socket()
                raise StopAsyncIteration
            if item is not None:
                return item

    async def close(self) -> None:
        """End the iteration, also from another task."""
        self._closing.set()
        await self._drop_socket()

    async def _connect(self) -> Connected | Disconnected | None:
        """Wait, then try once. None for a failure that is not worth telling, and when closed meanwhile."""
        await self._drop_socket()
        await self._wait_for_turn()
        if self._closing.is_set() or await self._must_stand_back():
            return None
        try:
            self._socket = self._link = await self._open_socket()
        except aiohttp.WSServerHandshakeError as error:
            return self._news_of(LinkFault.DENIED if error.status in {401, 403} else LinkFault.NOT_READY)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return self._news_of(LinkFault.UNREACHABLE)
        self._backoff.link_is_up()
        return Connected()

    async def _must_stand_back(self) -> bool:
        """Two that take the application from each other in turn would lose calls each time."""
        if self._told is not LinkFault.REPLACED or not await self._is_served():
            return False
        self._backoff.stand_back(self._replaced_pause)
        return True

    def _news_of(self, fault: LinkFault) -> Disconnected | None:
        if self._told is not None and (fault is not LinkFault.DENIED or self._told is LinkFault.DENIED):
            return None
        self._told = fault
        return Disconnected(fault)

    async def _wait_for_turn(self) -> None:
        """Wait for the next attempt's moment. A consumer that gives up and asks again does not put it off."""
        if self._next_attempt is None:
            self._next_attempt = asyncio.get_running_loop().time() + self._backoff.next_wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._next_attempt):
                await self._closing.wait()
        self._next_attempt = None

    async def _next_of(self, socket: aiohttp.ClientWebSocketResponse) -> Item | None:
        """The next item; None for a frame that holds no event."""
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return self._read(message.data)
        if message.type is aiohttp.WSMsgType.BINARY:
            self.dropped += 1
            return None
        return self._lose_link(_fault_of(message))

    def _read(self, text: str) -> Event | ApplicationReplaced | None:
        event = _parse(text)
        if event is None:
            self.dropped += 1
            return None
        if event.get("type") == "ApplicationReplaced":
            return self._give_way()
        return event

    def _lose_link(self, fault: LinkFault) -> Disconnected:
        if fault is LinkFault.GARBLED:
            self.dropped += 1
        self._told = fault
        self._backoff.link_is_down()
        self._link = None
        return Disconnected(fault)

    def _give_way(self) -> ApplicationReplaced:
        """Asterisk leaves the old socket open and silent; coming back would replace the other one."""
        self._told = LinkFault.REPLACED
        self._backoff.stand_back(self._replaced_pause)
        self._link = None
        return ApplicationReplaced()

    async def _drop_socket(self) -> None:
        socket, self._socket, self._link = self._socket, None, None
        if socket is not None:
            await socket.close()


class Backoff:
    """How long to wait before the next attempt: not at first, then doubling up to a limit, with jitter."""

    def __init__(self) -> None:
        self._attempts = 0
        self._pause = 0.0
        self._up_since = 0.0

    def next_wait(self) -> float:
        """Seconds to wait now; counts as an attempt."""
        pause, self._pause = self._pause, 0.0
        self._attempts += 1
        if self._attempts == 1:
            return pause
        longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0 ** min(self._attempts - 2, 10))
        return pause + longest * random.uniform(0.5, 1)  # noqa: S311 - jitter is no secret

    def link_is_up(self) -> None:
        self._up_since = asyncio.get_running_loop().time()

    def link_is_down(self) -> None:
        if asyncio.get_running_loop().time() - self._up_since >= _STABLE_SECONDS:
            self._attempts = 0

    def stand_back(self, seconds: float) -> None:
        self._attempts = 0
        self._pause = seconds


def _parse(text: str) -> Event | None:
    if len(text) > MAX_EVENT_CHARACTERS:
        return None
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):  # RecursionError: a thousand brackets deep
        return None
    return event if isinstance(event, dict) else None


def _fault_of(message: aiohttp.WSMessage) -> LinkFault:
    if message.type is aiohttp.WSMsgType.ERROR:
        silent = isinstance(message.data, aiohttp.ServerTimeoutError)
        return LinkFault.SILENT if silent else LinkFault.GARBLED
    return LinkFault.CLOSED
