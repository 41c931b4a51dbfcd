"""What desks are told without asking: calls as they move, and that there is something to look at."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from work_shop import Shop, gone, listening, until

from bridge.api.desk import events
from bridge.api.desk.events import MOST_WAITING, Listener, Listeners, Look
from bridge.asterisk import names
from bridge.calls.model import Leg
from bridge.switchboard.board import CallMoved, CallView

BUSY = 17


@pytest.fixture
async def order(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)


@pytest.mark.usefixtures("order")
async def test_a_call_is_told_from_its_first_ring_to_its_result(work: Shop) -> None:
    async with listening(work, work.anna) as stream:
        call_id = await work.call(work.anna, "1042")
        await work.talking(call_id)
        await work.ended(call_id)
        told = [await stream.next_call()]
        while told[-1]["state"] != "ended":
            told.append(await stream.next_call())
    states = list(dict.fromkeys(call["state"] for call in told))
    assert states == ["ringing-you", "calling", "ringing-customer", "talking", "ending", "ended"]
    talking = next(call for call in told if call["state"] == "talking")
    assert talking["answered_ms"] is not None
    assert told[-1] | {"started_ms": 0, "answered_ms": 0} == {
        "id": call_id,
        "order": "1042",
        "customer_name": "Harriet Vane",
        "extension": "101",
        "manager_name": "Anna",
        "state": "ended",
        "started_ms": 0,
        "answered_ms": 0,
        "result": "talked",
        "capture": None,
        "confirmed": True,
    }


@pytest.mark.usefixtures("order")
async def test_why_there_is_no_conversation_is_told_while_the_manager_hears_it(work: Shop) -> None:
    async with listening(work, work.anna) as stream:
        call_id = await work.call(work.anna, "1042")
        await work.dialled(call_id)
        work.board.hear(gone(call_id, Leg.CUSTOMER, BUSY))
        while (call := await stream.next_call())["state"] != "ending":
            assert call["result"] is None
        assert call["result"] == "busy"
        await work.ended(call_id)


@pytest.mark.usefixtures("order")
async def test_a_supervisor_is_told_of_every_call_and_another_manager_of_none(work: Shop) -> None:
    async with listening(work, work.clara) as claras, listening(work, work.boris) as boris:
        first = await work.call(work.anna, "1042")
        assert (await claras.next_call())["id"] == first
        await work.order("2000", "Peter Wimsey", "+447700900124", work.boris)
        second = await work.call(work.boris, "2000")
        assert (await boris.next_call())["id"] == second
        assert b"Harriet" not in boris.raw


@pytest.mark.usefixtures("order")
async def test_who_comes_later_is_told_of_the_call_as_it_is(work: Shop) -> None:
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    async with work.desk.stream("/v1/events", of=work.anna) as response:
        read = b""
        while b"event: queue" not in read:
            read += await response.content.readany()
    assert b'"state":"talking"' in read
    mine = (await work.ask(work.anna, "GET", "/v1/calls/mine")).body["call"]
    assert (mine["id"], mine["state"]) == (call_id, "talking")
    assert (await work.ask(work.boris, "GET", "/v1/calls/mine")).body == {"call": None}


@pytest.mark.usefixtures("order")
async def test_what_changes_the_queue_is_told_to_whoever_sees_it(work: Shop) -> None:
    async with listening(work, work.anna) as annas, listening(work, work.boris) as boris:
        await work.say(work.clara, "1042", "confirmed")
        assert (await annas.next()).name == "queue"
        await work.order("2000", "Peter Wimsey", "+447700900124", work.boris)
        await work.say(work.clara, "2000", "confirmed")
        await boris.next()
        assert boris.raw.count(b"event: queue") == 2, "at the beginning, and for the own order"


@pytest.mark.usefixtures("order")
async def test_who_begins_or_ends_a_call_is_told_to_look_at_the_queue_which_shows_it(work: Shop) -> None:
    async with listening(work, work.anna) as annas, asyncio.timeout(10):
        call_id = await work.call(work.anna, "1042")
        await work.talking(call_id)
        while annas.raw.count(b"event: queue") < 2:  # one is at the stream's beginning
            await annas.next()
        await work.ended(call_id)
        while annas.raw.count(b"event: queue") < 3:
            await annas.next()


async def test_an_alarm_is_told_to_supervisors_alone(work: Shop) -> None:
    work.desk.configured(work.settings + "  reading:\n    cards_per_minute: 1\n    cards_per_hour: 1\n")
    for code in ("1042", "1043"):
        await work.order(code, f"Customer {code}", f"+4477009001{code[-2:]}", work.anna)
    async with listening(work, work.clara) as claras, listening(work, work.anna) as annas:
        for code in ("1042", "1043"):
            await work.ask(work.anna, "GET", f"/v1/orders/{code}")
        assert (await claras.next()).name == "alarm"
        await work.say(work.anna, "1042", "confirmed")
        assert (await annas.next()).name == "queue"


@pytest.mark.usefixtures("order")
async def test_a_stream_ends_with_its_session(work: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SECONDS_BETWEEN_SIGNS", 0.05)
    async with listening(work, work.anna) as stream:
        assert (await work.ask(work.anna, "POST", "/v1/sign-out")).status == 204
        assert (await stream.next()).name == "reconnect"
        with pytest.raises(EOFError):
            await stream.next()
    await until(lambda: len(work.listeners) == 0)


async def test_a_listener_that_does_not_read_is_dropped_and_told_to_begin_anew(work: Shop) -> None:
    listener = Listener(1, "101", sees_everybody=False)
    for _ in range(MOST_WAITING + 50):
        listener.tell(moved())
    assert listener.is_lost
    assert await listener.next(0.01) is None


async def test_to_look_once_is_enough() -> None:
    listener = Listener(1, "101", sees_everybody=True)
    for _ in range(1000):
        listener.tell(Look.QUEUE)
    assert await listener.next(1) is Look.QUEUE
    assert await listener.next(0.01) is None


def test_two_hundred_listeners_cost_a_call_next_to_nothing() -> None:
    """Nobody else's listener is touched, and nothing waits for any of them."""
    listeners = Listeners()
    others = [Listener(place, f"{1000 + place}", sees_everybody=False) for place in range(200)]
    for listener in others:
        listeners.add(listener)
    began = time.perf_counter()
    for _ in range(1000):
        listeners.call_moved(moved())
    assert time.perf_counter() - began < 1, "a millisecond for each, on the slowest machine"
    assert not any(listener.is_lost for listener in others)


@pytest.mark.usefixtures("order")
async def test_ninety_open_desks_are_all_told(work: Shop) -> None:
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(work, work.clara)) for _ in range(200)]
        call_id = await work.call(work.anna, "1042")
        told = await asyncio.gather(*(stream.next_call() for stream in streams))
    assert {call["id"] for call in told} == {call_id}


def moved() -> CallMoved:
    call = CallView(names.new_call_id(), "click-to-call", "1042", "101", "talking", 0, 0)
    return CallMoved(call, None, over=False)
