"""The wire between one browser and the desk: everything that came over it, in the order in which it came."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
# RFC 9112, 7.1: what stands between two chunks could part a number.
CHUNK_FRAMING = re.compile(rb"\r\n[0-9a-fA-F]+\r\n")


class Wire:
    """Listens at `url`, passes everything on to the desk and back, and keeps what came back.

    With `tls` browsers come by it, and what is passed on goes without, as by a proxy.
    Answers come uncompressed: a browser's wish for anything else is not passed on.
    """

    def __init__(self, desk_port: int, tls: ssl.SSLContext | None = None) -> None:
        self._desk_port = desk_port
        self._tls = tls
        self._answers: list[bytearray] = []
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def received(self) -> list[bytes]:
        """All that came, a piece for each connection: as it came, and without what frames chunks."""
        return [
            piece
            for answers in self._answers
            for piece in {bytes(answers), CHUNK_FRAMING.sub(b"", bytes(answers))}
        ]

    def _accept(self, browser: asyncio.StreamReader, to_browser: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        self._connections.add(loop.create_task(self._pass_on(browser, to_browser)))

    async def _pass_on(self, browser: asyncio.StreamReader, to_browser: asyncio.StreamWriter) -> None:
        """Until either side closes."""
        async with _closed(to_browser):
            desk, to_desk = await asyncio.open_connection(HOST, self._desk_port)
            async with _closed(to_desk):
                answers = bytearray()
                self._answers.append(answers)
                await _until_one_ends(_copy(browser, to_desk), _copy(desk, to_browser, answers))


@contextlib.asynccontextmanager
async def _closed(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _until_one_ends(*copying: Coroutine[None, None, None]) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in copying]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


async def _copy(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, kept: bytearray | None = None
) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65536):
            if kept is None:
                piece = re.sub(rb"(?mi)^Accept-Encoding:.*\r\n", b"", piece)
            else:
                kept += piece
            target.write(piece)
            await target.drain()
