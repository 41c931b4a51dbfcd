"""The way between the daemon and Asterisk's ARI, which can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bridge.proof.capture import Address

_CHUNK_BYTES = 65536
_RESET = struct.pack("@ii", 1, 0)  # socket(7), SO_LINGER: closing lingers for no time at all
_ATTACHING = b"GET /ari/events"
_CAPPING = b"/variable HTTP/1.1\r\n"


class Link:
    """A TCP proxy in front of `target`; see `open_link`.

    Moments are those of time.time(). `attached_at` is when a daemon last asked for events, with which its
    taking over begins. `capped_at` has when it set a channel's variable since: the cap on a leg's time, which
    it renews when it has taken a conversation over.
    """

    def __init__(self, target: Address) -> None:
        self.attached_at = 0.0
        self.capped_at: list[float] = []
        self._target = target
        self._server: asyncio.Server | None = None
        self._address: Address = ("127.0.0.1", 0)
        self._writers: set[asyncio.StreamWriter] = set()
        self._forwarding: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        return self._address

    async def open(self) -> None:
        """Let connections through, at the same address as before."""
        self._server = await asyncio.start_server(self._connected, *self._address)
        self._address = self._server.sockets[0].getsockname()[:2]

    async def cut(self) -> None:
        """Reset every connection, and refuse new ones until `open`."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        if self._forwarding:
            await asyncio.wait(self._forwarding)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer), name="link")
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer, self._note))
                both.create_task(self._pass_on(far_reader, writer, _let_pass))
        finally:
            self._writers -= ends

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], None]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                note(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    def _note(self, data: bytes) -> None:
        """aiohttp hands a request over in one piece."""
        if data.startswith(_ATTACHING):
            self.attached_at = time.time()
            self.capped_at.clear()
        self.capped_at += [time.time()] * data.count(_CAPPING)


def _let_pass(_data: bytes) -> None:
    """Asterisk's answers say nothing of interest here."""


@asynccontextmanager
async def open_link(target: Address) -> AsyncIterator[Link]:
    link = Link(target)
    await link.open()
    try:
        yield link
    finally:
        await link.cut()
