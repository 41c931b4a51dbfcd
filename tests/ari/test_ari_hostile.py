"""A server that is not Asterisk, or an Asterisk gone mad: what it repeats may reach no error and no log."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import WSMsgType, web
from ari_lab import APP, PASSWORD, USER, Ear, url_of

from bridge.asterisk.ari import (
    AriClient,
    AriError,
    Connected,
    Disconnected,
    EndpointInfo,
    LinkDown,
    LinkFault,
    MalformedAnswer,
)
from bridge.asterisk.ari.events import MAX_FRAME_BYTES

NUMBER = "+447700900123"
HIDDEN = NUMBER.lstrip("+")


class FakeServer:
    """Answers with `status` and whatever it was sent; speaks `frames` to who opens the WebSocket."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: Callable[[str], str] = lambda body: body
        self.frames: list[str | bytes] = []
        self.seen: list[web.Request] = []
        self.url = ""

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/ari/events", self._speak)
        application.router.add_route("*", "/{path:.*}", self._echo)
        return application

    async def _echo(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        text = self.answer(await request.text())
        headers = {"Location": "/ari/elsewhere"}
        return web.Response(status=self.status, text=text, reason=f"No {NUMBER}", headers=headers)

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        self.seen.append(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for frame in self.frames:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        async for message in socket:
            assert message.type is WSMsgType.CLOSE
        return socket


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    runner = web.AppRunner(fake.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest_asyncio.fixture
async def mad(server: FakeServer) -> AsyncIterator[AriClient]:
    async with AriClient(server.url, USER, PASSWORD, app=APP) as client:
        yield client


def all_that_an_error_tells(error: BaseException | None) -> str:
    """Everything a logger or a debugger finds in an error, short of the frames' local variables."""
    if error is None:
        return ""
    own = [repr(error), str(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    return "\n".join(
        [*own, all_that_an_error_tells(error.__cause__), all_that_an_error_tells(error.__context__)]
    )


def every_command_with_the_number_in_it(client: AriClient) -> list[Callable[[], Awaitable[object]]]:
    channel, bridge = client.channels.handle("1732.5"), client.bridges.handle("b-1")
    everywhere = {
        "endpoint": f"PJSIP/{NUMBER}@trunk",
        "app": APP,
        "app_args": NUMBER,
        "variables": {"N": NUMBER},
    }
    return [
        lambda: client.channels.create(**everywhere),  # type: ignore[arg-type]
        lambda: client.channels.originate(**everywhere, caller_id=f"<{NUMBER}>", timeout=9),  # type: ignore[arg-type]
        lambda: channel.set_variable("N", NUMBER),
        lambda: channel.get_variable(f"DB(numbers/{NUMBER})"),
        lambda: channel.play([f"digits:{HIDDEN}"]),
        lambda: channel.hangup(reason=NUMBER),
        lambda: channel.continue_in_dialplan(context="shop", extension=NUMBER, priority=1),
        lambda: bridge.add_channel(NUMBER),
        lambda: client.bridges.create(name=NUMBER),
        lambda: client.applications.set_event_filter(APP, allowed=[NUMBER]),
    ]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 409, 412, 418, 422, 500, 502, 503])
async def test_no_error_repeats_the_number_that_the_server_echoes(
    server: FakeServer, mad: AriClient, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.status = status
    for command in every_command_with_the_number_in_it(mad):
        with pytest.raises(AriError) as caught:
            await command()
        assert caught.value.status == status
        assert HIDDEN not in all_that_an_error_tells(caught.value)
    assert HIDDEN not in caplog.text


@pytest.mark.parametrize(
    "nonsense",
    [NUMBER, "", "[", "null", f'["{NUMBER}"]', f'{{"id": "{NUMBER}"}}', f'{{"id": {HIDDEN}}}', "[" * 100_000],
)
async def test_a_good_status_with_nonsense_is_a_malformed_answer(
    server: FakeServer, mad: AriClient, nonsense: str
) -> None:
    server.answer = lambda body: nonsense
    for ask in (
        lambda: mad.channels.get("1732.5"),
        mad.channels.list,
        mad.asterisk.info,
        lambda: mad.channels.create(endpoint=NUMBER, app=APP),
    ):
        with pytest.raises(MalformedAnswer) as caught:
            await ask()
        assert HIDDEN not in all_that_an_error_tells(caught.value)


async def test_no_url_or_header_holds_a_number_or_the_password(server: FakeServer, mad: AriClient) -> None:
    server.status = 500
    for command in every_command_with_the_number_in_it(mad):
        with pytest.raises(AriError):
            await command()
    assert await Ear(mad.events()).next() == Connected()
    assert len(server.seen) == len(every_command_with_the_number_in_it(mad)) + 1
    for request in server.seen:
        assert HIDDEN not in request.raw_path + repr(request.headers)
        assert PASSWORD not in request.raw_path
        assert request.headers["Authorization"].startswith("Basic ")


async def test_a_redirect_is_not_followed(server: FakeServer, mad: AriClient) -> None:
    server.status = 307
    with pytest.raises(AriError):
        await mad.channels.create(endpoint=f"PJSIP/{NUMBER}@trunk", app=APP)
    assert len(server.seen) == 1


async def test_frames_that_hold_no_event_are_counted_and_dropped(
    server: FakeServer, mad: AriClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    nonsense: list[str | bytes] = [
        NUMBER + " is no JSON",
        f'["{NUMBER}"]',
        f'"{NUMBER}"',
        f'{{"type": "{NUMBER}',
        NUMBER.encode(),
        f'{{"number": "{NUMBER}", "filling": "{"x" * 1024 * 1024}"}}',
        "[" * 100_000,
        "9" * 5000,
        "",
    ]
    server.frames = [*nonsense, '{"type": "Sane"}']
    stream = mad.events()
    ear = Ear(stream)
    assert await ear.next() == Connected()
    assert await ear.next() == {"type": "Sane"}
    assert stream.dropped == len(nonsense)
    assert HIDDEN not in caplog.text


async def test_a_frame_beyond_the_limit_costs_the_link_and_nothing_more(
    server: FakeServer, mad: AriClient
) -> None:
    server.frames = ["x" * (MAX_FRAME_BYTES + 1)]
    stream = mad.events()
    ear = Ear(stream)
    assert await ear.next() == Connected()
    assert await ear.next() == Disconnected(LinkFault.GARBLED)
    assert stream.dropped == 1
    server.frames = ['{"type": "Sane"}']
    assert await ear.next() == Connected()
    assert await ear.next() == {"type": "Sane"}


async def test_a_server_that_speaks_no_http_is_a_link_down() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"{NUMBER} {NUMBER}\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as babbler:
        url = url_of(babbler)
        async with AriClient(url, USER, PASSWORD, app=APP) as client:
            with pytest.raises(LinkDown) as caught:
                await client.channels.create(endpoint=NUMBER, app=APP)
            assert HIDDEN not in all_that_an_error_tells(caught.value)
            assert await Ear(client.events()).next() == Disconnected(LinkFault.UNREACHABLE)


async def test_a_post_on_a_stale_connection_is_never_sent_twice_and_a_get_is() -> None:
    methods: list[str] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the first request of a connection, and close on the second without a word."""
        methods.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
        methods.append((await reader.readuntil(b"\r\n\r\n")).split()[0].decode())
        writer.close()

    async with await asyncio.start_server(answer_once, "127.0.0.1", 0) as stale:
        url = url_of(stale)
        async with AriClient(url, USER, PASSWORD, app=APP) as client:
            assert await client.channels.list() == ()
            assert await client.channels.list() == ()
            assert methods == ["GET", "GET", "GET"]
            with pytest.raises(LinkDown):
                await client.channels.handle("1732.5").answer()
            assert methods == ["GET", "GET", "GET", "POST"]


async def test_an_endpoint_is_read_with_and_without_a_state(server: FakeServer, mad: AriClient) -> None:
    server.answer = lambda body: (
        '[{"technology": "PJSIP", "resource": "101", "state": "online", "channel_ids": ["1732.5"]},'
        ' {"technology": "X", "resource": "y", "channel_ids": []}]'
    )
    assert await mad.endpoints.list() == (
        EndpointInfo("PJSIP", "101", "online", ("1732.5",)),
        EndpointInfo("X", "y", None, ()),
    )


def test_a_client_does_not_show_its_password() -> None:
    client = AriClient("http://127.0.0.1:8088", USER, PASSWORD, app=APP)
    assert PASSWORD not in repr(client)
    assert repr(client.channels.handle("1732.5")) == "Channel(id='1732.5')"
