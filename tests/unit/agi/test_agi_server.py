"""A hostile or slow AGI client harms nobody: who asks as Asterisk does is answered at once all the while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from agi_client import CHANNEL, CHANNEL_ID, ask, connection, is_closed, request
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from bridge.agi import server as agi_server
from bridge.agi.server import AgiServer, Answer
from bridge.agi.wire import Request
from bridge.switchboard.metrics import AgiCommand, AgiOutcome


class Shop:
    """Answers every request with one variable, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def __call__(self, asked: Request) -> Answer:
        self.asked.append(asked)
        return Answer(AgiCommand.ORDER, AgiOutcome.OK, {"CALLBRIDGE_STATUS": 'Order "1042"'})


@asynccontextmanager
async def serving(shop: Shop, *, peers: Collection[str] = ("127.0.0.1",)) -> AsyncIterator[int]:
    async with AgiServer(shop, peers=peers).listening("127.0.0.1", 0) as port:
        yield port


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def port(shop: Shop) -> AsyncIterator[int]:
    async with serving(shop) as port:
        yield port


async def is_well(port: int) -> bool:
    async with asyncio.timeout(1):
        told = await ask(port, request("order", "1042"))
    return told.commands == ['SET VARIABLE CALLBRIDGE_STATUS "Order \\"1042\\""']


def turned_away() -> float:
    labels = {"command": "unknown", "outcome": "turned-away"}
    return REGISTRY.get_sample_value("callbridge_agi_requests_total", labels) or 0.0


async def test_of_a_request_its_command_channel_and_arguments_are_kept(port: int, shop: Shop) -> None:
    assert await is_well(port)
    (asked,) = shop.asked
    assert (asked.script, asked.channel_name, asked.channel_id) == ("order", CHANNEL, CHANNEL_ID)
    assert asked.arguments == ("1042",)
    assert "7700900123" not in repr([getattr(asked, name) for name in Request.__slots__])


async def test_arguments_in_between_may_be_empty(port: int, shop: Shop) -> None:
    await ask(port, request("result", "bcdf", "", "17", "", ""))
    assert shop.asked[0].arguments == ("bcdf", "", "17")
    assert [shop.asked[0].argument(place) for place in range(4)] == ["bcdf", "", "17", ""]


async def test_a_hang_up_in_between_and_a_command_that_is_being_tried_are_passed_over(port: int) -> None:
    async with asyncio.timeout(1):
        told = await ask(port, request("order"), answers=["HANGUP\n100 result=0 Trying...\n200 result=1"])
    assert len(told.commands) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "511 result=-1 Command Not Permitted on a dead channel",
        "520 Invalid",
        "200 result=-1",
        "200 result=-2",
        "?",
    ],
)
async def test_a_channel_that_does_not_obey_is_told_no_more(port: int, answer: str) -> None:
    told = await ask(port, request("order"), answers=[answer])
    assert len(told.commands) == 1
    assert await is_well(port)


HOSTILE = {
    "a line of a megabyte": b"agi_network: " + b"a" * 1_000_000,
    "an endless list of lines": b"agi_network: yes\n" * 10_000,
    "what is no line of Asterisk's": b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n",
    "an empty request": b"\n",
    "a request without a channel": b"agi_network_script: order\nagi_uniqueid: 1.1\n\n",
    "bytes that are no text": bytes(range(128, 256)) + b"\n",
    "nothing but noughts": bytes(4096),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_request_is_closed_without_a_word(port: int, shop: Shop, data: bytes) -> None:
    before = turned_away()
    async with connection(port) as (reader, writer):
        writer.write(data)
        assert await is_closed(reader)
    assert shop.asked == []
    assert turned_away() == before + 1
    assert await is_well(port)


@pytest.mark.parametrize("said", [0, 1, 40, -1], ids=["nothing", "a byte", "a line", "all but its end"])
async def test_half_a_request_and_a_hang_up_stop_nothing(port: int, said: int) -> None:
    before = turned_away()
    async with connection(port) as (_, writer):
        writer.write(request("order", "1042")[:said])
        await writer.drain()
        writer.write_eof()
        assert await is_well(port)
    async with asyncio.timeout(5):
        while turned_away() == before:
            await asyncio.sleep(0.01)
    assert await is_well(port)


async def test_half_a_request_that_stays_has_its_time_and_no_more(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agi_server, "_SECONDS_TO_ASK", 0.2)
    async with connection(port) as (reader, writer):
        writer.write(request("order", "1042")[:60])
        assert await is_well(port)
        assert await is_closed(reader)


async def test_who_sends_a_byte_now_and_then_has_no_more_time_than_others(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agi_server, "_SECONDS_TO_ASK", 0.3)
    async with connection(port) as (reader, writer):
        closed = asyncio.ensure_future(is_closed(reader))  # noqa: TID251 - the test keeps it
        while not closed.done():
            writer.write(b"agi_x: y\n")
            await asyncio.sleep(0.02)
        assert await closed


async def test_who_asks_and_never_answers_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agi_server, "_SECONDS_IN_ALL", 0.3)
    async with connection(port) as (reader, writer):
        writer.write(request("order", "1042"))
        await reader.readline()
        assert await is_well(port)
        assert await is_closed(reader)


