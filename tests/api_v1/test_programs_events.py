"""Server-sent events: calls as they move, by codes alone; what was missed is told; slow readers are cut."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from program_shop import ProgramShop, order
from work_shop import answered, entered, gone, ringing, until

from bridge.api.v1 import events
from bridge.api.v1.events import KEPT, News
from bridge.asterisk import names
from bridge.asterisk.happenings import ChannelJoined
from bridge.calls.model import Leg
from bridge.store.accounts import invite
from bridge.store.api_tokens import revoke_token
from bridge.store.audit import AuditEntry
from bridge.store.managers import manager_by_extension
from bridge.store.sessions import Browser, Lifetime, begin_session


class Reading:
    """A stream, as a browser reads one."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self.last_id = ""

    async def next(self) -> tuple[str, Any]:
        """Name and data of the next event. Raises TimeoutError; EOFError at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while line := await self._content.readline():
                text = line.decode().rstrip("\n")
                if not text and "event" in fields:
                    self.last_id = fields["id"]
                    return fields["event"], json.loads(fields["data"])
                name, _, value = text.partition(": ")
                fields[name] = value
        raise EOFError


async def state_of(shop: ProgramShop, call_id: str) -> str | None:
    return next((call.state for call in shop.switchboard.live() if call.id == call_id), None)


async def talk(shop: ProgramShop, code: str = "1042") -> str:
    """A call that is asked for, answered and talked; returns its id."""
    answer = await shop.ask("POST", "/v1/calls", {"order": code})
    assert answer.status == 201, answer.body
    call_id = str(answer.body["id"])

    async def is_in(state: str | None) -> None:
        async def reached() -> bool:
            return await state_of(shop, call_id) == state

        await until(reached)

    board = shop.switchboard
    await is_in("creating-manager")
    for happening in (entered(call_id, Leg.MANAGER), answered(call_id, Leg.MANAGER)):
        board.hear(happening)
    await is_in("creating-customer")
    board.hear(entered(call_id, Leg.CUSTOMER))
    await is_in("dialling")
    board.hear(ringing(call_id))
    board.hear(answered(call_id, Leg.CUSTOMER))
    for leg in Leg:
        board.hear(ChannelJoined(names.channel_id(call_id, leg), names.bridge_id(call_id)))
    await is_in("talking")
    board.hear(gone(call_id, Leg.CUSTOMER, 16))
    board.hear(gone(call_id, Leg.MANAGER, 16))
    await is_in(None)
    return call_id


async def test_a_call_is_told_from_its_beginning_to_its_result(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    async with shop.stream() as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        reading = Reading(response.content)
        call_id = await talk(shop)
        told = []
        while not told or told[-1][0] != "result":
            told.append(await reading.next())
    states = [data["state"] for name, data in told if name == "call"]
    assert list(dict.fromkeys(states)) == [
        "creating-manager",
        "ringing-manager",
        "creating-customer",
        "dialling",
        "ringing",
        "connecting",
        "talking",
        "closing",
        "ended",
    ]
    _, result = told[-1]
    assert result["answered_ms"] >= result["started_ms"]
    assert {key: result[key] for key in ("call", "order", "extension", "result", "kind")} == {
        "call": call_id,
        "order": "1042",
        "extension": "101",
        "result": "talked",
        "kind": "click-to-call",
    }
    assert b"Harriet" not in bytes(shop.received).partition(b"creating-manager")[2]


@asynccontextmanager
async def desk_of(shop: ProgramShop, extension: str) -> AsyncIterator[aiohttp.ClientSession]:
    """The desk's API, as a manager sees it who has signed in."""
    manager = await manager_by_extension(shop.database, extension)
    assert manager is not None
    await invite(shop.database, extension, actor="cli:test", now_ms=shop.now_ms)
    token = await begin_session(
        shop.database,
        manager,
        Browser("192.0.2.1", "Firefox"),
        Lifetime(3_600_000, 3_600_000),
        complete=True,
        entry=AuditEntry(shop.now_ms, f"desk:{extension}", "sign-in", "desk"),
    )
    async with aiohttp.ClientSession(
        "http://desk",
        connector=aiohttp.UnixConnector(str(shop.desk_socket)),
        headers={"Authorization": f"Bearer {token}"},
    ) as http:
        yield http


