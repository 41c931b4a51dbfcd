"""A token as people at the PBX come by it: seen, repeated, guessed, given up. It is worth nothing to them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from shop import ari, carrier_of, next_result, nothing_left, records, registered_phone, until_async
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


@contextmanager
def nobody_can_write(lab: Lab) -> Iterator[None]:
    """As while another program keeps the database's lock."""
    with closing(sqlite3.connect(lab.database_path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        yield


async def waits_for_the_disk(lab: Lab) -> None:
    """Return when the customer's channel is there."""

    async def channels() -> bool:
        async with ari(lab) as client:
            return any(each.id.endswith("-customer") for each in await client.channels.list())

    await until_async(channels, "the customer's channel")


async def test_nobody_is_dialled_before_the_call_is_on_disk_and_then_at_once(lab: Lab) -> None:
    before = records(lab)
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
        with nobody_can_write(lab):
            call = await phone.dial("*1042")
            await waits_for_the_disk(lab)
            assert not carrier.incoming_calls
        await call.answered()
        await call.media.wait_for_audio(1)
        await call.hang_up()
        assert (await next_result(lab, before)).result == "talked"
        assert len(carrier.incoming_calls) == 1
    await nothing_left(lab)


async def test_a_manager_who_hangs_up_while_the_disk_is_late_has_nobody_called(lab: Lab) -> None:
    before = records(lab)
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
        with nobody_can_write(lab):
            call = await phone.dial("*1042")
            await waits_for_the_disk(lab)
            await call.hang_up()
            assert not carrier.incoming_calls
        assert (await next_result(lab, before)).result == "cancelled"
        await nothing_left(lab)
        await talk(lab, carrier)
        assert len(carrier.incoming_calls) == 1, "the second call's alone"


async def test_a_daemon_that_dies_while_the_disk_is_late_has_nobody_called(lab: Lab) -> None:
    """Asterisk asks again, having heard nothing: it finds nobody, or a successor who knows no such token."""
    async with carrier_of(lab) as carrier, registered_phone(lab) as phone:
        with nobody_can_write(lab):
            call = await phone.dial("*1042")
            await waits_for_the_disk(lab)
            lab.kill_daemon()
        await asyncio.to_thread(lab.start_daemon)
        await nothing_left(lab)
        await call.hang_up()
        await talk(lab, carrier)
        assert len(carrier.incoming_calls) == 1, "the second call's alone"
