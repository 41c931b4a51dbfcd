"""The daemon dies, and calls don't: its successor takes them over on a real Asterisk."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator

import pytest
from shop import (
    ari,
    carrier_of,
    next_result,
    nothing_left,
    records,
    registered_phone,
    until,
    until_async,
)

from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.readiness import get

PACKETS_A_SECOND = 50


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


async def crash_and_restart(lab: Lab) -> None:
    daemon = lab.record.processes["daemon"]
    lab.kill_daemon()
    await until(lambda: not daemon.alive, "the end of a killed daemon")
    await asyncio.to_thread(lab.start_daemon)


def states(lab: Lab) -> list[str]:
    return [call["state"] for call in json.loads(get(lab.api_socket, "/v1/calls"))["calls"]]


async def test_a_conversation_goes_on_and_its_end_is_on_record(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    heard_before = len(call.received_audio)
    await crash_and_restart(lab)
    assert states(lab) == ["talking"]
    await crash_and_restart(lab)
    assert states(lab) == ["talking"]
    sequence = [packet.sequence for packet in call.received_audio]
    assert len(sequence) > heard_before + PACKETS_A_SECOND
    gaps = [later - earlier for earlier, later in itertools.pairwise(sequence)]
    assert set(gaps) <= {1, 1 - 65536}, "not one packet is missing"
    await call.hang_up()
    record = await next_result(lab, before)
    assert (record.result, record.answered) == ("talked", True)
    await nothing_left(lab)


async def test_a_ringing_call_is_connected_by_the_successor(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    carrier.behaviour = carriers.ring_for_ever()
    call = await phone.dial("*1042")
    customer = await carrier.called()
    await until(lambda: states(lab) == ["ringing"], "a ringing call")
    await crash_and_restart(lab)
    await customer.answer()
    await call.answered()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    assert len(carrier.incoming_calls) == 1, "nobody is dialled twice"
    await customer.hang_up()
    await call.ended()
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


async def test_a_customer_who_answers_while_nobody_watches_is_connected(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    carrier.behaviour = carriers.ring_for_ever()
    call = await phone.dial("*1042")
    customer = await carrier.called()
    await until(lambda: states(lab) == ["ringing"], "a ringing call")
    lab.kill_daemon()
    await customer.answer()
    await customer.acknowledged()
    await asyncio.to_thread(lab.start_daemon)
    await call.answered()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    await call.hang_up()
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


@pytest.mark.parametrize("who", ["manager", "customer"])
async def test_whoever_hangs_up_while_nobody_watches_has_ended_the_call(
    lab: Lab, phone: Phone, carrier: Carrier, who: str
) -> None:
    before = records(lab)
    call = await phone.dial("*1042")
    await call.answered()
    customer = await carrier.called()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    await until(lambda: records(lab)[-1].answered, "the answer on record")
    lab.kill_daemon()
    first, second = (call, customer) if who == "manager" else (customer, call)
    await first.hang_up()
    await asyncio.to_thread(lab.start_daemon)
    await second.ended()
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


async def test_a_clean_stop_leaves_conversations_talking(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(PACKETS_A_SECOND)
    await asyncio.to_thread(lab.restart_daemon)
    assert states(lab) == ["talking"]
    await call.media.wait_for_audio(len(call.received_audio) + PACKETS_A_SECOND)
    await call.hang_up()
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


async def test_what_belongs_to_no_call_is_removed_and_what_is_not_ours_is_left(lab: Lab) -> None:
    lab.stop_daemon()
    async with ari(lab) as client:
        await client.bridges.create(bridge_id="cb-nobodyscall-bridge", type="mixing")
        await client.bridges.create(bridge_id="of-another-application", type="mixing")
        await asyncio.to_thread(lab.start_daemon)

        async def bridges() -> set[str]:
            return {bridge.id for bridge in await client.bridges.list()}

        async def orphan_is_gone() -> bool:
            return "cb-nobodyscall-bridge" not in await bridges()

        await until_async(orphan_is_gone, "the end of an orphan", within=5)
        assert "of-another-application" in await bridges()
        await client.bridges.handle("of-another-application").destroy()
    await nothing_left(lab)
