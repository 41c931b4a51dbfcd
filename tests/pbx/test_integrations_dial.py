"""A shop's orders and a program's webhook on a real Asterisk: an order rings, and what came of it is told."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import socket
import sqlite3
import statistics
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hook_shop import Heard, Program
from pulled_shop import PulledWoo, served
from shop import carrier_of, next_result, nothing_left, records, registered_phone, settings, until
from standardwebhooks.webhooks import Webhook as Verifier

from bridge.proof.scan import Scanner
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from bridge.store.database import now_ms
from labkit import ports
from labkit.lab import Lab

NUMBER = "+447700900851"
RECORDED = Path(__file__).parents[1] / "shops" / "recorded" / "woocommerce-order-created.json"


@dataclass
class Tied:
    """What is tied to the lab's shop: a WooCommerce, and a program that hears webhooks."""

    url: str
    shop_secret: str
    program: Program
    hook_secret: str

    def send(self, code: str) -> Any:
        """An order, as WooCommerce sends it."""
        order = json.loads(RECORDED.read_bytes())
        order |= {"id": int(code), "number": code, "shipping": {}}
        order["billing"]["phone"] = "07700 900851"
        body = json.dumps(order).encode()
        signature = base64.b64encode(hmac.digest(self.shop_secret.encode(), body, "sha256")).decode()
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Topic": "order.created",
            "X-WC-Webhook-Signature": signature,
        }
        request = urllib.request.Request(f"{self.url}/v1/shops/woo/orders", body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def heard_of(self, order: str) -> list[Heard]:
        return [each for each in self.program.heard() if each.told["data"].get("order") == order]

    def both_of(self, order: str) -> list[Heard]:
        """What came of a call, and what that counts as: once both are heard."""
        heard = self.heard_of(order)
        return heard if len({each.id for each in heard}) == 2 else []


@pytest.fixture(scope="module")
def tied(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tied]:
    port = ports.free_port("127.0.0.1", socket.SOCK_STREAM)
    api = {
        "socket": str(lab.api_socket), "desk_socket": str(lab.desk_socket), "listen": f"127.0.0.1:{port}",
    }  # fmt: skip
    program = Program(tmp_path_factory.mktemp("program"))
    asyncio.run(program.start())
    with settings(lab, {"api": api, "webhooks": {"private_networks": ["127.0.0.1"]}}):
        added = lab.call_bridge("shops", "add", "woo", "--kind", "woocommerce", "--managers", "101", "--json")
        hook = lab.call_bridge("webhooks", "add", program.url("/ok"), "--json")
        yield Tied(
            f"http://127.0.0.1:{port}", json.loads(added)["secret"], program, json.loads(hook)["secret"]
        )
        lab.call_bridge("webhooks", "remove", str(json.loads(hook)["id"]))
        lab.call_bridge("shops", "remove", "woo")
    program.stop()


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


async def test_an_order_of_a_shop_rings_its_customer_within_a_second_and_a_program_is_told(
    lab: Lab, tied: Tied, phone: Phone, carrier: Carrier
) -> None:
    """From the shop's first byte to the carrier's ringing phone. Of three, as machines are noisy."""
    carrier.behaviour = carriers.answer()
    took: list[float] = []
    for code in ("8501", "8511", "8521"):
        before, loop = records(lab), asyncio.get_running_loop()
        begun = loop.time()
        taken = await asyncio.to_thread(tied.send, code)
        assert [each["outcome"] for each in taken["orders"]] == ["added"]
        call = await phone.dial(f"*{code}")
        customer = await carrier.called(len(took) + 1)
        took.append(loop.time() - begun)
        assert Uri.parse(customer.invite.uri).user == NUMBER
        await call.answered()
        await call.media.wait_for_audio(25)
        await call.hang_up()
        assert (await next_result(lab, before)).result == "talked"
        await nothing_left(lab)
        heard = await until(partial(tied.both_of, code), "what is told")
        told = {each.told["type"]: each for each in heard}
        assert told["result"].told["data"]["result"] == told["outcome"].told["data"]["outcome"] == "talked"
        for each in heard:
            Verifier(tied.hook_secret).verify(each.body, each.headers)
    assert statistics.median(took) < 1, took
    everything = repr(tied.program.heard()).encode() + lab.log("daemon").read_bytes()
    assert Scanner(NUMBER, "GB").scan(everything) == []


async def test_the_daemon_says_what_came_of_a_test(lab: Lab, tied: Tied) -> None:
    said = await asyncio.to_thread(lab.call_bridge, "webhooks", "test", "1")
    assert re.fullmatch(r"It has arrived: arrived 204\.\n", said)


async def test_what_a_killed_daemon_has_not_told_its_successor_tells(
    lab: Lab, tied: Tied, phone: Phone, carrier: Carrier
) -> None:
    carrier.behaviour = carriers.answer()
    await asyncio.to_thread(tied.send, "8531")
    tied.program.stop()
    before = records(lab)
    call = await phone.dial("*8531")
    await carrier.called()
    await call.answered()
    await call.hang_up()
    await next_result(lab, before)
    await nothing_left(lab)
    assert tied.heard_of("8531") == []
    lab.kill_daemon()
    await tied.program.start()
    await asyncio.to_thread(lab.start_daemon)
    heard = await until(lambda: tied.heard_of("8531"), "what the first daemon could not tell", within=60)
    assert heard[0].told["data"]["order"] == "8531"


async def test_an_order_that_appears_in_a_shop_that_is_asked_rings_its_customer(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """Nothing reaches this machine from outside: the daemon asks. No number and no login is in any log."""
    carrier.behaviour = carriers.answer()
    login = ("ck_0123456789abcdef", "cs_fedcba9876543210")
    shops = {"private_networks": ["127.0.0.1"], "pull_every_seconds": 10}
    async with served(PulledWoo()) as woo:
        with settings(lab, {"shops": shops}):
            added = await asyncio.to_thread(
                lab.call_bridge, "shops", "add", "asked", "--kind", "woocommerce", "--managers", "101",
                "--pull-from", woo.site, typed="\n".join((*login, "")),
            )  # fmt: skip
            assert "asked gives its orders" in added
            woo.put(8601, now_ms(), billing={"phone": "07700 900851"}, shipping={})
            await until(
                lambda: woo.asked and orders_of(lab, "asked"), "the order, as the shop is asked", within=30
            )
            before = records(lab)
            call = await phone.dial("*8601")
            customer = await carrier.called()
            assert Uri.parse(customer.invite.uri).user == NUMBER
            await call.answered()
            await call.media.wait_for_audio(25)
            await call.hang_up()
            assert (await next_result(lab, before)).result == "talked"
            await nothing_left(lab)
            pulled = await asyncio.to_thread(lab.call_bridge, "shops", "pull", "asked")
            assert pulled == "Pages: 1; orders: 1 unchanged.\n"
            listed = await asyncio.to_thread(lab.call_bridge, "shops", "list", "--json")
            await asyncio.to_thread(lab.call_bridge, "shops", "remove", "asked")
    logs = b"".join(path.read_bytes() for path in lab.folder.rglob("*.log"))
    everything = logs + "".join((added, pulled, listed)).encode()
    assert b"serving" in logs
    assert Scanner(NUMBER, "GB").scan(everything) == []
    assert not any(secret.encode() in everything for secret in login)


def orders_of(lab: Lab, shop: str) -> list[str]:
    """Codes of the orders that it has brought."""
    with closing(sqlite3.connect(lab.database_path)) as database:
        found = database.execute("SELECT order_code FROM shop_orders WHERE shop_name = ?", (shop,))
        return [code for (code,) in found]
