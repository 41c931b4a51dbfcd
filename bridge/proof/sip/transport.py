"""Sockets that record what passes them, before anything reads it: UDP, and for SIP also TCP and TLS."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, cast
from typing import Protocol as Like

from bridge.proof.capture import Address, Direction, Protocol, Recording
from bridge.proof.sip import certificate
from bridge.proof.sip.tasks import Tasks

Handler = Callable[[bytes, Address], None]

_LENGTH: Final = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*\r?$")
_END_OF_HEAD: Final = b"\r\n\r\n"
_LARGEST_HEAD: Final = 1 << 16


class Transport(StrEnum):
    """How SIP travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class SipSocket(Like):
    """What a peer speaks SIP by."""

    @property
    def address(self) -> Address: ...

    def send(self, data: bytes, destination: Address) -> None: ...

    def close(self) -> None: ...


class Disguise(Like):
    """What goes over the wire in the place of what is said; on record is what is said."""

    def put_on(self, data: bytes) -> bytes: ...

    def take_off(self, data: bytes) -> bytes:
        """What can't be taken off stays as it came."""


class UdpSocket(asyncio.DatagramProtocol):
    """One bound socket of a peer. `handler` gets each datagram after it was recorded."""

    def __init__(self, recording: Recording, protocol: Protocol, handler: Handler) -> None:
        self._recording = recording
        self._protocol = protocol
        self._handler = handler
        self._transport: asyncio.DatagramTransport | None = None
        self.disguise: Disguise | None = None

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
        self._transport.sendto(self.disguise.put_on(data) if self.disguise else data, destination)

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
        if self.disguise:
            data = self.disguise.take_off(data)
        self._recording.note(
            Direction.RECEIVED, self._protocol, source=source, destination=self.address, data=data
        )
        self._handler(data, source)

    def error_received(self, exc: Exception) -> None:
        """An ICMP answer says that a datagram was lost; the protocols above have timers for that."""


class _Connection(asyncio.Protocol):
    """A stream of messages (RFC 3261, section 18.3). `hear` gets each one whole, keep-alives as well.

    A stream that ends within a message is heard to its end. What is to be said before the connection is made
    waits for it.
    """

    def __init__(self, hear: Handler, made: Callable[[_Connection], None]) -> None:
        self.peer: Address = ("", 0)
        self._hear = hear
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._buffer = b""

    @property
    def ended(self) -> bool:
        return self._transport is not None and self._transport.is_closing()

    def say(self, data: bytes) -> None:
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("peername")[:2]
        self.peer = (str(host), int(port))
        self._made(self)
        for data in self._waiting:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while size := _size_of_message(self._buffer):
            message, self._buffer = self._buffer[:size], self._buffer[size:]
            self._hear(message, self.peer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._buffer.strip():
            self._hear(self._buffer, self.peer)


class StreamSocket:
    """A peer's SIP over TCP, or over TLS with a certificate that it makes for the occasion.

    It listens, and connects to whom it has no connection with yet. Nobody's certificate is asked for: what is
    looked at is what a PBX says, not whether it is the right one. `handler` gets each message after it was
    recorded.
    """

    def __init__(self, recording: Recording, handler: Handler, tasks: Tasks, *, tls: bool) -> None:
        self._recording = recording
        self._handler = handler
        self._tasks = tasks
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._address: Address = ("", 0)
        self._connections: dict[Address, _Connection] = {}

    @classmethod
    async def open(
        cls, address: Address, *, recording: Recording, handler: Handler, tasks: Tasks, tls: bool
    ) -> StreamSocket:
        """Listen; port 0 takes a free one. Raises OSError as `UdpSocket.open` does."""
        socket = cls(recording, handler, tasks, tls=tls)
        context = certificate.of_a_server(address[0]) if tls else None
        loop = asyncio.get_running_loop()
        socket._server = await loop.create_server(socket._connection, *address, ssl=context)
        host, port = socket._server.sockets[0].getsockname()[:2]
        socket._address = (str(host), int(port))
        return socket

    @property
    def address(self) -> Address:
        return self._address

    def send(self, data: bytes, destination: Address) -> None:
        """Record and send, by a connection that is there or is made. Where none can be, nobody answers."""
        if self._server is None:
            return
        self._recording.note(
            Direction.SENT, Protocol.SIP, source=self.address, destination=destination, data=data
        )
        connection = self._connections.get(destination)
        if connection is None or connection.ended:
            connection = self._connections[destination] = self._connection()
            self._tasks.start(self._connect(destination, connection), "a connection")
        connection.say(data)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None
        for connection in self._connections.values():
            connection.abort()

    def _connection(self) -> _Connection:
        return _Connection(self._hear, self._made)

    def _made(self, connection: _Connection) -> None:
        self._connections[connection.peer] = connection

    async def _connect(self, destination: Address, connection: _Connection) -> None:
        context = certificate.of_a_client() if self._tls else None
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: connection, *destination, ssl=context)
        except OSError:  # the transaction's timer tells that nobody has answered
            self._connections.pop(destination, None)

    def _hear(self, data: bytes, peer: Address) -> None:
        self._recording.note(
            Direction.RECEIVED, Protocol.SIP, source=peer, destination=self.address, data=data
        )
        self._handler(data, peer)


def _size_of_message(stream: bytes) -> int:
    """Of the first message, where all of it has come, else 0. A head that has no end counts as a message."""
    head = stream.find(_END_OF_HEAD)
    if head < 0:
        return len(stream) if len(stream) > _LARGEST_HEAD else 0
    size = head + len(_END_OF_HEAD)
    if length := _LENGTH.search(stream, 0, size):
        size += int(length[1])
    return size if size <= len(stream) else 0
