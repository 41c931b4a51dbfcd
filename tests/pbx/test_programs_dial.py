"""A CRM's orders on a real Asterisk: in over the API, dialled by a phone, and told of to their end."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from crm_client import CallBridge, Event, Refused
from shop import carrier_of, next_result, nothing_left, records, registered_phone, settings, until

from bridge.config import load_config
from bridge.proof.scan import Scanner
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.errors import LabError
from labkit.lab import Lab

NUMBER, OTHER = "+447700900841", "+447700900842"
_ESTABLISHED = "01"  # as /proc/net/tcp has it
SCOPES = "orders:write,orders:read,customers:read,calls:write,calls:read,results:read,events:read"


def streams_of(lab: Lab) -> int:
    """How many connections there are to where programs reach the daemon."""
    listen = load_config(lab.config_path).api.listen
    assert listen is not None
    port = f":{int(listen.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == _ESTABLISHED for row in rows)


@pytest.fixture(scope="module")
def crm(lab: Lab) -> Iterator[CallBridge]:
    """The client of docs/examples, with a token of its own."""
    port = ports.free_port("127.0.0.1", socket.SOCK_STREAM)
    api = {
        "socket": str(lab.api_socket),
        "desk_socket": str(lab.desk_socket),
        "listen": f"127.0.0.1:{port}",
    }
    with settings(lab, {"api": api}):
        token = json.loads(lab.call_bridge("tokens", "add", "crm", "--scopes", SCOPES, "--json"))["token"]
        yield CallBridge(f"http://127.0.0.1:{port}", token)
        lab.call_bridge("tokens", "revoke", "crm")


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


async def test_an_order_of_a_crm_rings_its_customer_within_a_second(
    lab: Lab, crm: CallBridge, phone: Phone, carrier: Carrier
) -> None:
    """From the first byte of the request to the carrier's ringing phone. Of three, as machines are noisy."""
    carrier.behaviour = carriers.answer()
    took: list[float] = []
    for code in ("8401", "8411", "8421"):
        before, loop = records(lab), asyncio.get_running_loop()
        begun = loop.time()
        order = await asyncio.to_thread(
            crm.put_order, code, name="Harriet Vane", phones=["07700 900841"], manager="101"
        )
        assert order["manager"] == "101"
        call = await phone.dial(f"*{code}")
        customer = await carrier.called(len(took) + 1)
        took.append(loop.time() - begun)
        assert Uri.parse(customer.invite.uri).user == NUMBER
        await call.answered()
        await call.media.wait_for_audio(25)
        await call.hang_up()
        assert (await next_result(lab, before)).result == "talked"
        await nothing_left(lab)
    assert statistics.median(took) < 1, took


async def test_a_crm_asks_for_a_call_and_hears_of_it_to_its_end(
    lab: Lab, crm: CallBridge, phone: Phone, carrier: Carrier
) -> None:
    carrier.behaviour = carriers.answer_naming_the_callee(after=0.3)
    told: list[Event] = []

    def listen() -> None:
        for event in crm.events():
            told.append(event)
            if event.name == "result":
                return

    await asyncio.to_thread(
        crm.put_order, "8402", name="Lord Peter", phones=[OTHER], manager="101", items=["A monocle"]
    )
    listening = asyncio.get_running_loop().run_in_executor(None, listen)
    await until(lambda: streams_of(lab) == 1, "an open stream")
    placed = await asyncio.to_thread(crm.call, "8402")
    call = await phone.incoming()
    await call.answer()
    customer = await carrier.called()
    assert Uri.parse(customer.invite.uri).user == OTHER
    await call.media.wait_for_audio(25)
    await customer.hang_up()
    await call.ended()
    await asyncio.wait_for(listening, 20)
    result = told[-1].data
    assert (result["call"], result["order"], result["result"]) == (placed["id"], "8402", "talked")
    assert "talking" in {event.data.get("state") for event in told}
    assert Scanner(OTHER, "GB").scan(repr(told).encode() + lab.log("daemon").read_bytes()) == []
    await nothing_left(lab)

    def results() -> Any:
        return [each for each in crm.results() if each["call_id"] == placed["id"]]

    await until(results, "what the call came to among the results")
    assert results()[0]["outcome"] == "talked"


async def test_a_daemon_that_can_not_listen_for_programs_says_so_and_does_not_start(lab: Lab) -> None:
    own = lab.config_path.read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        lab.stop_daemon()
        sockets = {"socket": str(lab.api_socket), "desk_socket": str(lab.desk_socket)}
        lab.configure({"api": sockets | {"listen": listen}})
        with pytest.raises(LabError, match=f"api.listen: {listen} can't be used"):
            lab.start_daemon()
    lab.config_path.write_text(own)
    lab.start_daemon()


async def test_a_number_that_can_not_be_dialled_is_refused_before_anything_rings(
    lab: Lab, crm: CallBridge, carrier: Carrier
) -> None:
    with pytest.raises(Refused) as refused:
        await asyncio.to_thread(crm.put_order, "8403", name="Nobody", phones=[f"{NUMBER}0000"])
    assert [error["pointer"] for error in refused.value.errors] == ["#/customer/phones/0"]
    assert Scanner(NUMBER, "GB").scan(repr(refused.value.errors).encode()) == []
    with pytest.raises(Refused) as unknown:
        await asyncio.to_thread(crm.call, "8403")
    assert unknown.value.reason == "nothing-to-call"
    assert not carrier.incoming_calls