async def test_a_crowd_of_connections_is_bounded_and_leaves_room_when_it_is_gone(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agi_server, "_MOST_CONNECTIONS", 20)
    monkeypatch.setattr(agi_server, "_SECONDS_TO_ASK", 30)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connection(port)) for _ in range(1000)]
        crowd = opened[20:]
        assert all(await asyncio.gather(*(is_closed(reader) for reader, _ in crowd)))
    async with asyncio.timeout(5):
        while not await ask_or_nothing(port):
            await asyncio.sleep(0.02)


async def ask_or_nothing(port: int) -> bool:
    try:
        return await is_well(port)
    except ConnectionError:
        return False


async def test_who_is_no_peer_gets_no_word_and_a_reload_can_let_them_in(shop: Shop) -> None:
    server = AgiServer(shop, peers=["192.0.2.7"])
    async with server.listening("127.0.0.1", 0) as port:
        async with connection(port) as (reader, writer):
            writer.write(request("order", "1042"))
            assert await is_closed(reader)
        assert shop.asked == []
        server.follow(peers=["127.0.0.1"])
        assert await is_well(port)


async def test_a_flood_of_clients_does_not_fill_the_log(port: int) -> None:
    with capture_logs() as logs:
        for _ in range(50):
            async with connection(port) as (reader, writer):
                writer.write(b"\n")
                assert await is_closed(reader)
    assert [line["event"] for line in logs] == ["an AGI client sent no request"]


async def test_values_of_plain_words_take_one_command_together() -> None:
    told = {"STATUS": "ok", "REASON": "", "NAME": 'Ann "A", B', "CALL": "b-c_1.2", "LABEL": "Order 1042"}

    async def answer(_: Request) -> Answer:
        return Answer(AgiCommand.ORDER, AgiOutcome.OK, told)

    async with AgiServer(answer, peers=["127.0.0.1"]).listening("127.0.0.1", 0) as port:
        assert (await ask(port, request("order"))).commands == [
            'EXEC MSet "STATUS=ok,REASON=,CALL=b-c_1.2"',
            'SET VARIABLE NAME "Ann \\"A\\", B"',
            'SET VARIABLE LABEL "Order 1042"',
        ]


@pytest.mark.parametrize("value", ["a\nSET VARIABLE X 1", "a\rb", "\0", "a\u2028b"])
async def test_no_value_can_be_two_commands(shop: Shop, value: str) -> None:
    async def answer(_: Request) -> Answer:
        return Answer(AgiCommand.ORDER, AgiOutcome.OK, {"CALLBRIDGE_LABEL": value})

    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: caught.append(context["exception"]))
    server = AgiServer(answer, peers=["127.0.0.1"])
    async with server.listening("127.0.0.1", 0) as port, connection(port) as (reader, writer):
        writer.write(request("order"))
        assert await is_closed(reader)
    assert [type(error) for error in caught] == [ValueError]


async def test_an_end_of_the_daemon_waits_for_no_client(shop: Shop) -> None:
    async with serving(shop) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await is_closed(reader, within=1)
    writer.close()
