"""A manager with a phone of their own making tries to get at a number, or at the trunk.

Nobody is called by it, nothing is learnt, and each attack is seen to have reached Asterisk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from shop import nothing_left

from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import NameAddress, Request
from bridge.proof.sip.phone import Phone, RegistrationRefused
from labkit.lab import Lab

NUMBER = "+447700900123"  # of order 1042
TYPED = "+447700900188"  # nobody's; what the attacker types comes back to them
REFUSED = range(400, 700)
# Asterisk lets them fall in a dialogue that is a call's: outside of one it refuses them, see above.
UNANSWERED_IN_A_CALL = {"SUBSCRIBE", "PUBLISH"}


@pytest.fixture
async def phone(phone: Phone) -> AsyncIterator[Phone]:
    """Whatever was tried with it, it has learnt nothing."""
    yield phone
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
    # What has a To tag belongs to a call: the BYE of an earlier test's, say.
    outside_calls = [request.method for request in carrier.requests if not request.to_address.tag]
    assert set(outside_calls) <= {"OPTIONS"}


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


SDP_OF_VIDEO = (
    "application/sdp",
    b"v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8\r\nm=video 40002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
)


@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("OPTIONS", [], None),
        ("INFO", [], ("application/dtmf-relay", b"Signal=#\r\nDuration=160\r\n")),
        ("UPDATE", [("P-Asserted-Identity", f"<sip:{TYPED}@example.com>")], None),
        ("INVITE", [("Remote-Party-ID", f"<sip:{TYPED}@example.com>;party=calling")], SDP_OF_VIDEO),
        ("INVITE", [("Supported", "from-change, histinfo"), ("Privacy", "none")], SDP_OF_VIDEO),
        ("SUBSCRIBE", [("Event", "dialog"), ("Expires", "60")], None),
        ("SUBSCRIBE", [("Event", "conference"), ("Expires", "60")], None),
        ("PUBLISH", [("Event", "presence"), ("Expires", "60")], None),
        ("REFER", [("Refer-To", f"<sip:{TYPED}@127.0.0.1>"), ("Refer-Sub", "false")], None),
    ],
)
async def test_no_question_asked_in_a_call_is_answered_with_a_number(
    lab: Lab,
    phone: Phone,
    carrier: Carrier,
    method: str,
    headers: list[tuple[str, str]],
    body: tuple[str, bytes] | None,
) -> None:
    call = await phone.dial("*1042")
    await call.answered()
    customer = await carrier.called()
    try:
        await call.request(method, headers=headers, body=body, within=1)
    except TimeoutError:
        assert method in UNANSWERED_IN_A_CALL
        assert (await call.request("OPTIONS")).status == 200, "so the question before it came, too"
    await call.media.wait_for_audio(len(call.received_audio) + 25)
    assert TYPED not in "".join(request.encode().decode() for request in customer.requests)
    assert len(carrier.incoming_calls) == 1
    await call.hang_up()
    await nothing_left(lab)


async def test_a_second_device_of_a_manager_throws_the_first_off(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """It cannot ring along in secret; and the call that is up tells it nothing."""
    call = await phone.dial("*1042")
    await call.answered()
    async with Phone("101", lab.managers["101"].password, server=lab.sip_address) as second:
        await second.register()
        await call.media.wait_for_audio(len(call.received_audio) + 25)
        contacts = await asyncio.to_thread(lab.asterisk.rx, "pjsip show contacts")
        assert contacts.count("101/sip:") == 1
        assert f":{second.address[1]}" in contacts
        assert Scanner(NUMBER, "GB").scan_recording(second.recording) == []


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
