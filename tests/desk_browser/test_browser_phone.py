"""The phone in the desk's page: calls by Chromium on a real Asterisk, and what SIP tells it of a customer."""

from __future__ import annotations

import asyncio
import csv
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from judged import violations
from kept import expect_no_number
from playwright.async_api import Page, WebSocket, expect
from shop import carrier_of, next_result, records, until_async
from stage import MANAGER, OPEN_ORDER, WITHIN_MS, Seat
from trunk_peers import make_certificates
from wire import Wire

from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from labkit import pbxfiles, ports
from labkit.deskapi import DeskApi
from labkit.deskbrowser import bring_session, open_browser
from labkit.deskpeople import admit, sign_in
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER, CODE = "+447700900711", "6001"
HEARD_PACKETS = 50
MICROPHONE = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--ignore-certificate-errors",
)
KEEP_CONNECTIONS = """
  window.connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) { super(...given); window.connections.push(this); }
  };
"""
COUNTERS = """async () => {
  const counted = {sent: 0, received: 0};
  for (const connection of window.connections)
    for (const each of (await connection.getStats()).values()) {
      if (each.type === "outbound-rtp") counted.sent += each.packetsSent;
      if (each.type === "inbound-rtp") counted.received += each.packetsReceived;
    }
  return counted;
}"""


@dataclass(frozen=True)
class PhoneShop:
    lab: Lab
    seat: Seat
    carrier: Carrier
    sip: list[bytes] = field(default_factory=list)
    """What the page sent and got over its WebSocket, a message each."""

    @property
    def page(self) -> Page:
        return self.seat.page


def for_browsers(lab: Lab) -> None:
    """What docs/phones.md has an administrator change, before Asterisk starts."""
    etc = lab.asterisk.etc
    changes = {
        "pjsip.conf": (f"[{MANAGER}](call-bridge-manager)", f"[{MANAGER}](call-bridge-manager-webrtc)"),
        "rtp.conf": ("icesupport=no", "icesupport=yes"),
    }
    for name, (before, after) in changes.items():
        text = (etc / name).read_text()
        assert text.count(before) == 1, name
        pbxfiles.write_private(etc / name, text.replace(before, after))
    added = {
        "pjsip.conf": "\n[ws]\ntype=transport\nprotocol=ws\nbind=127.0.0.1\n",
        "modules.conf": "load=res_pjsip_transport_websocket.so\n",
    }
    for name, more in added.items():
        pbxfiles.write_private(etc / name, (etc / name).read_text() + more)


def write_orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        writer.writerow([CODE, "Ada Lark", NUMBER, "One lamp", MANAGER])
    return path


def tls_of_a_proxy(folder: Path) -> ssl.SSLContext:
    certificates = make_certificates(folder / "tls", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.key)
    return context


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PhoneShop]:
    """A manager whose only phone is the page. TLS is a proxy's, before Asterisk as before the desk."""
    folder = tmp_path_factory.mktemp("phone")
    address = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = await asyncio.to_thread(Lab.create, folder / "lab", managers=1, carrier=address)
    for_browsers(lab)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, lab.down)
        proxy = await stack.enter_async_context(Wire(lab.record.ari_port, tls_of_a_proxy(folder)))
        await asyncio.to_thread(start, lab, write_orders(folder / "orders.csv"), proxy)
        carrier = await stack.enter_async_context(carrier_of(lab))
        api = await stack.enter_async_context(DeskApi(lab.desk_socket))
        token = await sign_in(api, await admit(lab, api, MANAGER))
        browser = await stack.enter_async_context(open_browser(*MICROPHONE))
        wire = await stack.enter_async_context(Wire(lab.record.desk_port))
        context = await browser.new_context(ignore_https_errors=True)
        context.set_default_timeout(WITHIN_MS)
        await context.add_init_script(KEEP_CONNECTIONS)
        await bring_session(context, wire.url, token)
        shop = PhoneShop(lab, Seat(MANAGER, context, await context.new_page(), wire, token), carrier)
        shop.page.on("websocket", lambda websocket: keep(websocket, shop.sip))
        yield shop
        await context.close()


