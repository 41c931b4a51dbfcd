"""A carrier that sends a call elsewhere, or wants it asked for in another way: it goes nowhere, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from shop import carrier_of, next_result, nothing_left, records, registered_phone

from bridge.proof.capture import Address
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Behaviour, Carrier, refuse
from labkit.lab import Lab

NUMBER = "+447700900123"  # of order 1042
OTHER = "+447700900199"

REDIRECTED = ("carrier-down", 23)
"""Result and cause, Q.850's "redirection to new destination"."""

NORMAL_CLEARING = ("no-answer", 16)
"""What chan_pjsip makes of every other 3xx."""


def move_to(*contacts: str, status: int = 302, ring: bool = False) -> Behaviour:
    async def behave(call: Call) -> None:
        if ring:
            call.ring()
            await asyncio.sleep(0.1)
        response = call.agent.response(call.invite, status, tag=call.local_tag)
        response.remove("Contact")
        response.headers.extend(("Contact", contact) for contact in contacts)
        call._send_response(response)

    return behave


Contacts = Callable[[Lab, Carrier, Address], list[str]]

DESTINATIONS: dict[str, Contacts] = {
    "another customer": lambda lab, carrier, phone: [f"<{at(OTHER, carrier.address)}>"],
    "the same customer in another way": lambda lab, carrier, phone: [
        f"<{at(NUMBER, carrier.address)};user=phone>"
    ],
    "a manager's phone": lambda lab, carrier, phone: [f"<{at('102', phone)}>"],
    "an extension of the PBX": lambda lab, carrier, phone: [f"<{at('102', lab.sip_address)}>"],
    "an order code": lambda lab, carrier, phone: [f"<{at('*1043', lab.sip_address)}>"],
    "our redirect server": lambda lab, carrier, phone: [f"<sip:token@{lab.record.redirect_address}>"],
    "our own full stop": lambda lab, carrier, phone: [
        f"<sip:full-stop@{lab.record.redirect_address};method=BYE>",
        f"<{at('102', phone)}>",
    ],
    "several": lambda lab, carrier, phone: [f"<{at(OTHER, carrier.address)}>", f"<{at('102', phone)}>"],
    "first of all": lambda lab, carrier, phone: [f"<{at('102', phone)}>;q=2147483"],
    "nowhere": lambda lab, carrier, phone: [],
    "a telephone number": lambda lab, carrier, phone: [f"<tel:{OTHER}>"],
}


def at(user: str, address: Address) -> str:
    return f"sip:{user}@{address[0]}:{address[1]}"


async def check_that_it_goes_nowhere(
    lab: Lab,
    carrier: Carrier,
    behaviour: Callable[[Address], Behaviour],
    *,
    ended: tuple[str, int] = REDIRECTED,
) -> None:
    """`behaviour` is the carrier's, made from the address of a colleague's phone."""
    before = records(lab)
    async with registered_phone(lab, "102") as colleague, registered_phone(lab, "101") as phone:
        carrier.behaviour = behaviour(colleague.address)
        call = await phone.dial("*1042")
        record = await next_result(lab, before)
        assert (record.result, record.cause) == ended
        assert not record.answered
        await call.hang_up()
        await nothing_left(lab)
        assert len(carrier.received("INVITE")) == 1
        assert not colleague.received("INVITE")


@pytest.mark.parametrize("destination", DESTINATIONS.values(), ids=DESTINATIONS.keys())
async def test_a_carrier_moves_a_call_nowhere(lab: Lab, destination: Contacts) -> None:
    async with carrier_of(lab) as carrier:
        await check_that_it_goes_nowhere(
            lab, carrier, lambda phone: move_to(*destination(lab, carrier, phone))
        )


@pytest.mark.parametrize("status", [300, 301, 305, 380, 399])
async def test_every_kind_of_redirection_is_stopped(lab: Lab, status: int) -> None:
    async with carrier_of(lab) as carrier:
        await check_that_it_goes_nowhere(
            lab,
            carrier,
            lambda phone: move_to(f"<{at('102', phone)}>", status=status),
            ended=NORMAL_CLEARING,
        )


async def test_a_call_that_has_rung_is_not_moved_either(lab: Lab) -> None:
    async with carrier_of(lab) as carrier:
        await check_that_it_goes_nowhere(
            lab, carrier, lambda phone: move_to(f"<{at('102', phone)}>", ring=True)
        )


@pytest.mark.parametrize(
    ("behaviour", "invites", "result"),
    [
        (refuse(401, headers=[("WWW-Authenticate", 'Digest realm="x", nonce="y"')]), 1, "declined"),
        (refuse(413, headers=[("Retry-After", "1")]), 1, "failed"),
        (refuse(420, headers=[("Unsupported", "timer")]), 1, "invalid-number"),
        (refuse(422, headers=[("Min-SE", "1800")]), 2, "failed"),
        (refuse(484), 1, "invalid-number"),
        (refuse(491), 1, "failed"),
        (refuse(503, headers=[("Retry-After", "1")]), 1, "congestion"),
    ],
    ids=["401", "413", "420", "422", "484", "491", "503"],
)
async def test_a_carrier_that_asks_again_and_again_is_not_obeyed(
    lab: Lab, behaviour: Behaviour, invites: int, result: str
) -> None:
    """422 wants another session timer (RFC 4028, section 7.1): that is tried once."""
    before = records(lab)
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
        carrier.behaviour = behaviour
        call = await phone.dial("*1042")
        assert (await next_result(lab, before)).result == result
        await call.hang_up()
        await nothing_left(lab)
        assert len(carrier.received("INVITE")) == invites
