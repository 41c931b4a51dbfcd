"""The HTTP side of ARI: one function that sends, one place where errors are made."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from bridge.asterisk.ari.errors import AriError, LinkDown, MalformedAnswer, NotFound, error_for
from bridge.asterisk.ari.events import MAX_FRAME_BYTES, EventStream
from bridge.asterisk.ari.http import Answer, HttpClient
from bridge.asterisk.ari.ids import quoted_path
from bridge.asterisk.ari.resources import (
    Applications,
    Asterisk,
    Bridges,
    Channels,
    Endpoints,
    Playbacks,
    Recordings,
)

T = TypeVar("T")
Body = Mapping[str, Any]

_HANDSHAKE_SECONDS = 2.0
_CLOSING_SECONDS = 0.5


class AriClient:
    """A client of one Stasis application. Use it as `async with AriClient(...) as client:`.

    `url` is that of Asterisk's HTTP server, "http://127.0.0.1:8088", with or without "/ari" after it.
    `timeout` and `heartbeat` are seconds: for a whole command, and between pings on the event WebSocket.
    `replaced_pause` is how many seconds lie between two looks whether the application is free again, once
    another client has taken it over.

    Every method that sends raises a subclass of AriError, or UnusableId before anything is sent. No POST is
    ever sent twice. Parameters travel in JSON bodies, which Asterisk reads of GET and DELETE too: URLs end up
    in access logs.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        app: str,
        timeout: float = 5.0,
        heartbeat: float = 5.0,
        replaced_pause: float = 5.0,
    ) -> None:
        self.app = app
        self._base = _base_url(url)
        self._authorization = _basic(username, password)
        self._timeout = timeout
        self._heartbeat = heartbeat
        self._replaced_pause = replaced_pause
        self._session: aiohttp.ClientSession | None = None
        self._http: HttpClient | None = None
        self._streams: list[EventStream] = []
        self.channels = Channels(self)
        self.bridges = Bridges(self)
        self.playbacks = Playbacks(self)
        self.recordings = Recordings(self)
        self.applications = Applications(self)
        self.endpoints = Endpoints(self)
        self.asterisk = Asterisk(self)

    async def __aenter__(self) -> AriClient:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": self._authorization}, cookie_jar=aiohttp.DummyCookieJar()
        )
        self._http = HttpClient(self._base, self._authorization, timeout=self._timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection, and end every stream of events."""
        for stream in self._streams:
            await stream.close()
        if self._http is not None:
            self._http.close()
        if self._session is not None:
            await self._session.close()

    def events(self) -> EventStream:
        """The application's events, for `async for`. A second stream would replace the first one."""
        stream = EventStream(
            self._open_socket, is_served=self._is_served, replaced_pause=self._replaced_pause
        )
        self._streams.append(stream)
        return stream

    async def command(self, operation: str, method: str, *path: str, body: Body | None = None) -> None:
        """Send a request whose answer holds nothing of interest."""
        await self._send(operation, method, path, body)

    async def query(
        self, operation: str, method: str, *path: str, read: Callable[[Any], T], body: Body | None = None
    ) -> T:
        """Send a request and read its answer. Raises MalformedAnswer where `read` can make nothing of it."""
        answer = await self._send(operation, method, path, body)
        try:
            return read(json.loads(answer.content))
        except (KeyError, TypeError, ValueError, RecursionError):
            pass
        raise MalformedAnswer(operation, answer.status)

    async def fetch(self, operation: str, *path: str) -> bytes:
        """What a file holds."""
        return (await self._send(operation, "GET", path, None)).content

    async def _send(self, operation: str, method: str, path: tuple[str, ...], body: Body | None) -> Answer:
        if self._http is None:
            raise _used_outside()
        target = f"{self._base.raw_path}/{quoted_path(operation, path)}"
        content = None if body is None else json.dumps(body).encode()
        answer = await self._http.request(method, target, content)
        if answer is None:
            raise LinkDown(operation)
        if not 200 <= answer.status < 300:
            raise error_for(operation, answer.status)
        return answer

    async def _open_socket(self) -> aiohttp.ClientWebSocketResponse:
        # Without subscribeAll: the application hears of its own channels and bridges only.
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            return await self._open_session().ws_connect(
                self._base / "events" % {"app": self.app},
                heartbeat=self._heartbeat,
                max_msg_size=MAX_FRAME_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSING_SECONDS),
            )

    async def _is_served(self) -> bool:
        """Whether some client has the application; also while nobody can tell."""
        try:
            await self.applications.get(self.app)
        except NotFound:
            return False
        except AriError:
            return True
        return True

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise _used_outside()
        return self._session


def _used_outside() -> RuntimeError:
    return RuntimeError("AriClient is used outside of its 'async with'")


def _base_url(url: str) -> URL:
    base = URL(url.rstrip("/").removesuffix("/ari") + "/ari")
    if base.scheme not in {"http", "https"} or base.host is None:
        raise ValueError("the URL of ARI must look like http://127.0.0.1:8088")
    if base.user is not None or base.password is not None:
        raise ValueError("the URL of ARI must not hold the user or the password")
    return base


def _basic(username: str, password: str) -> str:
    """The Authorization header's value (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
