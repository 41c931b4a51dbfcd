"""Commands share a few kept connections, and no answer is ever taken for another's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from ari_lab import APP, PASSWORD, USER, url_of

from bridge.asterisk.ari import AriClient, LinkDown

MOST_CONNECTIONS = 8

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Hands the path of each request to `handle`, and counts connections."""

    def __init__(self, handle: Handler) -> None:
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._handle = handle

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                await reader.readexactly(int(head.partition("Content-Length: ")[2].split()[0]))
                await self._handle(head.split()[1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def served(handle: Handler, *, patience: float = 5.0) -> AsyncIterator[tuple[Server, AriClient]]:
    server = Server(handle)
    async with (
        await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening,
        AriClient(url_of(listening), USER, PASSWORD, app=APP, timeout=patience) as client,
    ):
        yield server, client


def answer(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())


async def value_of(client: AriClient, channel: str) -> str:
    return await client.channels.handle(channel).get_variable("WHO")


def who(path: str) -> str:
    """What the server says of the channel in the path."""
    return f'{{"value": "{path.split("/")[3]}"}}'


async def test_one_command_after_the_other_is_one_connection() -> None:
    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        answer(writer, who(path))

    async with served(reply) as (server, client):
        assert [await value_of(client, f"c{count}") for count in range(20)] == [f"c{n}" for n in range(20)]
        assert server.connections == 1


async def test_many_commands_at_once_share_a_few_connections_and_each_has_its_own_answer() -> None:
    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        answer(writer, who(path))

    async with served(reply) as (server, client):
        names = [f"c{count}" for count in range(50)]
        assert await asyncio.gather(*(value_of(client, name) for name in names)) == names
        assert server.most_open == MOST_CONNECTIONS


async def test_a_late_answer_is_nobodys() -> None:
    late = asyncio.Event()

    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        if "slow" in path:
            await late.wait()
        answer(writer, who(path))

    async with served(reply, patience=0.2) as (server, client):
        assert await value_of(client, "quick") == "quick"
        with pytest.raises(LinkDown):
            await value_of(client, "slow")
        late.set()
        assert await value_of(client, "next") == "next"
        assert server.connections == 2


async def test_an_answer_counts_though_this_process_has_stood_still_until_it_was_too_late() -> None:
    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        time.sleep(2.5 * patience)  # noqa: ASYNC251 - of the server and the client, as of one machine
        answer(writer, who(path))

    patience = 0.2
    async with served(reply, patience=patience) as (server, client):
        assert [await value_of(client, f"c{count}") for count in range(3)] == ["c0", "c1", "c2"]
        assert server.connections == 1


async def test_a_server_that_is_silent_after_the_process_has_stood_still_is_given_up() -> None:
    async def be_silent(_path: str, _writer: asyncio.StreamWriter) -> None:
        time.sleep(0.5)  # noqa: ASYNC251
        await asyncio.Event().wait()

    async with asyncio.timeout(20), served(be_silent, patience=0.2) as (_, client):
        with pytest.raises(LinkDown):
            await value_of(client, "nobody")


async def test_a_command_that_nobody_waits_for_any_more_leaves_no_answer_behind() -> None:
    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        answer(writer, who(path))

    async with served(reply) as (_, client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(value_of(client, "given-up"), 0.01)
        assert await value_of(client, "next") == "next"


async def test_what_nobody_asked_for_costs_the_connection_and_is_no_answer() -> None:
    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        answer(writer, who(path))
        answer(writer, who("/ari/channels/another"))

    async with served(reply) as (server, client):
        assert [await value_of(client, f"c{count}") for count in range(3)] == ["c0", "c1", "c2"]
        assert server.connections == 3


async def test_a_server_that_says_close_is_connected_to_anew() -> None:
    async def reply(path: str, writer: asyncio.StreamWriter) -> None:
        text = who(path)
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n"
        writer.write(f"{head}{text}".encode())
        writer.close()

    async with served(reply) as (server, client):
        assert [await value_of(client, f"c{count}") for count in range(3)] == ["c0", "c1", "c2"]
        assert server.connections == 3


async def test_whoever_waits_when_the_client_is_closed_has_no_answer() -> None:
    async def be_silent(_path: str, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with served(be_silent) as (server, client):
        asked = asyncio.gather(
            *(value_of(client, f"c{n}") for n in range(MOST_CONNECTIONS + 1)), return_exceptions=True
        )
        while server.open < MOST_CONNECTIONS:
            await asyncio.sleep(0.01)
        await client.close()
        assert {type(outcome) for outcome in await asked} == {LinkDown}
