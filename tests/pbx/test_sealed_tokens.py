"""A token as people at the PBX come by it: seen, repeated, guessed, given up. It is worth nothing to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from shop import ari, carrier_of, nothing_left
from trunk_yard import NUMBER, lab_with, talk

from bridge.proof.capture import Direction
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier, answer, redirect
from bridge.proof.sip.message import NameAddress, Uri
from bridge.proof.sip.ua import UserAgent
from labkit.lab import Lab

GUESS = "bcdfghjklmnpqrstvwxzbcdfghjklm"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = lab_with(tmp_path_factory.mktemp("tokens"))
    yield lab
    lab.down()


def redirect_address(lab: Lab) -> tuple[str, int]:
    host, _, port = lab.record.redirect_address.rpartition(":")
    return host, int(port)


async def token_of_a_call(lab: Lab, carrier: Carrier) -> str:
    """The token of a call that is over, as the carrier has seen it."""
    carrier.behaviour = answer(after=0.05)
    return Uri.parse((await talk(lab, carrier)).invite.to_address.uri).user


async def test_another_program_of_this_machine_is_not_answered(lab: Lab) -> None:
    async with carrier_of(lab) as carrier, UserAgent(("127.0.0.1", 0), user="somebody") as program:
        token = await token_of_a_call(lab, carrier)
        for method in ("INVITE", "OPTIONS"):
            uri = f"sip:{token}@{lab.record.redirect_address}"
            request = program.new_request(
                method, uri, from_=NameAddress(program.contact_uri, "", "x"), to=NameAddress(uri)
            )
            program.send(request, redirect_address(lab))
        # A call later the server has read what was sent before them.
        await talk(lab, carrier)
        assert not program.recording.only(direction=Direction.RECEIVED)
    assert "a message came from elsewhere than trunk.sealed.asterisk" in lab.log("daemon").read_text()


@pytest.mark.parametrize("guessed", [False, True], ids=["used", "guessed"])
async def test_asterisk_itself_gets_nothing_for_a_token_again(lab: Lab, guessed: bool) -> None:
    """Whoever may originate calls by ARI or AMI can let Asterisk ask: as often as they like."""
    async with carrier_of(lab) as carrier, ari(lab) as client:
        token = GUESS if guessed else await token_of_a_call(lab, carrier)
        calls = len(carrier.incoming_calls)
        await client.channels.originate(endpoint=f"PJSIP/{token}@trunk-sealed", app="call-bridge")
        await nothing_left(lab)
        assert len(carrier.incoming_calls) == calls
    assert "a token that is worth nothing was dialled" in lab.log("daemon").read_text()


async def test_a_call_given_up_before_the_redirection_goes_nowhere(lab: Lab) -> None:
    """Nothing provisional has come, so PJSIP can't cancel yet (RFC 3261, section 9.1); nor does it go on."""
    lab.stop_daemon()
    given_up = asyncio.Event()

    async def hesitate(call: Call) -> None:
        await given_up.wait()
        await redirect(f"sip:{NUMBER}@{lab.record.carrier}")(call)

    try:
        async with (
            Carrier(redirect_address(lab), behaviour=hesitate) as server,
            Carrier(lab.carrier_address) as carrier,
            ari(lab) as client,
        ):
            channel = await client.channels.originate(
                endpoint=f"PJSIP/{GUESS}@trunk-sealed", app="call-bridge"
            )
            await server.called()
            await channel.hangup()
            given_up.set()
            await server.wait_for_request("ACK")
            await nothing_left(lab)
            assert not carrier.incoming_calls
    finally:
        await asyncio.to_thread(lab.start_daemon)  # the loop closes the server's socket meanwhile