async def test_what_a_manager_says_came_of_a_call_is_told_and_so_is_that_it_is_undone(
    shop: ProgramShop,
) -> None:
    await shop.ask("POST", "/v1/orders", order())
    async with shop.stream() as response, desk_of(shop, "101") as desk:
        reading = Reading(response.content)
        async with desk.post("/v1/orders/1042/outcomes", json={"outcome": "confirmed"}) as said:
            assert said.status == 201, await said.text()
            outcome_id = (await said.json())["id"]
        told = {"id": outcome_id, "order": "1042", "outcome": "confirmed", "by_result": False}
        assert await reading.next() == ("outcome", told | {"undone": False})
        async with desk.delete(f"/v1/outcomes/{outcome_id}") as undone:
            assert undone.status == 204
        assert await reading.next() == ("outcome", told | {"undone": True})
        call_id = await talk(shop)
        names_told = []
        while "outcome" not in names_told:
            name, data = await reading.next()
            names_told.append(name)
        assert (data["outcome"], data["by_result"]) == ("talked", True)
    (result, *_) = (await shop.ask("GET", "/v1/results")).body["results"]
    assert (result["id"], result["call_id"]) == (data["id"], call_id)


async def test_a_desk_hears_at_once_of_an_order_that_a_program_brings(shop: ProgramShop) -> None:
    async with desk_of(shop, "101") as desk, desk.get("/v1/events") as response:
        reading = response.content
        async with asyncio.timeout(10):
            while b"queue" not in await reading.readline():
                pass
            await shop.ask("POST", "/v1/orders", order(manager="102"))
            await shop.ask("POST", "/v1/orders", order("1043", name="Peter"))
            while b"queue" not in await reading.readline():
                pass
        async with desk.get("/v1/queue") as queue:
            assert [row["code"] for row in (await queue.json())["rows"]] == ["1043"]


async def test_who_comes_back_is_told_what_was_missed(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    async with shop.stream() as response:
        reading = Reading(response.content)
        await talk(shop)
        first = await reading.next()
        seen = reading.last_id
        rest = []
        while not rest or rest[-1][0] != "result":
            rest.append(await reading.next())
    async with shop.stream(Last_Event_ID=seen) as response:
        reading = Reading(response.content)
        assert [await reading.next() for _ in rest] == rest
        assert first not in rest


@pytest.mark.parametrize("last_id", ["abcdefgh-1", "+447700900123", "-", "", "x" * 100])
async def test_who_comes_back_with_what_nobody_knows_is_told_to_look(shop: ProgramShop, last_id: str) -> None:
    async with shop.stream(Last_Event_ID=last_id) as response:
        name, data = await Reading(response.content).next()
    assert (name, data) == ("reset", {})


def test_no_more_than_the_latest_events_are_kept() -> None:
    news = News()
    begin = news.reset().id
    assert news.since(begin) == []
    for number in range(KEPT + 1):
        news.tell("call", {"number": number})
    assert news.since(begin) is None
    life, _, _ = begin.partition("-")
    kept = news.since(f"{life}-1")
    assert kept is not None
    assert [event.data["number"] for event in kept] == list(range(1, KEPT + 1))
    for last_id in (f"{life}-{KEPT + 2}", f"{life}-\u0661", f"{life}-{'9' * 99}", f"{life}--1", life):
        assert news.since(last_id) is None


async def test_a_revoked_tokens_stream_ends(shop: ProgramShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SECONDS_BETWEEN_SIGNS", 0.05)
    async with shop.stream() as response:
        assert await response.content.readline() == b"retry: 2000\n"
        await revoke_token(shop.database, "crm", actor="cli:test", now_ms=shop.now_ms)
        async with asyncio.timeout(10):
            while await response.content.readline():
                pass
    await until(lambda: len(shop.app.state.news) == 0)


async def test_a_token_has_five_streams_and_leaves_room_for_others(shop: ProgramShop) -> None:
    other = await shop.new_token("other")
    open_streams = [shop.stream() for _ in range(5)]
    for stream in open_streams:
        assert (await stream.__aenter__()).status == 200
    refused = await shop.ask("GET", "/v1/events")
    assert (refused.status, refused.reason) == (429, "too-many-streams")
    assert refused.headers["Retry-After"] == "15"
    async with shop.stream(other) as response:
        assert response.status == 200
    for stream in open_streams:
        await stream.__aexit__(None, None, None)
    await until(lambda: len(shop.app.state.news) == 0)
    async with shop.stream() as response:
        assert response.status == 200


async def test_a_reader_who_does_not_read_is_cut_off(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SECONDS_TO_READ", 0.2)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, ("127.0.0.1", shop.port))
    head = f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.token}\r\n\r\n"
    await loop.sock_sendall(reader, head.encode())
    news = shop.app.state.news
    await until(lambda: len(news) == 1)

    def fill() -> bool:
        news.tell("call", {"text": "x" * 60_000})
        return len(news) == 0

    await until(fill)
    reader.close()
    shop.received.clear()  # of millions of the same letter a search takes long
    assert (await shop.ask("GET", "/v1/orders")).status == 200
