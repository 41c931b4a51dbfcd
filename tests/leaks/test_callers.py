"""A carrier says the number of a customer who calls in every way there is; the phone must receive none.

As in test_managers_leg.py each way has a number of its own. Here it is Asterisk that answers, so the ways are
those of requests, of the offer in the INVITE, and of media.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache

import pytest
from callback_shop import SHOPS_NUMBER, callback_shop
from loud import LoudCarrier
from search import BRITISH_NUMBER, CUSTOMER, leaked, unheard
from shop import registered_phone
from test_managers_leg import SYNTAX_ERROR, UNANSWERED, asterisk_log
from ways import HEADERS, LOUD, ON_REQUESTS, Way, Ways

from bridge.proof.capture import Direction, Recording
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

FEWEST_WAYS = 800
"""Those that can be said on a leg that came in."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with callback_shop(tmp_path_factory.mktemp("callers")) as lab:
        yield lab


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        yield carrier


async def test_nothing_that_a_carrier_says_of_a_caller_reaches_the_manager(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    ways = Ways()
    loud = LoudCarrier(carrier, ways, lab.sip_address)
    logged_before = len(asterisk_log(lab))
    customer = await carrier.call(SHOPS_NUMBER, from_=CUSTOMER.number, display=CUSTOMER.number)
    call = await phone.incoming()
    assert call.remote.display == "Order 1042 Harriet"
    call.ring()
    await call.answer()
    await customer.answered()
    await customer.media.wait_for_audio(25)
    await loud.talk(customer)
    await call.media.wait_for_audio(100)
    await customer.hang_up()
    await call.ended()

    assert {name for name, status in loud.answers.items() if not status} <= UNANSWERED
    assert SYNTAX_ERROR not in asterisk_log(lab)[logged_before:], "Asterisk understood all of it"
    said = [way for way in ways.tried_by(LOUD) if is_said(way, ways, carrier.recording)]
    assert len(said) > FEWEST_WAYS
    assert {ways.headers[place, name] for place in ON_REQUESTS for name in HEADERS} <= set(said)
    assert unheard(said, carrier.recording, phone.recording) == [], "all was said, and could be heard"
    assert leaked([*said, CUSTOMER], phone.recording) == []


def is_said(way: Way, ways: Ways, said: Recording) -> bool:
    """Whether this carrier has said it: in signalling, for all to read, or somehow in media."""
    return way.digits in numbers_in(said) or (way.medium == "media" and way is not ways.early_sound)


@cache
def numbers_in(said: Recording) -> frozenset[str]:
    sent = said.only(direction=Direction.SENT)
    return frozenset(number.decode() for datagram in sent for number in BRITISH_NUMBER.findall(datagram.data))
