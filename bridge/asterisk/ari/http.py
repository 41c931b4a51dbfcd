"""As much of HTTP/1.1 (RFC 9112) as ARI's commands need: small answers on a few kept connections.

A call waits for its commands one after the other, and a client for the whole of HTTP takes longer over one
than Asterisk does. Nothing is pipelined: a connection carries one request at a time.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass
from typing import Final, cast

from yarl import URL

# Asterisk closes an idle connection after 15 s (http.conf, session_keep_alive) and listens with a backlog of
# 10: more connections at once meet a full backlog and wait a second for the next SYN.
_CONNECTIONS: Final = 8
_KEEP_ALIVE_SECONDS: Final = 10.0

_STOOD_STILL_SECONDS: Final = 0.25
"""A timer that fires so late tells that this process has stood still, and most likely the whole machine."""

_MOST_BYTES: Final = 16 * 1024 * 1024
"""Of an answer. The longest is a list of channels, of less than a kilobyte each."""

_MAY_BE_REPEATED: Final = frozenset({"GET", "PUT", "DELETE"})  # RFC 9110, section 9.2.2

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?\r\n")
_CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_TRANSFER_ENCODING: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CONNECTION: Final = re.compile(rb"\r\nconnection:[ \t]*([^\r\n \t]*)", re.IGNORECASE)
_CHUNK_LENGTH: Final = re.compile(rb"([0-9A-Fa-f]{1,7})[ \t]*(?:;.*)?")


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    status: int
    content: bytes


class Garbled(ValueError):
    """No HTTP, or more of it than is read here. Says nothing of what came."""


@dataclass(frozen=True, slots=True, repr=False)
class Read:
    """A whole answer, whether the connection stays open, and how many bytes the answer took."""

    answer: Answer
    keeps_open: bool
    size: int


def read_answer(received: bytes | bytearray) -> Read | None:
    """The answer at the beginning of what was received; None where some of it is still to come.

    Raises Garbled, also for an answer whose end only the connection's end would tell: Asterisk has none.
    """
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = bytes(received[: head_end + 2])
    status_line = _STATUS_LINE.match(head)
    if status_line is None:
        raise Garbled
    status = int(status_line[2])
    content = _content(status, head, received, head_end + 4)
    if content is None:
        return None
    said = _CONNECTION.search(head)
    keeps_open = said[1].lower() != b"close" if said else status_line[1] == b"1"
    return Read(Answer(status, content[0]), keeps_open, content[1])


def _content(status: int, head: bytes, received: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    """The content and where it ends (RFC 9112, section 6.3); None where some of it is still to come."""
    if status < 200:
        raise Garbled  # an interim answer, which nobody here has asked for
    if status in {204, 304}:
        return b"", start
    if (encoding := _TRANSFER_ENCODING.search(head)) is not None:
        if encoding[1].lower() != b"chunked":
            raise Garbled
        return _chunks(received, start)
    length = _CONTENT_LENGTH.search(head)
    if length is None:
        raise Garbled
    end = start + int(length[1])
    return (bytes(received[start:end]), end) if len(received) >= end else None


def _chunks(received: bytes | bytearray, start: int) -> tuple[bytes, int] | None:
    """As `_content`, of content in chunks (RFC 9112, section 7.1); trailers are not read."""
    content = bytearray()
    while (line_end := received.find(b"\r\n", start)) >= 0:
        length = _CHUNK_LENGTH.fullmatch(received[start:line_end])
        if length is None:
            raise Garbled
        begin, size = line_end + 2, int(length[1], 16)
        start = begin + size + 2
        if len(received) < start:
            return None
        if received[start - 2 : start] != b"\r\n":
            raise Garbled
        if size == 0:
            return bytes(content), start
        content += received[begin : begin + size]
    return None


class _Connection(asyncio.Protocol):
    """One connection. `idle_since` is the loop's time at which its last answer was read."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self.heard_nothing = True
        """Whether no byte of the answer to the last request has come."""
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[Answer | None] | None = None

    @property
    def is_free(self) -> bool:
        """Whether it is open, and waits for no answer."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._waiting is None

    async def ask(self, request: bytes, deadline: float) -> Answer | None:
        """Send a request and wait for its answer; None where none comes, or none that can be read.

        `deadline` is of the loop's time. What has come is taken though the loop gets to it too late.
        """
        self.heard_nothing = True
        if self._transport is None or self._transport.is_closing():
            return None
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        self._transport.write(request)
        self._be_patient(deadline, deadline - loop.time())
        try:
            return await self._waiting
        finally:
            self._patience.cancel()

    def _be_patient(self, deadline: float, seconds: float) -> None:
        self._patience = asyncio.get_running_loop().call_at(deadline, self._give_up, deadline, seconds)

    def _give_up(self, deadline: float, seconds: float) -> None:
        """Unless nobody could have answered in time: then the server has its `seconds` once more."""
        now = asyncio.get_running_loop().time()
        if now - deadline > _STOOD_STILL_SECONDS:
            self._be_patient(now + seconds, seconds)
        else:
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end()

    # --- what asyncio tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard_nothing = False
        self._received += data
        try:
            read = read_answer(self._received)
        except Garbled:
            self.close()
            return
        if read is not None:
            self._take(read)
        elif len(self._received) > _MOST_BYTES:
            self.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._end()

    def _take(self, read: Read) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(read.answer)
        if waiting is None or not read.keeps_open or read.size != len(self._received):
            self.close()  # the server will close it, or has said what nobody had asked
        self._received.clear()
        self.idle_since = asyncio.get_running_loop().time()

    def _end(self) -> None:
        """Nothing more comes: whoever waits for an answer has none."""
        self._transport = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


class HttpClient:
    """Requests to one server, by a few connections. `timeout` is seconds, for a whole request.

    `authorization` is a header's value. The server's certificate is checked where `base` is an https URL.
    """

    def __init__(self, base: URL, authorization: str, *, timeout: float) -> None:
        assert base.host is not None and base.port is not None  # noqa: S101, PT018 - it is an http(s) URL
        self._host, self._port = base.host, base.port
        self._ssl = ssl.create_default_context() if base.scheme == "https" else None
        self._headers = (
            f"HTTP/1.1\r\nHost: {base.host_port_subcomponent}\r\nAuthorization: {authorization}\r\n"
        )
        self._timeout = timeout
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._kept: list[_Connection] = []
        """Free ones, the last used at the end."""
        self._busy: set[_Connection] = set()
        self._closed = False

    async def request(self, method: str, target: str, content: bytes | None) -> Answer | None:
        """Send JSON `content`, if any, and return the answer; None where none came in time.

        A GET, PUT or DELETE is repeated once where a kept connection turns out to have been closed meanwhile;
        a POST never is.
        """
        request = self._request(method, target, content)
        deadline = asyncio.get_running_loop().time() + self._timeout
        if not await self._take_place(deadline):
            return None
        try:
            return await self._exchange(request, deadline, may_be_repeated=method in _MAY_BE_REPEATED)
        except OSError:  # TimeoutError is one
            return None
        finally:
            self._places.release()

    def close(self) -> None:
        """Close every connection; whoever waits for an answer has none."""
        self._closed = True
        for connection in (*self._kept, *self._busy):
            connection.close()

    async def _take_place(self, deadline: float) -> bool:
        """False where none is free in time. Mostly one is, and then no timer is made for it."""
        if not self._places.locked():
            return await self._places.acquire()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._places.acquire()
        except TimeoutError:
            return False

    def _request(self, method: str, target: str, content: bytes | None) -> bytes:
        head = f"{method} {target} {self._headers}"
        if content is None:
            return f"{head}Content-Length: 0\r\n\r\n".encode()
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content

    async def _exchange(self, request: bytes, deadline: float, *, may_be_repeated: bool) -> Answer | None:
        """Raises OSError where no connection can be had in time."""
        kept = self._take_kept()
        if kept is not None:
            answer = await self._ask(kept, request, deadline)
            in_time = asyncio.get_running_loop().time() < deadline
            if answer is not None or not (may_be_repeated and kept.heard_nothing and in_time):
                return answer
        async with asyncio.timeout_at(deadline):
            connection = await self._connect()
        return await self._ask(connection, request, deadline)

    async def _ask(self, connection: _Connection, request: bytes, deadline: float) -> Answer | None:
        self._busy.add(connection)
        try:
            return await connection.ask(request, deadline)
        finally:
            self._busy.discard(connection)
            if connection.is_free and not self._closed:
                self._kept.append(connection)
            else:
                connection.close()

    def _take_kept(self) -> _Connection | None:
        """The one last used; Asterisk may be about to close those that have been idle for long."""
        oldest = asyncio.get_running_loop().time() - _KEEP_ALIVE_SECONDS
        while self._kept:
            connection = self._kept.pop()
            if connection.is_free and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        """Raises OSError."""
        if self._closed:
            raise ConnectionAbortedError
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port, ssl=self._ssl)
        return connection
