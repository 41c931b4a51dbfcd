"""As much of HTTP/1.1 (RFC 9112) and WebSocket (RFC 6455) as passes between a client of ARI and Asterisk."""

from __future__ import annotations

import asyncio
import re
import struct
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

_TEXT, _FINAL = 0x1, 0x80
_LENGTH: Final = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_UPGRADE: Final = re.compile(rb"^upgrade:\s*websocket", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """A request as it was read; `path` begins after /ari."""

    method: str
    path: str
    head: bytes
    body: bytes

    @property
    def opens_socket(self) -> bool:
        return _UPGRADE.search(self.head) is not None


@dataclass(frozen=True)
class Response:
    status: int
    head: bytes
    body: bytes


@dataclass(frozen=True)
class Frame:
    """One WebSocket frame of a server's, which is never masked."""

    first: int
    payload: bytes

    @property
    def is_text(self) -> bool:
        """Whether it is a whole text message: Asterisk sends each event so."""
        return self.first == _FINAL | _TEXT

    def encode(self) -> bytes:
        size = len(self.payload)
        if size < 126:
            return struct.pack("!BB", self.first, size) + self.payload
        if size < 0x10000:
            return struct.pack("!BBH", self.first, 126, size) + self.payload
        return struct.pack("!BBQ", self.first, 127, size) + self.payload


def text_frame(text: str) -> Frame:
    return Frame(_FINAL | _TEXT, text.encode())


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Raises IncompleteReadError at the connection's end."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    path = target.partition("?")[0].removeprefix("/ari/")
    return Request(method, path, head, await _body(head, reader))


async def read_response(reader: asyncio.StreamReader) -> Response:
    """Raises IncompleteReadError at the connection's end."""
    head = await reader.readuntil(b"\r\n\r\n")
    return Response(int(head.split(b" ", 2)[1]), head, await _body(head, reader))


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Raises IncompleteReadError at the connection's end."""
    first, size = await reader.readexactly(2)
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    return Frame(first, await reader.readexactly(size))


def empty_response(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: 0\r\n\r\n".encode()


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    found = _LENGTH.search(head)
    return await reader.readexactly(int(found[1])) if found else b""