def start(lab: Lab, orders: Path, proxy: Wire) -> None:
    websocket = proxy.url.replace("https:", "wss:") + "/ws"
    lab.start_asterisk()
    lab.prepare(orders)
    lab.configure({"desk": {"phones": {"websocket": websocket}}})
    lab.start_daemon()
    lab.call_bridge("managers", "phone", MANAGER, typed=lab.managers[MANAGER].password)
    lab.start_desk()


def keep(websocket: WebSocket, kept: list[bytes]) -> None:
    def message(payload: str | bytes) -> None:
        kept.append(payload.encode() if isinstance(payload, str) else payload)

    websocket.on("framesent", message)
    websocket.on("framereceived", message)


async def counters(page: Page) -> dict[str, int]:
    counted: dict[str, int] = await page.evaluate(COUNTERS)
    return counted


async def test_a_call_by_the_phone_in_the_page(shop: PhoneShop) -> None:
    page, phone, before = shop.page, shop.page.locator("#phone"), records(shop.lab)
    await shop.seat.open(f"/orders/{CODE}")
    await expect(page.locator(OPEN_ORDER)).to_be_visible()
    await phone.get_by_role("button", name="Use this browser as the phone").click()
    await expect(phone).to_contain_text("Phone: ready")
    await page.keyboard.press("c")
    await expect(phone).to_contain_text(f"Phone: ringing Order {CODE}")
    assert await violations(page) == []
    await page.keyboard.press("a")
    customer = await shop.carrier.called()
    assert NUMBER in customer.invite.uri
    await customer.media.wait_for_audio(HEARD_PACKETS)
    await expect(phone).to_contain_text("Phone: in a call")
    await until_async(lambda: both_ways(page), "sound both ways")
    await mute_and_key(page)
    await phone.get_by_role("button", name="Hang up the phone").click()
    await customer.ended()
    await expect(phone).to_contain_text("Phone: ready")
    assert (await next_result(shop.lab, before)).result == "talked"
    await expect_no_number_in_its_sip(shop)


async def both_ways(page: Page) -> bool:
    return all(packets >= HEARD_PACKETS for packets in (await counters(page)).values())


async def mute_and_key(page: Page) -> None:
    mute = page.get_by_role("button", name="Mute")
    for pressed in ("true", "false"):
        await mute.click()
        await expect(mute).to_have_attribute("aria-pressed", pressed)
    await page.locator("#phone summary").click()
    await page.get_by_role("button", name="5", exact=True).click()
    assert await violations(page) == []


async def expect_no_number_in_its_sip(shop: PhoneShop) -> None:
    said = b"\n".join(shop.sip)
    for wanted in (b"REGISTER ", b"INVITE ", b"BYE ", f"Order {CODE}".encode()):
        assert wanted in said, "it is the page's SIP"
    password = shop.lab.managers[MANAGER].password
    assert password.encode() not in said
    assert [finding.form for finding in Scanner(NUMBER, "GB").scan(said)] == []
    assert Scanner(NUMBER, "GB").scan(said + NUMBER.encode()) != [], "the control"
    await expect_no_number(shop.seat, [NUMBER])


async def test_the_customer_hangs_up_and_the_phone_is_ready_again(shop: PhoneShop) -> None:
    """The page was left and opened again: the browser is still the phone."""
    page, phone = shop.page, shop.page.locator("#phone")
    await shop.seat.open(f"/orders/{CODE}")
    await expect(phone).to_contain_text("Phone: ready")
    before = len(shop.carrier.incoming_calls)
    await page.locator("[data-key=c]").click()
    await phone.get_by_role("button", name="Answer").click()
    customer = await shop.carrier.called(before + 1)
    await customer.media.wait_for_audio(HEARD_PACKETS)
    await customer.hang_up()
    await expect(phone).to_contain_text("Phone: ready")
    await phone.get_by_role("button", name="Disconnect").click()
    await expect(phone).to_contain_text("Phone: not connected")


async def test_the_doctor_finds_nothing_amiss_in_a_phone_of_that_template(shop: PhoneShop) -> None:
    found = await asyncio.to_thread(shop.lab.examine)
    assert [line for line in found if line.startswith(("manager-", "rtp-", "http-", "ari-"))] == []
