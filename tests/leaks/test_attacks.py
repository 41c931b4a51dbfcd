"""A manager with a phone of their own making tries to get at a number, or at the trunk.

Nobody is called by it, nothing is learnt, and each attack is seen to have reached Asterisk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from shop import carrier_of

from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.scan import Scanner
from labkit.sip.carrier import Carrier
from labkit.sip.message import NameAddress, Request
from labkit.sip.phone import Phone, RegistrationRefused

NUMBER = "+447700900123"  # of order 1042
TYPED = "+447700900188"  # nobody's; what the attacker types comes back to them
REFUSED = range(400, 700)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.up(tmp_path_factory.mktemp("attacks"), carrier=carrier)
    yield lab
    lab.down()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with Phone("101", lab.managers["101"].password, server=lab.sip_address) as phone:
        await phone.register()
        yield phone
        for call in phone.calls:
            await call.hang_up()
        assert Scanner(NUMBER, "GB").scan_recording(phone.recording) == []


@pytest.mark.parametrize(
    "dialled",
    [
        "*1042,foo",
        "*1042%2Cfoo",
        "*1042%2C1046",
        "*1042%5Ex",
        "*1042&x",
        "*10a2",
        "*",
        "**1042",
        "*8",
        "*8101",
        TYPED,
        TYPED.removeprefix("+"),
        "07700900188",
        "trunk",
        "trunk-sealed",
        f"{TYPED}@trunk",
        "serve",
        "s",
        "h",
        "i",
        "t",
        "1042",
        "call-bridge-order",
        "bcdfghjklmnpqrstvwxzbcdfghjklm",
        "cb-bcdfghjklmnpqr-customer",
        "asterisk",
        "700",
        "101",
        "102",
    ],
)
async def test_dialling_anything_but_an_order_calls_nobody(
    phone: Phone, carrier: Carrier, dialled: str
) -> None:
    call = await phone.dial(dialled.replace("@", "%40"))
    final = await call.settled()
    assert final.status in REFUSED or final.status == 200, "refused, in words or by a status"
    await call.hang_up()
    assert not carrier.incoming_calls


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("SUBSCRIBE", [("Event", "dialog"), ("Expires", "60"), ("Accept", "application/dialog-info+xml")]),
        ("SUBSCRIBE", [("Event", "presence"), ("Expires", "60"), ("Accept", "application/pidf+xml")]),
        ("SUBSCRIBE", [("Event", "message-summary"), ("Expires", "60")]),
        ("SUBSCRIBE", [("Event", "reg"), ("Expires", "60")]),
        ("SUBSCRIBE", [("Event", "refer"), ("Expires", "60")]),
        ("PUBLISH", [("Event", "presence"), ("Expires", "60")]),
        ("REFER", [("Refer-To", f"<sip:{TYPED}@127.0.0.1>")]),
        ("MESSAGE", [("Content-Type", "text/plain")]),
        ("INFO", []),
        ("NOTIFY", [("Event", "refer"), ("Subscription-State", "active")]),
        ("UPDATE", []),
    ],
)
@pytest.mark.parametrize("target", ["102", "*1042", "trunk", TYPED])
async def test_no_request_outside_a_call_is_served(
    lab: Lab, phone: Phone, carrier: Carrier, method: str, headers: list[tuple[str, str]], target: str
) -> None:
    host, port = lab.sip_address
    identity = NameAddress(f"sip:101@{host}:{port}", "", "attack")
    request = phone.new_request(
        method,
        f"sip:{target}@{host}:{port}",
        from_=identity,
        to=NameAddress(f"sip:{target}@{host}:{port}"),
        headers=headers,
    )
    response = await asyncio.wait_for(phone.transact(request, lab.sip_address), 5)
    # 202 to a MESSAGE says that it was received; the dialplan's context then refuses it.
    assert response.status in REFUSED or (method, response.status) == ("MESSAGE", 202)
    assert not carrier.incoming_calls
    assert [request.method for request in carrier.requests if request.method != "OPTIONS"] == []


@pytest.mark.parametrize(
    "headers",
    [
        [("Refer-To", f"<sip:{TYPED}@127.0.0.1>")],
        [("Refer-To", "<sip:*1043@127.0.0.1>")],
        [("Refer-To", "<sip:102@127.0.0.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>")],
    ],
)
async def test_a_call_is_not_transferred(
    phone: Phone, carrier: Carrier, headers: list[tuple[str, str]]
) -> None:
    call = await phone.dial("*1042")
    await call.answered()
    response = await call.request("REFER", headers=headers)
    assert response.status in REFUSED
    await call.media.wait_for_audio(len(call.received_audio) + 25)
    assert len(carrier.incoming_calls) == 1


async def test_a_call_taken_over_by_replaces_shows_no_number(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """Asterisk answers whoever knows all three secrets of a dialogue (RFC 3891): a second device of the same
    manager, perhaps. The call then ends; that device is what must learn nothing.
    """
    call = await phone.dial("*1042")
    await call.answered()
    tags = f"{call.call_id};to-tag={call.remote.tag};from-tag={call.local_tag}"
    async with Phone("102", lab.managers["102"].password, server=lab.sip_address) as other:
        await other.register()
        thief = await other.dial("*1046", headers=[("Replaces", tags)])
        await thief.settled()
        await thief.hang_up()
        assert Scanner(NUMBER, "GB").scan_recording(other.recording) == []


async def test_identities_that_a_manager_makes_up_reach_nobody(phone: Phone, carrier: Carrier) -> None:
    lie = "+12025550177"
    call = await phone.dial(
        "*1042",
        headers=[
            ("P-Asserted-Identity", f'"{lie}" <sip:{lie}@example.com>'),
            ("P-Preferred-Identity", f"<sip:{lie}@example.com>"),
            ("Remote-Party-ID", f'"{lie}" <sip:{lie}@example.com>;party=calling;screen=yes'),
            ("Diversion", f"<sip:{lie}@example.com>"),
            ("History-Info", f"<sip:{lie}@example.com>;index=1"),
        ],
    )
    await call.answered()
    customer = await carrier.called()
    assert lie not in customer.invite.encode().decode()
    assert customer.invite.from_address.uri.startswith("sip:+442079460000@"), "the shop's own number"


async def test_nobody_registers_as_somebody_else(lab: Lab) -> None:
    async with Phone("102", lab.managers["101"].password, server=lab.sip_address) as thief:
        with pytest.raises(RegistrationRefused):
            await thief.register()


async def test_nobody_calls_as_the_trunk(lab: Lab, carrier: Carrier) -> None:
    """From is only what somebody says: the trunk is known by its address."""
    async with Phone("trunk", "nothing", server=lab.sip_address) as stranger:
        call = await stranger.dial(TYPED)
        assert (await call.settled()).status in REFUSED
        assert not carrier.incoming_calls


def test_the_search_would_see_the_number() -> None:
    request = Request("INFO", "sip:101@127.0.0.1", body=b"")
    request.headers = [("X-Planted", NUMBER)]
    assert Scanner(NUMBER, "GB").scan(request.encode())
