"""Whole calls on a real Asterisk: a manager's phone, the daemon, a carrier."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from shop import (
    ari,
    carrier_of,
    gauge,
    next_result,
    nothing_left,
    records,
    registered_phone,
    settings,
    sound_folder,
    until,
)

from bridge.asterisk.announcements import SOUNDS
from bridge.asterisk.ari import NotFound
from bridge.calls.model import Message
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.readiness import get

NUMBER = "+447700900123"
ANOTHER_MANAGERS_ORDER = "*1046"
NO_ORDER = "*7777"


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    """A carrier that the PBX has seen to be alive."""
    async with carrier_of(lab) as carrier:
        yield carrier


async def test_a_dialled_order_becomes_a_conversation(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    call = await phone.dial("*1042")
    await call.answered()
    customer = await carrier.called()
    assert Uri.parse(customer.invite.uri).user == NUMBER
    await call.media.wait_for_audio(25)
    await customer.media.wait_for_audio(25)
    await call.hang_up()
    await customer.ended()
    record = await next_result(lab, before)
    assert (record.order, record.kind, record.result, record.answered) == (
        "1042",
        "dial-order",
        "talked",
        True,
    )
    assert 180 in call.provisional
    await nothing_left(lab)


async def test_a_customer_who_hangs_up_ends_the_call(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    carrier.behaviour = carriers.answer(hang_up_after=0.5)
    call = await phone.dial("*1042")
    await call.answered()
    await call.ended()
    assert not call.ended_by_us
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (486, "busy"),
        (600, "busy"),
        (404, "invalid-number"),
        (484, "invalid-number"),
        (480, "no-answer"),
        (603, "declined"),
        (503, "congestion"),
        (500, "carrier-down"),
    ],
)
async def test_each_answer_of_a_carrier_has_its_result_and_is_told(
    lab: Lab, phone: Phone, carrier: Carrier, status: int, result: str
) -> None:
    before = records(lab)
    carrier.behaviour = carriers.refuse(status)
    call = await phone.dial("*1042")
    await call.answered()  # to be told why there is no conversation
    await call.media.wait_for_audio(25)
    await call.ended(within=15)
    assert not call.ended_by_us
    record = await next_result(lab, before)
    assert (record.result, record.answered) == (result, False)
    await nothing_left(lab)


async def test_a_customer_who_never_answers_is_given_up(lab: Lab, carrier: Carrier) -> None:
    carrier.behaviour = carriers.ring_for_ever()
    with settings(lab, {"calls": {"ring_seconds": 5}}):
        before = records(lab)
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            await call.ended(within=15)
        assert (await next_result(lab, before)).result == "no-answer"
        await nothing_left(lab)


async def test_a_manager_who_hangs_up_while_it_rings_cancels_the_call(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    carrier.behaviour = carriers.ring_for_ever()
    call = await phone.dial("*1042")
    customer = await carrier.called()
    await until(lambda: 180 in call.provisional, "ringing")
    await call.hang_up()
    await customer.ended()
    assert customer.final is not None
    assert customer.final.status == 487
    assert (await next_result(lab, before)).result == "cancelled"
    await nothing_left(lab)


async def test_a_dead_carrier_is_told(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)

    def has_answered() -> bool:
        return "the carrier answers" in lab.log("daemon").read_text().rpartition('"starting"')[2]

    await until(has_answered, "a carrier that the daemon has seen to be alive")
    await carrier.close()
    await until(lambda: gauge(lab, "callbridge_carrier_up") == 0, "a carrier known to be down", within=60)
    call = await phone.dial("*1042")
    await call.answered()
    await call.ended(within=15)
    assert (await next_result(lab, before)).result == "carrier-down"
    await nothing_left(lab)


async def test_an_unknown_code_and_a_foreign_one_are_told_alike(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    told = []
    for code in (NO_ORDER, ANOTHER_MANAGERS_ORDER):
        before = records(lab)
        start = asyncio.get_running_loop().time()
        call = await phone.dial(code)
        await call.answered()
        answered_after = asyncio.get_running_loop().time() - start
        await call.ended(within=20)
        assert (await next_result(lab, before)).result == "refused"
        told.append((answered_after, call.provisional, len(call.received_audio)))
    (first_after, *first), (second_after, *second) = told
    assert abs(first_after - second_after) < 0.4  # another multiple of the delay would be half a second more
    assert first[0] == second[0]
    assert abs(first[1] - second[1]) <= 5  # RTP packets of 20 ms
    assert not carrier.incoming_calls
    await nothing_left(lab)


async def test_a_click_rings_the_manager_and_then_the_customer(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    call = await phone.incoming()
    assert call.remote.display == "Order 1042"
    assert not carrier.incoming_calls, "the customer is called when the manager has picked up"
    call.ring()
    await call.answer()
    customer = await carrier.called()
    await call.media.wait_for_audio(25)
    await customer.media.wait_for_audio(25)
    await customer.hang_up()
    await call.ended()
    record = await next_result(lab, before)
    assert (record.kind, record.result) == ("click-to-call", "talked")
    await nothing_left(lab)


async def test_a_click_whose_phone_is_busy_calls_no_customer(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    (await phone.incoming()).reject(486)
    assert (await next_result(lab, before)).result == "manager-unreachable"
    assert not carrier.incoming_calls
    await nothing_left(lab)


async def test_a_managers_phone_that_redirects_a_click_reaches_nobody(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101")
    host, port = lab.sip_address
    (await phone.incoming()).redirect(f"sip:*1042@{host}:{port}")
    assert (await next_result(lab, before)).result == "manager-unreachable"
    assert not carrier.incoming_calls
    await nothing_left(lab)


async def test_a_manager_has_one_live_call(lab: Lab, carrier: Carrier) -> None:
    async with registered_phone(lab) as phone:
        first = await phone.dial("*1042")
        await first.answered()
        before = records(lab)
        second = await phone.dial("*1043")
        await second.answered()
        await second.ended(within=15)
        assert (await next_result(lab, before)).result == "refused"
        assert len(carrier.incoming_calls) == 1
        await first.hang_up()
    await nothing_left(lab)


async def test_a_call_ends_at_its_cap_though_the_daemon_is_dead(lab: Lab, carrier: Carrier) -> None:
    with settings(lab, {"calls": {"max_seconds": 10}}):
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            await call.media.wait_for_audio(25)
            await until(lambda: records(lab)[-1].answered, "the answer on record")
            lab.kill_daemon()
            await call.ended(within=15)
            customer = await carrier.called()
            await customer.ended()
        assert len(call.received_audio) > 300, "the conversation went on without the daemon"
        lab.start_daemon()
    await nothing_left(lab)


async def test_a_channel_that_is_no_managers_is_hung_up_and_counted(lab: Lab) -> None:
    counted = stray_channels(lab)
    strays = ("order,1042", "order,1042,more")
    async with ari(lab) as client:
        for arguments in strays:
            # An extension that answers: only then is the channel in the application.
            endpoint = "Local/s@call-bridge-refuse"
            await client.channels.originate(endpoint=endpoint, app="call-bridge", app_args=arguments)
    await until(lambda: stray_channels(lab) >= counted + len(strays), "strays in the metric")
    await nothing_left(lab)


def stray_channels(lab: Lab) -> float:
    found = re.findall(
        r"^callbridge_stray_channels_total\{.*\} (\S+)$", get(lab.api_socket, "/metrics"), re.MULTILINE
    )
    return sum(map(float, found))


async def test_a_refusal_is_spoken_in_the_managers_language(lab: Lab, carrier: Carrier) -> None:
    seconds = {}
    for language in ("en", "ru"):
        with settings(lab, {"shop": {"language": language}}):
            async with registered_phone(lab) as phone:
                call = await phone.dial(NO_ORDER)
                await call.answered()
                await call.ended(within=20)
                seconds[language] = len(call.received_audio) / 50
    folder = sound_folder(lab)
    for language, heard in seconds.items():
        names = SOUNDS[Message.NOT_YOURS]
        # GSM: 33 octets for 20 ms. What is heard besides is the hang-up's tenth of a second or two.
        spoken = sum((folder / language / f"{name}.gsm").stat().st_size for name in names) / 33 * 0.02
        assert abs(heard - spoken) < 0.6, language
    assert abs(seconds["en"] - seconds["ru"]) > 0.6, "the two can be told apart"


async def test_without_a_key_nothing_is_dialled_and_it_is_said(lab: Lab, carrier: Carrier) -> None:
    keys = lab.record.secrets / "keys"
    hidden = keys.rename(keys.with_suffix(".hidden"))
    lab.stop_daemon()
    try:
        lab.start_daemon(until="/healthz")
        await until(lambda: gauge(lab, "callbridge_ari_link") == 1, "a link to Asterisk")
        before = records(lab)
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            await call.ended(within=15)
        assert (await next_result(lab, before)).result == "refused"
        assert not carrier.incoming_calls
        assert "SEALED" in lab.log("daemon").read_text()
    finally:
        lab.stop_daemon()
        hidden.rename(keys)
        lab.start_daemon()


async def test_a_call_on_record_is_there_though_the_daemon_is_killed_at_once(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    carrier.behaviour = carriers.ring_for_ever()
    call = await phone.dial("*1042")
    await carrier.called()
    lab.kill_daemon()
    assert [record.order for record in records(lab)[len(before) :]] == ["1042"]
    await call.hang_up()
    lab.start_daemon()
    async with ari(lab) as client:
        for channel in await client.channels.list():
            with suppress(NotFound):  # it may be on its way out already
                await client.channels.handle(channel.id).hangup()
    await nothing_left(lab)
