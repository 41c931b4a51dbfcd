"""The examples of docs/agi.md, as they stand there, on a real Asterisk; and where the number is meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
import pytest
import yaml
from agi_shop import CAPTURES_NUMBER, MENUS_NUMBER, agi_shop
from capture_shop import given
from keying import by_events, heard
from shop import ari, carrier_of, next_result, nothing_left, records, registered_phone, until

from bridge.proof.scan import Scanner
from bridge.proof.sip.call import Call, CallRefused
from bridge.proof.sip.carrier import Behaviour, Carrier, answer, refuse, ring_for_ever
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.readiness import get
from labkit.results import rows

NUMBER: Final = "+447700900123"  # of order 1042, which is 101's
STRANGER: Final = "+447700900555"
GIVEN: Final = "07700900777"
OTHERS_ORDER, NOBODYS_ORDER = "1046", "9999"
SHOPS_NUMBER: Final = "442079460000"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with agi_shop(tmp_path_factory.mktemp("agi")) as lab:
        yield lab


async def dialled(phone: Phone, number: str) -> bool:
    """Whether the call was answered; both ends have hung up then."""
    call = await phone.dial(number)
    with suppress(CallRefused):
        await call.answered()
        await call.ended()
        return True
    return False


@asynccontextmanager
async def carrier_that(lab: Lab, behaviour: Behaviour) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        carrier.behaviour = behaviour
        yield carrier
        await nothing_left(lab)


async def test_order_says_whether_this_phone_may_call_it_now(lab: Lab) -> None:
    before = records(lab)
    async with registered_phone(lab) as phone:
        assert await dialled(phone, "*61042")
        assert not await dialled(phone, f"*6{OTHERS_ORDER}")
        assert not await dialled(phone, f"*6{NOBODYS_ORDER}")
    assert records(lab) == before, "a question is no call"


async def test_each_command_sets_all_of_its_variables_the_empty_ones_too(lab: Lab) -> None:
    async with registered_phone(lab) as phone:
        assert await dialled(phone, "*81042")


async def test_token_calls_the_customer_by_the_shops_own_dial(lab: Lab) -> None:
    before = records(lab)
    async with carrier_that(lab, answer(after=0.05)) as carrier, registered_phone(lab) as phone:
        call = await phone.dial("*71042")
        await call.answered()
        customer = await carrier.called()
        assert Uri.parse(customer.invite.uri).user == NUMBER
        assert Uri.parse(customer.invite.from_address.uri).user == f"+{SHOPS_NUMBER}"
        for side in (call, customer):
            await side.media.wait_for_audio(60)
        await call.hang_up()
        record = await next_result(lab, before)
    assert (record.kind, record.order, record.result) == ("dialplan", "1042", "talked")
    assert record.answered


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (refuse(486), "busy"),
        (refuse(404), "invalid-number"),
        (refuse(603), "declined"),
        (answer(after=0.05, hang_up_after=1.2), "talked"),
    ],
    ids=["busy", "no such number", "declined", "the customer hangs up"],
)
async def test_result_puts_on_record_how_the_dial_ended(lab: Lab, behaviour: Behaviour, result: str) -> None:
    before = records(lab)
    async with carrier_that(lab, behaviour), registered_phone(lab) as phone:
        await dialled(phone, "*71042")
        record = await next_result(lab, before)
    assert record.result == result


async def test_a_manager_who_hangs_up_before_the_answer_has_cancelled(lab: Lab) -> None:
    before = records(lab)
    async with carrier_that(lab, ring_for_ever()) as carrier, registered_phone(lab) as phone:
        call = await phone.dial("*71042")
        await carrier.called()
        await until(lambda: 180 in call.provisional, "a phone that hears ringing")
        call.cancel()
        record = await next_result(lab, before)
    assert record.result == "cancelled"


async def test_a_code_with_nothing_to_call_gets_no_token(lab: Lab) -> None:
    before = records(lab)
    async with carrier_that(lab, answer()) as carrier, registered_phone(lab) as phone:
        for code in (OTHERS_ORDER, NOBODYS_ORDER):
            assert not await dialled(phone, f"*7{code}")
        assert not carrier.incoming_calls
    assert [record.result for record in records(lab)[len(before) :]] == ["refused", "refused"]


async def test_a_call_of_a_dead_daemon_is_ended_by_the_dialplan_of_the_next_one(lab: Lab) -> None:
    """The record is the one before's, and the result comes to the successor."""
    before = records(lab)
    async with carrier_that(lab, answer(after=0.05)), registered_phone(lab) as phone:
        call = await phone.dial("*71042")
        await call.answered()
        await asyncio.to_thread(lab.restart_daemon)
        assert records(lab)[-1].result is None
        await call.hang_up()
        record = await next_result(lab, before)
    assert record.result == "talked"


