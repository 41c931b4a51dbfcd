"""Calls from the desk on a real Asterisk: who is rung, what is told of it, and what never is."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from keying import by_events, heard, hears_music, hears_tone
from shop import carrier_of, nothing_left, registered_phone, until, until_async

from bridge.config import load_config
from bridge.proof.scan import Scanner
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from bridge.store.accounts import invite
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.managers import manager_by_extension
from bridge.store.new_contacts import GIVEN_LABEL
from bridge.store.sessions import Browser, Lifetime, begin_session
from labkit.lab import Lab

FIRST, SECOND = "+447700900811", "+442079460812"
CAPTURED = "07700900814"
HOUR_MS = 3_600_000


class Desk:
    """The desk's API as one manager sees it, and every byte that it has answered."""

    def __init__(self, http: aiohttp.ClientSession, token: str) -> None:
        self._http = http
        self._sent = {"Authorization": f"Bearer {token}"}
        self.received = bytearray()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self._http.request(
            method, f"http://desk{path}", json=body, headers=self._sent
        ) as response:
            read = await response.read()
            self.received += repr(response.raw_headers).encode() + read
            assert response.ok, (response.status, read)
            return json.loads(read) if read else None

    @asynccontextmanager
    async def calls(self) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
        """What the event stream tells of calls, from now on."""
        told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        opened = asyncio.Event()

        async def read() -> None:
            endless = aiohttp.ClientTimeout(total=None)
            async with self._http.get(
                "http://desk/v1/events", headers=self._sent, timeout=endless
            ) as response:
                event = ""
                async for line in response.content:
                    self.received += line
                    name, _, value = line.decode().strip().partition(": ")
                    if name == "event":
                        event = value
                        opened.set()
                    elif name == "data" and event == "call":
                        told.put_nowait(json.loads(value))

        reading = asyncio.get_running_loop().create_task(read(), name="read events")
        try:
            await asyncio.wait_for(opened.wait(), 10)
            yield told
        finally:
            reading.cancel()


