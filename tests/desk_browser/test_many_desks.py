"""Two hundred desks with their streams open while calls run: each call is heard, and each desk told of it."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from shop import nothing_left, records, until, until_async
from stage import MANAGER, OTHER_MANAGER, OWNER, SUPERVISOR, Stage, open_stage

from bridge.desk import cookies
from bridge.proof.story import ENOUGH_PACKETS
from labkit.deskpeople import taken
from labkit.lab import Lab

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = (MANAGER, OTHER_MANAGER, SUPERVISOR, OWNER)
SESSIONS_OF_EACH = 10
STREAMS_OF_EACH = 5
DESKS = len(PEOPLE) * SESSIONS_OF_EACH * STREAMS_OF_EACH
CALLS = 6


@dataclass
class Desk:
    """A browser's stream of events, and nothing else of it."""

    extension: str
    received: bytearray = field(default_factory=bytearray)
    ended: bool = False

    async def listen(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        headers = {"Cookie": f"{cookies.SESSION}={token}", "Accept": "text/event-stream"}
        async with http.get(f"{url}/events", headers=headers) as stream:
            assert stream.status == 200
            async for piece in stream.content.iter_any():
                self.received += piece
        self.ended = True


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        writer.writerow(["9001", "Ada Lark", "+447700900901", "One lamp", MANAGER])
        writer.writerow(["9002", "Eva Lark", "+447700900902", "A chair", OTHER_MANAGER])
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("many-desks")
    settings = {"desk": {"second_factor": []}}
    async with open_stage(folder, orders=write_orders(folder / "orders.csv"), settings=settings) as stage:
        yield stage


async def test_calls_are_unharmed_while_two_hundred_desks_listen(stage: Stage) -> None:
    desks: list[Desk] = []
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, timeout=timeout))
        async with asyncio.TaskGroup() as group:
            listening = []
            for extension in PEOPLE:
                for _ in range(SESSIONS_OF_EACH):
                    token = await stage.token(extension)
                    for _ in range(STREAMS_OF_EACH):
                        desks.append(desk := Desk(extension))
                        listening.append(group.create_task(desk.listen(http, stage.lab.desk_url, token)))
            await until(lambda: all(desk.received for desk in desks), "200 open streams", within=30)
            assert len(desks) == DESKS
            await asyncio.gather(talk(stage, MANAGER, "9001"), talk(stage, OTHER_MANAGER, "9002"))
            await until(
                lambda: all(heard(desk) for desk in desks if desk.extension in (MANAGER, OTHER_MANAGER)),
                "each call on each desk of its manager",
                within=20,
            )
            assert not any(desk.ended for desk in desks)
            for task in listening:
                task.cancel()
    await nothing_left(stage.lab)
    await until(lambda: results(stage.lab) == ["talked"] * 2 * CALLS, "each call on record as talked")
    for desk in desks:
        other = {MANAGER: b"Eva Lark", OTHER_MANAGER: b"Ada Lark"}.get(desk.extension)
        assert other is None or other not in desk.received


def results(lab: Lab) -> list[str | None]:
    return [record.result for record in records(lab)]


def heard(desk: Desk) -> bool:
    return desk.received.count(b"state-talking") >= CALLS


async def talk(stage: Stage, extension: str, code: str) -> None:
    """One call after the other, in each of which the customer is heard."""
    token = await stage.token(extension)
    phone = stage.phones[extension]
    for number in range(CALLS):
        placed = await stage.api.ask("POST", f"/v1/orders/{code}/calls", {}, token=token)
        call_id = taken(placed)["id"]
        await until(lambda wanted=number: len(phone.calls) > wanted, "the phone rings", within=20)
        await phone.calls[number].media.wait_for_audio(ENOUGH_PACKETS, within=20)
        taken(await stage.api.ask("DELETE", f"/v1/calls/{call_id}", token=token))

        async def is_over() -> bool:
            call = taken(await stage.api.ask("GET", "/v1/calls/mine", token=token))["call"]
            return call is None or call["state"] == "ended"

        await until_async(is_over, "the end of the call")
