"""Both legs speak one codec, where phone and carrier have one in common: nothing is transcoded."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import nullcontext

import pytest
from shop import carrier_of, nothing_left, registered_phone, settings

from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Message, Request
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.sdp import PCMA, PCMU, AudioDescription
from labkit.lab import Lab

DIRECT = {"trunk": {"sealed": None, "direct": "PJSIP/{number}@trunk"}}

Start = Callable[[Lab, Phone, str], Awaitable[Call]]


@pytest.fixture(scope="module", params=["sealed", "direct"], autouse=True)
def dialling(request: pytest.FixtureRequest, lab: Lab) -> Iterator[None]:
    with settings(lab, DIRECT) if request.param == "direct" else nullcontext():
        yield


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone
        for call in phone.calls:
            await call.hang_up()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    """It takes the first codec that it is offered."""
    async with carrier_of(lab) as carrier:
        yield carrier


async def dial(lab: Lab, phone: Phone, codecs: str) -> Call:
    """The phone offers these codecs."""

    def offer_less(message: Message) -> None:
        if isinstance(message, Request) and message.method == "INVITE":
            message.body = restricted(message.body, codecs)

    phone.alter = offer_less
    call = await phone.dial("*1042")
    await call.answered()
    return call


async def click(lab: Lab, phone: Phone, codecs: str) -> Call:
    """The phone answers an offer with the first of it that it speaks."""
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    call = await phone.incoming()
    call.invite.body = restricted(call.invite.body, codecs)
    await call.answer()
    return call


def restricted(description: bytes, codecs: str) -> bytes:
    """A description with these payload types of sound in the place of its own."""
    return re.sub(rb"(m=audio \d+ RTP/AVP)(?: [08])+\b", rb"\1 %b" % codecs.encode(), description)


async def spoken(call: Call) -> set[int]:
    await call.media.wait_for_audio(25)
    return {packet.payload_type for packet in call.received_audio}


@pytest.mark.parametrize("start", [dial, click])
@pytest.mark.parametrize(
    ("codecs", "codec"), [("8 0", PCMA), ("8", PCMA), ("0", PCMU)], ids=["both", "A-law", "mu-law"]
)
async def test_the_carrier_is_asked_for_what_the_phone_speaks(
    lab: Lab, phone: Phone, carrier: Carrier, start: Start, codecs: str, codec: int
) -> None:
    call = await start(lab, phone, codecs)
    customer = await carrier.called()
    assert await spoken(call) == await spoken(customer) == {codec}
    await call.hang_up()
    await nothing_left(lab)


async def test_a_click_offers_the_phone_the_codecs_in_the_order_of_the_template(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    call = await phone.incoming()
    assert AudioDescription.parse(call.invite.body).formats[:2] == (PCMA, PCMU)
    await call.hang_up()
    await nothing_left(lab)


@pytest.mark.parametrize("start", [dial, click])
async def test_a_carrier_that_speaks_another_codec_is_reached_all_the_same(
    lab: Lab, phone: Phone, carrier: Carrier, start: Start
) -> None:
    """The phone's codec is a wish; the call is what counts."""

    async def answer_in_mu_law(call: Call) -> None:
        call.invite.body = restricted(call.invite.body, "0")
        await call.answer()

    carrier.behaviour = answer_in_mu_law
    call = await start(lab, phone, "8")
    customer = await carrier.called()
    assert await spoken(call) == {PCMA}
    assert await spoken(customer) == {PCMU}
    await call.hang_up()
    await nothing_left(lab)
