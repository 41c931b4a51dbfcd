"""The event WebSocket when the link, Asterisk or another client fails it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from ari_lab import APP, PASSWORD, USER, Ear, RunningAsterisk, url_of

from bridge.asterisk.ari import ApplicationReplaced, AriClient, Connected, Disconnected, LinkFault
from bridge.asterisk.ari.events import Backoff


class Proxy:
    """A TCP proxy in front of Asterisk that can fall silent with every connection left open."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self._pumps = asyncio.TaskGroup()
        self.url = ""

    async def __aenter__(self) -> Proxy:
        await self._pumps.__aenter__()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = url_of(self._server)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.heal()
        assert self._server is not None
        self._server.close()
        await self._pumps.__aexit__(None, None, None)

    def fall_silent(self) -> None:
        self._flows.clear()

    def heal(self) -> None:
        self._flows.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._pumps.create_task(self._pump(reader, far_writer))
        self._pumps.create_task(self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def proxy(asterisk: RunningAsterisk) -> AsyncIterator[Proxy]:
    async with Proxy(asterisk.address) as proxy:
        yield proxy


async def test_the_link_is_back_within_two_seconds_of_asterisk(asterisk: RunningAsterisk, ear: Ear) -> None:
    asterisk.kill()
    assert await ear.next() == Disconnected(LinkFault.CLOSED)
    with pytest.raises(TimeoutError):  # an outage long enough for the waits to have grown to the longest
        await ear.next(seconds=3.5)

    async def back_at() -> float:
        assert await ear.next(seconds=30) == Connected()
        return time.monotonic()

    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(asyncio.to_thread(asterisk.start))
        listening = tasks.create_task(back_at())
    assert listening.result() - starting.result() < 2


async def test_commands_work_again_after_a_restart(
    asterisk: RunningAsterisk, client: AriClient, ear: Ear
) -> None:
    before = (await client.asterisk.info()).started
    asterisk.kill()
    await asyncio.to_thread(asterisk.start)
    assert (await client.asterisk.info()).started >= before
    assert await ear.next() == Disconnected(LinkFault.CLOSED)
    assert await ear.next() == Connected()


async def test_an_outage_from_the_start_is_told_once(unused_tcp_port: int) -> None:
    async with AriClient(f"http://127.0.0.1:{unused_tcp_port}", USER, PASSWORD, app=APP) as client:
        ear = Ear(client.events())
        assert await ear.next() == Disconnected(LinkFault.UNREACHABLE)
        with pytest.raises(TimeoutError):
            await ear.next(seconds=0.7)  # several attempts later


async def test_an_impatient_consumer_does_not_put_off_the_next_attempt(
    asterisk: RunningAsterisk, ear: Ear
) -> None:
    asterisk.kill()
    assert await ear.next() == Disconnected(LinkFault.CLOSED)
    await asyncio.to_thread(asterisk.start)
    item: object = None
    async with asyncio.timeout(5):
        while item is None:
            with contextlib.suppress(TimeoutError):
                item = await ear.next(seconds=0.03)
    assert item == Connected()


async def test_a_wrong_password_is_told_as_such(asterisk: RunningAsterisk) -> None:
    async with AriClient(asterisk.url, USER, PASSWORD + "x", app=APP) as client:
        assert await Ear(client.events()).next() == Disconnected(LinkFault.DENIED)


async def test_a_client_that_is_replaced_learns_of_it_and_stands_back(
    asterisk: RunningAsterisk, ear: Ear
) -> None:
    async with AriClient(asterisk.url, USER, PASSWORD, app=APP) as other:
        others = Ear(other.events())
        assert await others.next() == Connected()
        assert await ear.next() == ApplicationReplaced()
        with pytest.raises(TimeoutError):
            await ear.next(seconds=1)
        with pytest.raises(TimeoutError):  # nor was the other one replaced in its turn
            await others.next(seconds=0.1)


async def test_a_replaced_client_comes_back_when_the_other_is_gone_and_not_before(
    asterisk: RunningAsterisk,
) -> None:
    async with AriClient(asterisk.url, USER, PASSWORD, app=APP, replaced_pause=0.1) as first:
        firsts = Ear(first.events())
        assert await firsts.next() == Connected()
        async with AriClient(asterisk.url, USER, PASSWORD, app=APP) as second:
            seconds = Ear(second.events())
            assert await seconds.next() == Connected()
            assert await firsts.next() == ApplicationReplaced()
            with pytest.raises(TimeoutError):  # several looks later
                await firsts.next(seconds=1)
            with pytest.raises(TimeoutError):
                await seconds.next(seconds=0.1)
        assert await firsts.next() == Connected()


async def test_a_half_open_link_is_noticed_within_three_heartbeats(proxy: Proxy) -> None:
    heartbeat = 0.4
    async with AriClient(proxy.url, USER, PASSWORD, app=APP, heartbeat=heartbeat) as client:
        ear = Ear(client.events())
        assert await ear.next() == Connected()
        proxy.fall_silent()
        assert await ear.next(seconds=3 * heartbeat) == Disconnected(LinkFault.SILENT)
        proxy.heal()
        assert await ear.next() == Connected()


async def test_a_command_into_a_half_open_link_ends_in_time(proxy: Proxy) -> None:
    async with AriClient(proxy.url, USER, PASSWORD, app=APP, timeout=0.3) as client:
        await client.asterisk.ping()
        proxy.fall_silent()
        async with asyncio.timeout(2):
            with pytest.raises(Exception, match=r"asterisk\.ping: no answer"):
                await client.asterisk.ping()


async def test_a_consumer_that_was_busy_finds_every_event(client: AriClient, ear: Ear) -> None:
    channel = await client.channels.create(endpoint="Local/rings@ari-test", app=APP)
    await ear.hear("StasisStart", channel=channel.id)
    for number in range(300):  # some 200 kB of events, read by nobody meanwhile
        await channel.set_variable("COUNT", str(number))
    heard: list[int] = []
    while len(heard) < 300:
        event = await ear.hear("ChannelVarset", channel=channel.id)
        if event["variable"] == "COUNT":
            heard.append(int(event["value"]))
    assert heard == list(range(300))


async def test_a_consumer_that_does_not_read_is_cut_off_by_asterisk_and_comes_back(
    client: AriClient, ear: Ear
) -> None:
    """Beyond what aiohttp and the kernel hold, Asterisk cannot write any more and ends the link."""
    channel = await client.channels.create(endpoint="Local/rings@ari-test", app=APP)
    await ear.hear("StasisStart", channel=channel.id)
    for _ in range(1200):  # some 30 MB of events, read by nobody
        await channel.set_variable("COUNT", "x" * 25_000)
    heard = 0
    # Asterisk may close the connection, or only give it up: then a ping gets no answer.
    while not isinstance(item := await ear.next(15), Disconnected):
        assert isinstance(item, dict)
        heard += item["type"] == "ChannelVarset"
    assert heard < 1200, "the rest was never sent: no memory was filled with it"
    assert await ear.next() == Connected()


async def test_closing_the_client_ends_the_iteration(asterisk: RunningAsterisk) -> None:
    client = AriClient(asterisk.url, USER, PASSWORD, app=APP)
    async with client:
        stream = client.events()
        assert await anext(stream) == Connected()

        async def iterate() -> list[object]:
            return [item async for item in stream]

        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            iterating = tasks.create_task(iterate())
            await asyncio.sleep(0)  # let it begin to wait
            await client.close()
    assert iterating.result() == []


async def test_closing_the_client_in_an_outage_ends_the_iteration_at_once(unused_tcp_port: int) -> None:
    async with AriClient(f"http://127.0.0.1:{unused_tcp_port}", USER, PASSWORD, app=APP) as client:
        stream = client.events()
        assert await anext(stream) == Disconnected(LinkFault.UNREACHABLE)
        async with asyncio.timeout(0.5), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(anext(stream, "ended"))
            await asyncio.sleep(0)  # let it begin to wait
            await client.close()
    assert waiting.result() == "ended"


def test_no_wait_between_attempts_is_longer_than_two_seconds_allow() -> None:
    backoff = Backoff()
    waits = [backoff.next_wait() for _ in range(2000)]
    assert waits[0] == 0
    assert max(waits) <= 1.8
    assert min(waits[10:]) >= 0.9
    assert len(set(waits[10:])) > 1000  # jitter: two clients do not come back in step


async def test_an_asterisk_that_is_not_ready_is_not_called_in_a_tight_loop(unused_tcp_port: int) -> None:
    calls: list[float] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(time.monotonic())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", unused_tcp_port)
    async with server, AriClient(f"http://127.0.0.1:{unused_tcp_port}", USER, PASSWORD, app=APP) as client:
        ear = Ear(client.events())
        assert await ear.next() == Disconnected(LinkFault.NOT_READY)
        with pytest.raises(TimeoutError):
            await ear.next(seconds=1.5)
    assert 3 <= len(calls) <= 8