async def test_a_queues_agent_sees_the_order_of_a_customer_and_no_number(lab: Lab) -> None:
    callers = {NUMBER: "Order 1042 Harriet", STRANGER: "Caller 1", "anonymous": "Caller 2"}
    async with registered_phone(lab, "102") as agent:
        async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
            for caller, shown in callers.items():
                customer = await carrier.call(SHOPS_NUMBER, from_=caller)
                call = await agent.incoming()
                assert call.remote.display == shown
                call.ring()
                await call.answer()
                await customer.answered()
                await customer.hang_up()
                await call.ended()
                await nothing_left(lab)
        for number in (NUMBER, STRANGER):
            assert Scanner(number, "GB").scan_recording(agent.recording) == []


async def test_dial_hands_the_call_over(lab: Lab) -> None:
    before = records(lab)
    async with carrier_that(lab, answer(after=0.05, hang_up_after=0.5)), registered_phone(lab) as phone:
        assert await dialled(phone, "81042")
        record = await next_result(lab, before)
    assert (record.kind, record.result) == ("dial-order", "talked")


@asynccontextmanager
async def customer_in_the_menu(lab: Lab, caller: str = NUMBER) -> AsyncIterator[Call]:
    """Somebody who has called the shop's own menu, and pressed 1 there."""
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        customer = await carrier.call(MENUS_NUMBER, from_=caller)
        await customer.answered()
        await customer.media.wait_for_audio(0)
        await by_events(customer, "1")
        yield customer
        await customer.hang_up()
        await customer.ended()
        await nothing_left(lab)


def capture_moves(lab: Lab, after: int) -> list[str]:
    """Every state that captures have come to since the log was so long."""
    lines = map(json.loads, lab.log("daemon").read_bytes()[after:].decode().splitlines())
    return [line["state"] for line in lines if line["event"] == "capture moved"]


async def test_capture_has_a_customer_in_the_shops_menu_give_another_number_and_go_on(lab: Lab) -> None:
    began, before = lab.log("daemon").stat().st_size, given(lab, "1042")
    events: list[str] = []
    async with events_of_everything(lab, events), customer_in_the_menu(lab) as customer:
        await until(lambda: "asking" in capture_moves(lab, began), "a customer who is asked")
        await by_events(customer, f"{GIVEN}#")
        await until(lambda: heard(customer.media, "en") == GIVEN, "the number, read", within=40)
        await by_events(customer, "1")
        await until(lambda: capture_moves(lab, began)[-1:] == ["over"], "the end of the capture", within=20)
        assert given(lab, "1042") == before + 1
        (channel,) = [each for each in lab.asterisk.rx("core show channels concise").splitlines() if each]
        console = lab.asterisk.rx(f"core show channel {channel.partition('!')[0]}")
        assert "CALLBRIDGE_CAPTURE=saved" in console
        # The call is in the menu again, and its keys are the dialplan's.
        await by_events(customer, "1")
        await until(lambda: capture_moves(lab, began).count("asking") == 2, "a menu that hears keys")
    assert capture_moves(lab, began)[-1] == "over", "who hangs up is not asked any more"
    assert given(lab, "1042") == before + 1
    audit = rows(lab.database_path, "SELECT actor, subject FROM audit WHERE act = 'contact-capture'")
    assert audit == [("customer", "order 1042")]
    assert GIVEN[1:] not in console + "".join(events)
    assert files_with(lab, GIVEN[1:]) == set()


@pytest.mark.parametrize("caller", [STRANGER, "anonymous"])
async def test_who_is_not_known_by_their_number_can_give_none(lab: Lab, caller: str) -> None:
    began = lab.log("daemon").stat().st_size
    async with customer_in_the_menu(lab, caller) as customer:
        await customer.ended()
    assert capture_moves(lab, began) == []


async def test_a_channel_that_was_not_let_in_is_hung_up(lab: Lab) -> None:
    began = lab.log("daemon").stat().st_size
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        customer = await carrier.call(CAPTURES_NUMBER, from_=NUMBER)
        with suppress(CallRefused):
            await customer.answered()
        await nothing_left(lab)
    assert capture_moves(lab, began) == []


async def test_a_capture_of_a_dead_daemon_is_hung_up_by_the_next_one(lab: Lab) -> None:
    began, before = lab.log("daemon").stat().st_size, given(lab, "1042")
    async with customer_in_the_menu(lab) as customer:
        await until(lambda: "asking" in capture_moves(lab, began), "a customer who is asked")
        await asyncio.to_thread(lab.restart_daemon)
        await customer.ended()
    assert given(lab, "1042") == before


