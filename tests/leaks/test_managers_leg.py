"""A carrier says the number in every way there is; the manager's phone must receive none of them.

Each way has a number of its own, so that one loud call tries hundreds of ways, and a finding names its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from loud import ForkingCarrier, LoudCarrier, OneIdentity
from page import PAGE, page
from search import CUSTOMER, leaked, unheard
from ways import (
    ALONE,
    BODIES,
    FORKED,
    HEADERS,
    LOUD,
    ON_RESPONSES,
    REDIRECTED,
    REFUSALS,
    REFUSED,
    TOO_LATE,
    Ways,
)

from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Message, Response, Uri
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.sdp import PCMA
from labkit.lab import Lab

# What Asterisk has no module for, or no use, it lets fall without an answer; OPTIONS, UPDATE, INFO and
# re-INVITE with the same headers are answered, so it is not the headers that it falls over.
UNANSWERED = {"MESSAGE", "NOTIFY"} | {
    name for name, (method, *_) in BODIES.items() if method in ("MESSAGE", "NOTIFY", "INFO")
} - {"INFO of a key"}
SYNTAX_ERROR = "syntax error"
CHALLENGES = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
REFUSAL_STATUSES = (400, 403, 404, 408, 410, 415, 480, 484, 486, 488, 500, 503, 600, 603, 606)
REDIRECTIONS = (300, 301, 302, 305, 380)

Dial = Callable[[Lab, Phone], Awaitable[Call]]


async def dial(lab: Lab, phone: Phone) -> Call:
    return await phone.dial("*1042")


async def click(lab: Lab, phone: Phone) -> Call:
    """Here Asterisk calls the manager, and could tell of the customer in its own requests."""
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    call = await phone.incoming()
    call.ring()
    await call.answer()
    return call


@pytest.mark.parametrize("start", [dial, click])
async def test_nothing_that_a_carrier_says_reaches_the_manager(
    lab: Lab, phone: Phone, carrier: Carrier, start: Dial
) -> None:
    ways = Ways()
    loud = LoudCarrier(carrier, ways, lab.sip_address)
    logged_before = len(asterisk_log(lab))
    call = await start(lab, phone)
    customer = await carrier.called()
    await call.answered()
    await customer.acknowledged()
    assert Uri.parse(customer.invite.uri).user == CUSTOMER.number
    await customer.media.wait_for_audio(25)
    codecs = {packet.payload_type for leg in (call, customer) for packet in leg.received_audio}
    assert codecs == {PCMA}, "both legs speak alike"
    await loud.talk(customer)
    await call.media.wait_for_audio(100)
    await customer.hang_up()
    await call.ended()

    assert {name for name, status in loud.answers.items() if not status} <= UNANSWERED
    assert SYNTAX_ERROR not in asterisk_log(lab)[logged_before:], "Asterisk understood all of it"
    said = ways.tried_by(LOUD)
    assert unheard(said, carrier.recording, phone.recording) == [], "all was said, and could be heard"
    assert leaked([*said, CUSTOMER], phone.recording) == []


def asterisk_log(lab: Lab) -> str:
    return (lab.asterisk.log_folder / "messages.log").read_text(errors="replace")


@pytest.mark.parametrize("turn", range(len(ALONE)))
async def test_no_identity_said_alone_reaches_the_manager(phone: Phone, carrier: Carrier, turn: int) -> None:
    one = OneIdentity(carrier, Ways(), turn)
    call = await phone.dial("*1042")
    await call.answered()
    customer = await carrier.called()
    await one.talk(customer)
    await call.media.wait_for_audio(25)
    await call.hang_up()
    assert unheard(one.ways, carrier.recording, phone.recording) == []
    assert leaked([*one.ways, CUSTOMER], phone.recording) == []


async def test_no_tag_of_a_fork_reaches_the_manager(phone: Phone, carrier: Carrier) -> None:
    ways = Ways()
    said = ways.tried_by(FORKED)
    ForkingCarrier(carrier, ways)
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(25)
    await call.hang_up()
    assert unheard(said, carrier.recording, phone.recording) == []
    assert leaked([*said, CUSTOMER], phone.recording) == []


async def test_an_answer_that_comes_too_late_reaches_nobody(phone: Phone, carrier: Carrier) -> None:
    (late,) = Ways().tried_by(TOO_LATE)
    headers = [(name, value.format(n=late.number)) for name, value, _ in HEADERS.values()]

    async def answer_when_cancelled(call: Call) -> None:
        call.receive_cancel = lambda: carrier.tasks.start(call.answer(headers=headers), "a late answer")
        call.ring()

    carrier.behaviour = answer_when_cancelled
    call = await phone.dial("*1042")
    customer = await carrier.called()
    await call.hang_up()
    await customer.acknowledged()
    await customer.ended()
    assert unheard([late], carrier.recording, phone.recording) == []
    assert leaked([late, CUSTOMER], phone.recording) == []


def refusal_headers(ways: Ways, status: int) -> list[tuple[str, str]]:
    headers = [
        (header, value.format(n=ways.headers[REFUSALS, name].number))
        for name, (header, value, _) in HEADERS.items()
    ]
    if status in CHALLENGES:
        headers.append(
            (CHALLENGES[status], f'Digest realm="{ways.realm.number}", nonce="abc", algorithm=MD5')
        )
    return headers


@pytest.mark.parametrize("status", [*CHALLENGES, *REFUSAL_STATUSES])
async def test_nothing_that_a_refusal_says_reaches_the_manager(
    phone: Phone, carrier: Carrier, status: int
) -> None:
    ways = Ways()
    said = [way for way in ways.tried_by(REFUSED) if way is not ways.realm or status in CHALLENGES]
    reason = f"{ways.refusal_reason.number} is not here"
    carrier.behaviour = carriers.refuse(status, reason, headers=refusal_headers(ways, status))
    call = await phone.dial("*1042")
    await call.answered()  # to be told
    await call.hang_up()
    assert (await carrier.called()).final is not None
    assert unheard(said, carrier.recording, phone.recording) == []
    assert leaked([*said, CUSTOMER], phone.recording) == []


@pytest.mark.parametrize("status", REDIRECTIONS)
async def test_nothing_that_a_redirection_says_reaches_the_manager(
    phone: Phone, carrier: Carrier, status: int
) -> None:
    """Sealed, PJSIP follows it once; direct, the call ends."""
    ways = Ways()
    host, port = carrier.address
    said = [*ways.tried_by(REDIRECTED), *(ways.headers[REFUSALS, name] for name in HEADERS)]

    def name_the_target(message: Message) -> None:
        if isinstance(message, Response) and message.status == status:
            uri = f"<sip:{ways.moved_to.number}@{host}:{port}>"
            message.set("Contact", f'"{ways.moved_display.number}" {uri}')
            message.headers.extend(refusal_headers(ways, status))

    carrier.alter = name_the_target
    carrier.behaviour = carriers.redirect("sip:somewhere@carrier.example", status=status)
    carrier.when(ways.moved_to.number, carriers.answer())
    call = await phone.dial("*1042")
    await call.answered()
    await call.hang_up()
    assert unheard(said, carrier.recording, phone.recording) == []
    assert leaked([*said, CUSTOMER], phone.recording) == []


def test_the_page_of_ways_is_made_from_these() -> None:
    assert PAGE.read_text() == page(), "run python tests/leaks/page.py"


def test_every_way_has_a_number_of_its_own() -> None:
    ways = Ways().all()
    assert len({way.number for way in ways}) == len({way.name for way in ways}) == len(ways) >= 60
    assert {place for place, _ in Ways().headers} >= {*ON_RESPONSES, REFUSALS}


def test_every_way_is_tried_by_a_test_that_exists() -> None:
    assert {way.test for way in Ways().all()} <= globals().keys()
