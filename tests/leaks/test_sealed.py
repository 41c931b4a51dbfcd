"""Sealed dialling: whoever looks into Asterisk finds no number there, and a token is worth nothing."""

from __future__ import annotations

import pytest
from eavesdropping import all_events
from insiders import log_sizes, logged_since
from left_open import what_is_shown
from loud import LoudCarrier
from probes import TYPED
from search import CUSTOMER, scanner
from shop import until
from ways import Ways

from bridge.proof.capture import Direction
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

FROM_ELSEWHERE = "a message came from elsewhere"


@pytest.fixture(scope="module")
def lab(shop_folder: Lab) -> Lab:
    """Sealed dialling alone: direct dialling shows the number to Asterisk, and the documents say so."""
    return shop_folder


async def test_asterisk_shows_no_number_while_a_call_is_up(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    ways = Ways()
    LoudCarrier(carrier, ways, lab.sip_address)
    before = log_sizes(lab)
    async with all_events(lab) as events:
        call = await phone.dial("*1042")
        await call.answered()
        customer = await carrier.called()
        await customer.acknowledged()
        await customer.reinvite()
        await call.media.wait_for_audio(25)
        shown = await what_is_shown(lab)
        await call.hang_up()
        await customer.ended()
    assert Uri.parse(customer.invite.uri).user == CUSTOMER.number, "the call was the customer's"
    assert "trunk-sealed" in shown["core show channels verbose"], "the customer's leg is among what is shown"
    assert any("Dial" in event and "trunk-sealed" in event for event in events), "events were heard"
    places = shown | {"events": "\n".join(events)} | logged_since(before, lab)
    found = {
        f"{place}: {finding.form}"
        for place, text in places.items()
        for finding in scanner(CUSTOMER.number).scan(text.encode())
    }
    assert found == set()
    said = [*ways.headers.values(), *ways.sdp.values(), ways.contact_user, ways.contact_display, ways.tag]
    told = {f"{way.name}: {place}" for place, text in places.items() for way in said if way.digits in text}
    assert told == set(), "nor what the carrier says of it"
    planted = places["events"] + f'"dialstring":"{CUSTOMER.number}@trunk"'
    assert scanner(CUSTOMER.number).scan(planted.encode()), "the search would see it"


async def test_a_token_is_worth_nothing_to_who_has_seen_it(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    """The carrier's To shows the token that was dialled; played back to the daemon it leads nowhere."""
    call = await phone.dial("*1042")
    await call.answered()
    invite = (await carrier.called()).invite
    token = Uri.parse(invite.to_address.uri).user
    host, _, port = lab.record.redirect_address.rpartition(":")
    async with Phone("101", "nothing", server=(host, int(port))) as thief:
        for dialled in (token, "bcdfghjklmnpqrstvwxzbcdfghjklm", TYPED, "*1042", ""):
            await thief.dial(f"sip:{dialled}@{host}:{port}")
        await until(lambda: FROM_ELSEWHERE in lab.log("daemon").read_text(), "a daemon that was asked")
        assert thief.recording.only(direction=Direction.RECEIVED) == (), "it answers Asterisk alone"