async def states_until_ended(told: asyncio.Queue[dict[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    """Every state in its order, each once, and the call as it was told last."""
    states: list[str] = []
    async with asyncio.timeout(30):
        while "ended" not in states:
            call = await told.get()
            if call["state"] not in states[-1:]:
                states.append(call["state"])
    return states, call


async def is_talking(desk: Desk) -> bool:
    call = (await desk.ask("GET", "/v1/calls/mine"))["call"]
    return call is not None and call["state"] == "talking"


@pytest.fixture(scope="module", autouse=True)
def orders(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Orders of 101's, each of a customer with two numbers."""
    sheet: Path = tmp_path_factory.mktemp("orders") / "orders.csv"
    with sheet.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["order", "name", "phone", "phone2", "manager"])
        rows.writerows([[f"88{place}", f"Desk Customer {place}", FIRST, SECOND, "101"] for place in range(4)])
    lab.call_bridge("orders", "import", str(sheet))


@pytest.fixture
async def desk(lab: Lab) -> AsyncIterator[Desk]:
    socket = load_config(lab.config_path).api.desk_socket
    async with await Database.open(lab.database_path) as database:
        manager = await manager_by_extension(database, "101")
        assert manager is not None
        await invite(database, "101", actor="cli:test", now_ms=now_ms())
        token = await begin_session(
            database,
            manager,
            Browser("192.0.2.1", "Firefox"),
            Lifetime(HOUR_MS, HOUR_MS),
            complete=True,
            entry=AuditEntry(now_ms(), "desk:101", "sign-in", "desk"),
        )
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as http:
        desk = Desk(http, token)
        yield desk
        for number in (FIRST, SECOND):
            found = Scanner(number, "GB").scan(bytes(desk.received))
            assert found == [], "a number is in what the desk was told"


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


async def test_the_chosen_contact_rings_and_the_call_is_told_to_its_end(
    lab: Lab, desk: Desk, phone: Phone, carrier: Carrier
) -> None:
    carrier.behaviour = carriers.answer_naming_the_callee(after=0.5)
    contacts = (await desk.ask("GET", "/v1/orders/880"))["contacts"]
    assert [contact["dialled_next"] for contact in contacts] == [True, False]
    async with desk.calls() as told:
        chosen = {"contact_id": contacts[1]["id"]}
        placed = await desk.ask("POST", "/v1/orders/880/calls", chosen)
        call = await phone.incoming()
        call.ring()
        await call.answer()
        customer = await carrier.called()
        assert Uri.parse(customer.invite.uri).user == SECOND
        await call.media.wait_for_audio(25)
        await until_async(lambda: is_talking(desk), "a conversation")
        await customer.hang_up()
        await call.ended()
        states, last = await states_until_ended(told)
    assert states == ["ringing-you", "calling", "ringing-customer", "talking", "ending", "ended"]
    assert (last["id"], last["result"], last["order"]) == (placed["id"], "talked", "880")

    async def is_on_record() -> bool:
        (past,) = (await desk.ask("GET", "/v1/orders/880"))["calls"]
        return (past["contact_id"], past["result"]) == (contacts[1]["id"], "talked")

    await until_async(is_on_record, "the call's result on the card")
    await nothing_left(lab)


async def test_a_busy_customer_is_told_and_waits_for_a_quarter_of_an_hour(
    lab: Lab, desk: Desk, phone: Phone, carrier: Carrier
) -> None:
    carrier.behaviour = carriers.refuse_naming_the_callee(486)
    async with desk.calls() as told:
        await desk.ask("POST", "/v1/orders/881/calls", {})
        call = await phone.incoming()
        await call.answer()
        customer = await carrier.called()
        assert Uri.parse(customer.invite.uri).user == FIRST
        states, last = await states_until_ended(told)
    assert states == ["ringing-you", "calling", "ending", "ended"]
    assert last["result"] == "busy"

    async def waits() -> bool:
        card = await desk.ask("GET", "/v1/orders/881")
        return (card["why"], card["attempts"]) == ("no-answer", 1)

    await until_async(waits, "an order that counts by its call's result")
    await nothing_left(lab)


async def test_a_call_is_ended_from_the_desk(lab: Lab, desk: Desk, phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = carriers.ring_for_ever()
    async with desk.calls() as told:
        placed = await desk.ask("POST", "/v1/orders/882/calls", {})
        call = await phone.incoming()
        await call.answer()
        customer = await carrier.called()
        await desk.ask("DELETE", f"/v1/calls/{placed['id']}")
        await customer.ended()
        await call.ended()
        _, last = await states_until_ended(told)
    assert last["result"] == "cancelled"
    await nothing_left(lab)


async def test_a_number_is_asked_for_at_the_desk_which_is_told_nothing_but_what_came_of_it(
    lab: Lab, desk: Desk, phone: Phone, carrier: Carrier
) -> None:
    async with desk.calls() as told:
        placed = await desk.ask("POST", "/v1/orders/882/calls", {})
        call = await phone.incoming()
        await call.answer()
        customer = await carrier.called()
        await until_async(lambda: is_talking(desk), "a conversation")
        await desk.ask("POST", f"/v1/calls/{placed['id']}/capture")
        await until(lambda: hears_music(call.media), "music on hold")
        await by_events(customer, f"12#{CAPTURED}#")
        await until(lambda: heard(customer.media, "en") == CAPTURED, "the number, read", within=40)
        await by_events(customer, "1")
        await until(lambda: hears_tone(call.media, carrier.tone_hz), "a manager who hears", within=20)
        await customer.hang_up()
        captures = [None]
        while (latest := await told.get())["state"] != "ended":
            captures += [latest["capture"]] if latest["capture"] != captures[-1] else []
    assert captures == [None, "asking", "saved"]
    contacts = (await desk.ask("GET", "/v1/orders/882"))["contacts"]
    assert [contact["label"] for contact in contacts] == [None, None, GIVEN_LABEL]
    assert Scanner(f"+44{CAPTURED[1:]}", "GB").scan(bytes(desk.received)) == []
    await nothing_left(lab)


async def test_a_number_in_a_note_is_sealed_and_rings_nobody(lab: Lab, desk: Desk, phone: Phone) -> None:
    saved = await desk.ask("PUT", "/v1/orders/883/notes", {"text": "or on 07700 900 813, she says"})
    assert saved["note"]["text"] == "or on [number removed], she says"
    assert saved["found"] == [{"kind": "phone", "kept": True}]
    contacts = (await desk.ask("GET", "/v1/orders/883"))["contacts"]
    assert [contact["proposed"] for contact in contacts] == [False, False, True]
    assert not contacts[2]["dialled_next"]
    assert Scanner("+447700900813", "GB").scan(bytes(desk.received)) == []
