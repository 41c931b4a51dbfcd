"""A shop's own Dial() of a token, and a carrier that says the number in every way there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agi_shop import agi_shop
from conftest import WITHOUT_LIMITS
from families import FRAMES_DROPPED_BY_THE_TRUNK
from loud import LoudCarrier, OneIdentity
from openings import lines_opened
from probes import keys
from search import CUSTOMER, leaked, unheard
from ways import ALONE, LOUD, Ways

from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The dialplan of docs/agi.md, but that nobody queues who calls from outside."""
    with agi_shop(tmp_path_factory.mktemp("token-leaks"), WITHOUT_LIMITS, incoming=False) as lab:
        yield lab


async def test_nothing_that_a_carrier_says_reaches_the_manager_of_a_token_call(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    ways = Ways()
    loud = LoudCarrier(carrier, ways, lab.sip_address)
    call = await phone.dial("*71042")
    customer = await carrier.called()
    await call.answered()
    await customer.acknowledged()
    assert Uri.parse(customer.invite.uri).user == CUSTOMER.number
    await customer.media.wait_for_audio(25)
    await loud.talk(customer)
    await call.media.wait_for_audio(100)
    await customer.hang_up()
    await call.ended()
    said = ways.tried_by(LOUD)
    assert unheard(said, carrier.recording, phone.recording) == [], "all was said, and could be heard"
    assert leaked([*said, CUSTOMER], phone.recording) == []


async def test_the_sealed_trunk_alone_keeps_keys_from_the_manager_of_a_token_call(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """Nobody has made that channel who could say what it may let through. With it, see above."""
    with lines_opened(lab, [*FRAMES_DROPPED_BY_THE_TRUNK.lines]):
        assert await keys(lab, phone, carrier, dialled="*71042")


@pytest.mark.parametrize("turn", range(len(ALONE)))
async def test_no_identity_said_alone_reaches_the_manager_of_a_token_call(
    phone: Phone, carrier: Carrier, turn: int
) -> None:
    one = OneIdentity(carrier, Ways(), turn)
    call = await phone.dial("*71042")
    await call.answered()
    customer = await carrier.called()
    await one.talk(customer)
    await call.media.wait_for_audio(25)
    await call.hang_up()
    assert unheard(one.ways, carrier.recording, phone.recording) == []
    assert leaked([*one.ways, CUSTOMER], phone.recording) == []
