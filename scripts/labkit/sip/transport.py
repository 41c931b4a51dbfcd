"""UDP sockets that record what passes them, before anything reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from labkit.capture import Address, Direction, Protocol, Recording

Handler = Callable[[bytes, Address], None]


class UdpSocket(asyncio.DatagramProtocol):
    """One bound socket of a peer. `handler` gets each datagram after it was recorded."""

    def __init__(self, recording: Recording, protocol: Protocol, handler: Handler) -> None:
        self._recording = recording
        self._protocol = protocol
        self._handler = handler
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(
        cls, address: Address, *, recording: Recording, protocol: Protocol, handler: Handler
    ) -> UdpSocket:
        """Bind; port 0 takes a free one. Raises OSError when the address is taken or not this machine's."""
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_datagram_endpoint(
            lambda: cls(recording, protocol, handler), local_addr=address
        )
        return socket

    @property
    def address(self) -> Address:
        host, port = self._open_transport().get_extra_info("sockname")[:2]
        return str(host), int(port)

    def send(self, data: bytes, destination: Address) -> None:
        """Record and send. On a closed socket nothing happens: late timers may still fire."""
        if self._transport is None or self._transport.is_closing():
            return
        self._recording.note(
            Direction.SENT, self._protocol, source=self.address, destination=destination, data=data
        )
        self._transport.sendto(data, destination)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _open_transport(self) -> asyncio.DatagramTransport:
        if self._transport is None:
            raise RuntimeError("the socket is not open")
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own UDP transport is no subclass of DatagramTransport on every Python.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        source = (addr[0], addr[1])
        self._recording.note(
            Direction.RECEIVED, self._protocol, source=source, destination=self.address, data=data
        )
        self._handler(data, source)

    def error_received(self, exc: Exception) -> None:
        """An ICMP answer says that a datagram was lost; the protocols above have timers for that."""