async def test_without_another_daemon_asterisk_lets_the_customer_go_on_in_the_dialplan(lab: Lab) -> None:
    began = lab.log("daemon").stat().st_size
    console = lab.asterisk.log_folder / "everything.log"
    async with customer_in_the_menu(lab) as customer:
        await until(lambda: "asking" in capture_moves(lab, began), "a customer who is asked")
        lab.stop_daemon()
        try:
            logged = console.stat().st_size
            (channel,) = lab.asterisk.rx("core show channels concise").splitlines()
            # Minutes are not waited for here: as long as Asterisk gives it, less all but a second.
            lab.asterisk.rx(f"dialplan set chanvar {channel.partition('!')[0]} TIMEOUT(absolute) 1")
            await customer.ended()
            assert b"Executing [s@call-bridge-capture:4] Return" in console.read_bytes()[logged:]
        finally:
            await asyncio.to_thread(lab.start_daemon)


async def test_another_program_of_this_machine_learns_nothing(lab: Lab) -> None:
    """It says all that Asterisk would, of a channel that is there."""
    before = records(lab)
    async with carrier_that(lab, answer(after=0.05)), registered_phone(lab) as phone, ari(lab) as client:
        call = await phone.dial("*71042")
        await call.answered()
        (channel,) = [each for each in await client.channels.list() if each.name.startswith("PJSIP/101-")]
        for script in ("order", "token", "caller"):
            said = [
                f"agi_network_script: {script}",
                f"agi_channel: {channel.name}",
                f"agi_uniqueid: {channel.id}",
                "agi_arg_1: 1042",
            ]
            reader, writer = await asyncio.open_connection(*address(lab))
            writer.write("\n".join([*said, "", ""]).encode())
            assert await reader.read() == b""
            writer.close()
        await call.hang_up()
        await next_result(lab, before)


async def test_without_a_daemon_the_dialplan_goes_on_and_tells_nobodys_number(lab: Lab) -> None:
    lab.stop_daemon()
    try:
        async with registered_phone(lab) as phone:
            for number in ("*61042", "*71042", "81042"):
                assert not await dialled(phone, number)
    finally:
        await asyncio.to_thread(lab.start_daemon)


async def test_the_number_is_in_nothing_that_asterisk_and_the_daemon_have_written_or_told(lab: Lab) -> None:
    """Of all the calls above: variables, events, logs, call records, and the manager's leg."""
    events: list[str] = []
    async with carrier_that(lab, answer(after=0.05)), registered_phone(lab) as phone:
        async with events_of_everything(lab, events):
            call = await phone.dial("*71042")
            await call.answered()
            async with ari(lab) as client:
                names = [channel.name for channel in await client.channels.list()]
            console = "".join(lab.asterisk.rx(f"core show channel {name}") for name in names)
            await call.media.wait_for_audio(25)
            await call.hang_up()
            await until(lambda: any("ChannelDestroyed" in event for event in events), "events until the end")
        recording = phone.recording
    assert len(names) == 2
    assert "CALLBRIDGE_TOKEN=" in console, "the console shows variables"
    assert re.search(r"Time to Hangup: [1-9]", console), "Asterisk itself ends a call that is too long"
    written = everything_written(lab)
    for name in ("everything.log", "Master.csv", "queue_log", "daemon.log"):
        assert written[name], name
    assert b"trunk-sealed" in written["Master.csv"], "call records have the token's call"
    scanner = Scanner(NUMBER, "GB")
    assert scanner.scan_recording(recording) == []
    national = NUMBER.removeprefix("+44")
    hidden = (national.encode(), STRANGER.removeprefix("+44").encode())
    assert {name for name, data in written.items() if any(each in data for each in hidden)} == set()
    assert national not in console + "".join(events)


def everything_written(lab: Lab) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for folder in (lab.asterisk.log_folder, lab.log("daemon").parent)
        for path in folder.rglob("*")
        if path.is_file()
    }


def files_with(lab: Lab, text: str) -> set[str]:
    return {name for name, data in everything_written(lab).items() if text.encode() in data}


async def test_every_request_is_counted(lab: Lab) -> None:
    counted = get(lab.api_socket, "/metrics")
    assert 'callbridge_agi_requests_total{command="order",outcome="ok"}' in counted


def address(lab: Lab) -> tuple[str, int]:
    host, _, port = yaml.safe_load(lab.config_path.read_text())["agi"]["listen"].rpartition(":")
    return host, int(port)


@asynccontextmanager
async def events_of_everything(lab: Lab, events: list[str]) -> AsyncIterator[None]:
    """Every event that ARI has, for an application that asks for all of them."""
    url = f"{lab.ari_url.replace('http', 'ws', 1)}/events?app=curious&subscribeAll=true"
    headers = {"Authorization": aiohttp.encode_basic_auth(lab.ari_user, lab.ari_password)}
    async with aiohttp.ClientSession(headers=headers) as session, session.ws_connect(url) as socket:

        async def listen() -> None:
            async for message in socket:
                events.append(str(message.data))

        listening = asyncio.get_running_loop().create_task(listen())
        yield
        listening.cancel()
