"""The link that can be cut: it passes everything on until then, and is at the same address afterwards."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from labkit.crowd.link import Link, open_link

ATTACHING = b"GET /ari/events?app=call-bridge HTTP/1.1\r\n\r\n"
CAPPING = b"POST /ari/channels/cb-a/variable HTTP/1.1\r\n\r\n"


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """To a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(1000):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, open_link(server.sockets[0].getsockname()) as link:
        yield link


async def said_back(link: Link, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*link.address)
    writer.write(text)
    answer = await reader.readexactly(len(text))
    writer.close()
    return answer


async def test_what_goes_through_is_not_changed(link: Link) -> None:
    text = bytes(range(256)) * 1000
    assert await said_back(link, text) == text


async def test_a_cut_resets_connections_and_refuses_new_ones_until_it_is_mended(link: Link) -> None:
    address = link.address
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"x")
    await reader.readexactly(1)
    await link.cut()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)
    await link.open()
    assert link.address == address
    assert await said_back(link, b"again") == b"again"


async def test_a_successor_and_what_it_renews_are_noted(link: Link) -> None:
    await said_back(link, CAPPING)
    await said_back(link, ATTACHING)
    assert link.attached_at > 0
    assert link.capped_at == [], "those before were its predecessor's"
    for _ in range(3):
        await said_back(link, CAPPING)
    assert len(link.capped_at) == 3
    assert min(link.capped_at) >= link.attached_at
