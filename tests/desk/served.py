"""The desk on a port of loopback, before a daemon on a socket: real HTTP on both sides."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import uvicorn
from example_daemon import SESSION, ExampleDaemon, make_app

from bridge.desk import cookies, csrf
from bridge.desk.server import server as desk_server
from bridge.desk.settings import DeskSettings


@asynccontextmanager
async def _serving(server: uvicorn.Server, listener: socket.socket) -> AsyncIterator[None]:
    """In this loop, and without uvicorn's signal handlers."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server._serve(sockets=[listener]))
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        try:
            yield
        finally:
            server.should_exit = True


@dataclass
class Page:
    status: int
    headers: Any
    text: str


@dataclass
class Browser:
    """A browser that does what it is told, signed in or not."""

    origin: str
    session: aiohttp.ClientSession
    daemon: ExampleDaemon

    async def get(self, path: str, *, signed_in: bool = True, **headers: str) -> Page:
        return await self.ask("GET", path, signed_in=signed_in, **headers)

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> Page:
        """A form of the desk's own page, with the token that it has."""
        data = {csrf.FIELD: csrf.token_of(SESSION), **(form or {})}
        return await self.ask("POST", path, data=data, **{"Sec-Fetch-Site": "same-origin", **headers})

    async def ask(
        self, method: str, path: str, *, signed_in: bool = True, data: Any = None, **headers: str
    ) -> Page:
        if signed_in:
            headers["Cookie"] = f"{cookies.SESSION}={SESSION}" + (
                f"; {headers['Cookie']}" if "Cookie" in headers else ""
            )
        async with self.session.request(
            method, self.origin + path, data=data, headers=headers, allow_redirects=False
        ) as answer:
            return Page(answer.status, answer.headers, await answer.text())


def settings_for(daemon_socket: Path, port: int, **changed: Any) -> DeskSettings:
    told = DeskSettings(
        socket=daemon_socket,
        origin=f"http://127.0.0.1:{port}",
        timezone=ZoneInfo("Europe/London"),
        language="en",
        host="127.0.0.1",
        port=port,
    )
    return replace(told, **changed)


@asynccontextmanager
async def served_desk(daemon: ExampleDaemon | None, folder: Path, **settings: Any) -> AsyncIterator[Browser]:
    """`daemon` None: there is none."""
    daemon_socket = folder / "desk.sock"
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    desk = desk_server(settings_for(daemon_socket, port, **settings))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        browser = Browser(f"http://127.0.0.1:{port}", session, daemon or ExampleDaemon())
        async with _serving(desk, listener):
            if daemon is None:
                yield browser
                return
            examples = uvicorn.Server(
                uvicorn.Config(make_app(daemon), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
            )
            with socket.socket(socket.AF_UNIX) as below:
                below.bind(str(daemon_socket))
                below.listen()
                async with _serving(examples, below):
                    yield browser
