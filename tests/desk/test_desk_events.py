"""The daemon's events reach the browser that they concern, and streams end when one side does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import examples
import pytest
from example_daemon import SESSION, ExampleDaemon
from served import Browser

from bridge.api.desk.shapes import CallNow
from bridge.desk.cookies import SESSION as COOKIE
from bridge.desk.pages import events as relay
from bridge.desk.stream import Event, EventParser, StreamUnreadable

HEADERS = {"Cookie": f"{COOKIE}={SESSION}", "Accept": "text/event-stream"}


class Stream:
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._parser = EventParser()
        self._waiting: list[Event] = []

    async def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        while not self._waiting:
            async with asyncio.timeout(10):
                received = await self._answer.content.readany()
            if not received:
                return None
            self._waiting += self._parser.feed(received)
        return self._waiting.pop(0)


@asynccontextmanager
async def stream(desk: Browser) -> AsyncIterator[Stream]:
    async with desk.session.get(f"{desk.origin}/events", headers=HEADERS) as answer:
        assert answer.content_type == "text/event-stream"
        yield Stream(answer)


def called(call: CallNow) -> str:
    return f"event: call\ndata: {call.model_dump_json()}\n\n"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_stream_begins_with_how_things_are(desk: Browser, daemon: ExampleDaemon) -> None:
    async with stream(desk) as events:
        assert await events.next() == Event("no-call")
    daemon.call = examples.call()
    async with stream(desk) as events:
        begun = await events.next()
        assert begun is not None
        assert (begun.name, "Margaret Ashworth" in begun.data) == ("call", True)


async def test_ones_own_call_is_told_as_the_bar_that_shows_it(desk: Browser, daemon: ExampleDaemon) -> None:
    async with stream(desk) as events:
        await events.next()
        daemon.events.put_nowait(called(examples.call("ended", "busy")))
        told = await events.next()
        assert told is not None
        assert "Ended: Busy" in told.data
        assert 'data-waits="recorded-1042"' in told.data


async def test_of_others_calls_only_that_something_changed(desk: Browser, daemon: ExampleDaemon) -> None:
    async with stream(desk) as events:
        await events.next()
        daemon.events.put_nowait(called(examples.call(extension="102", customer_name="Not Yours")))
        assert await events.next() == Event("wall")


async def test_events_without_data_are_passed_on_and_others_are_not(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    async with stream(desk) as events:
        await events.next()
        for event in (
            "event: queue\ndata: secret\n\n",
            "event: else\ndata: x\n\n",
            "event: call\ndata: {}\n\n",
        ):
            daemon.events.put_nowait(event)
        daemon.events.put_nowait("event: alarm\n\n")
        assert [await events.next(), await events.next()] == [Event("queue"), Event("alarm")]


async def test_a_stream_ends_with_the_daemons(desk: Browser, daemon: ExampleDaemon) -> None:
    async with stream(desk) as events:
        await events.next()
        daemon.events.put_nowait(None)
        assert await events.next() is None


async def test_a_browser_that_leaves_ends_the_daemons_stream(desk: Browser, daemon: ExampleDaemon) -> None:
    async with stream(desk) as events:
        await events.next()
        assert daemon.streams == 1
    await until(lambda: daemon.streams == 0)


async def test_silence_is_filled(
    desk: Browser, daemon: ExampleDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_SECONDS_BETWEEN_HEARTBEATS", 0.05)
    async with desk.session.get(f"{desk.origin}/events", headers=HEADERS) as answer:
        received = b""
        async with asyncio.timeout(10):
            while received.count(b": \n\n") < 3:
                received += await answer.content.readany()


async def test_a_session_has_a_few_streams_and_no_more(desk: Browser, daemon: ExampleDaemon) -> None:
    answers = [await desk.session.get(f"{desk.origin}/events", headers=HEADERS) for _ in range(6)]
    await until(lambda: daemon.streams == 6)
    assert (await desk.get("/events")).status == 204
    answers.pop().close()
    await until(lambda: daemon.streams == 5)
    async with stream(desk):
        await until(lambda: daemon.streams == 6)
    for answer in answers:
        answer.close()


async def test_what_a_page_asks_for_by_itself_keeps_no_session_alive(
    desk: Browser, daemon: ExampleDaemon
) -> None:
    await desk.get("/")
    await desk.get("/queue", Unattended="yes")
    await desk.get("/watermark.svg", **{"Sec-Fetch-Dest": "image"})
    async with stream(desk) as events:
        await events.next()
    by_themselves = [attended for path, attended in daemon.attended if path == "/v1/me"]
    assert by_themselves == [True, False, False, False]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_are_read_however_they_arrive(size: int) -> None:
    sent = b": hello\r\n\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata: nameless\n\nevent: \xd1\x8f\n\n"
    parser = EventParser()
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert [event for piece in pieces for event in parser.feed(piece)] == [Event("a", "1\n2"), Event("я")]


def test_an_event_is_written_as_it_is_read() -> None:
    event = Event("call", "two\nlines")
    assert list(EventParser().feed(str(event).encode())) == [event]


@pytest.mark.parametrize("sent", [b"x" * 70_000, b"event: \xff\n\n"])
def test_what_is_no_stream_of_events_is_given_up(sent: bytes) -> None:
    with pytest.raises(StreamUnreadable):
        list(EventParser().feed(sent))
