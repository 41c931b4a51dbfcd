"""Callers whom nobody knows key an order's code in, on a real Asterisk with a carrier and phones."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import aiohttp
import pytest
from callback_shop import SHOPS_NUMBER, callback_shop, queued
from keying import WAYS, by_events, speak_without_events
from shop import next_result, nothing_left, records, until
from test_callbacks import (
    STRANGER,
    at_the_desk,
    crash_and_restart,
    hear_each_other,
    pick_up,
    queued_since,
    states,
)
from test_desk_calls import Desk

from bridge.config import load_config
from bridge.proof.capture import Direction, Protocol
from bridge.proof.scan import Scanner
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from bridge.store.accounts import invite
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.managers import manager_by_extension
from bridge.store.proposals import settle_proposal
from bridge.store.sessions import Browser, Lifetime, begin_session
from labkit.lab import Lab
from labkit.results import rows

ORDER, MANAGER = "1042", "101"
WITHHELD = "anonymous"
CALLED_FROM = "+447700900888"
HOUR_MS = 3_600_000
FIRST_SECONDS, CODE_SECONDS, CODES_OF_A_CALLER = 1.0, 6, 3
MIXED_UP = "07700900641"
"""A number, keyed in where a code is asked for."""
NOT_OPEN = "1044"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with callback_shop(
        tmp_path_factory.mktemp("codes"),
        ask_code=True,
        first_seconds=int(FIRST_SECONDS),
        code_seconds=CODE_SECONDS,
        codes_per_caller=CODES_OF_A_CALLER,
        codes_in_all=1000,
    ) as lab:
        yield lab


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with at_the_desk(lab, MANAGER) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        yield carrier
        for call in carrier.calls:
            await call.hang_up()
    await nothing_left(lab)


async def asked(lab: Lab, carrier: Carrier, number: str = WITHHELD) -> Call:
    """Somebody who calls, and hears the question."""
    customer = await carrier.call(SHOPS_NUMBER, from_=number)
    await customer.answered(within=10)
    await until(lambda: states(lab) == ["asking-code"], "a caller who is asked")
    await customer.media.wait_for_audio(10)
    return customer


def row(lab: Lab, query: str) -> tuple[object, ...]:
    return rows(lab.database_path, query)[0]


# --- a code that is an order's ---


@pytest.mark.parametrize("way", WAYS)
async def test_who_keys_a_code_in_is_put_through_as_somebody_who_may_not_be_the_customer(
    lab: Lab, phone: Phone, carrier: Carrier, way: str
) -> None:
    if way == "in band":
        speak_without_events(carrier)
    before = records(lab)
    customer = await asked(lab, carrier)
    assert set(customer.provisional) <= {100, 180}, "ringing until they were asked"
    await WAYS[way](customer, f"{ORDER}#")
    call = await phone.incoming()
    assert (call.remote.display, call.remote.uri.partition("@")[0]) == ("Order 1042?", "sip:1042")
    call.ring()
    await customer.media.wait_for_audio(len(customer.received_audio) + 25)
    await call.answer()
    await hear_each_other(call, customer)
    await customer.hang_up()
    await call.ended()
    record = await next_result(lab, before)
    assert (record.order, record.kind, record.result, record.answered) == (ORDER, "callback", "talked", True)
    assert row(lab, "SELECT contact_id FROM calls ORDER BY rowid DESC") == (None,)
    assert row(lab, "SELECT actor, act, subject, detail FROM audit ORDER BY id DESC") == (
        "customer",
        "callback-code",
        "order 1042",
        "",
    )


async def test_a_stranger_with_a_number_is_asked_as_one_without(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    customer = await asked(lab, carrier, STRANGER)
    await by_events(customer, f"{ORDER}#")
    assert (await phone.incoming()).remote.display == "Order 1042?"
    await customer.hang_up()


async def test_what_is_keyed_after_a_star_counts_and_nothing_before_it(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    customer = await asked(lab, carrier)
    await by_events(customer, f"99*{ORDER}#")
    assert (await phone.incoming()).remote.display == "Order 1042?"
    await customer.hang_up()


async def test_a_code_without_a_hash_is_complete_when_its_time_is_up(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    customer = await asked(lab, carrier)
    await by_events(customer, ORDER)
    assert (await phone.incoming(within=CODE_SECONDS + 5)).remote.display == "Order 1042?"
    await customer.hang_up()


async def test_no_other_key_of_the_callers_gets_through_once_they_are_joined(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    customer = await asked(lab, carrier)
    await by_events(customer, f"{ORDER}#")
    call = await pick_up(phone)
    await hear_each_other(call, customer)
    await by_events(customer, "123")
    await hear_each_other(call, customer)
    assert call.media.received_dtmf == ""
    await customer.hang_up()
    await call.ended()


async def test_nobody_keys_a_number_of_the_customers_in_who_is_not_known_to_be_them(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    customer = await asked(lab, carrier)
    await by_events(customer, f"{ORDER}#")
    call = await pick_up(phone)
    await hear_each_other(call, customer)
    async with desk_of(lab, MANAGER) as desk:
        assert (await desk.ask("GET", "/v1/calls/mine"))["call"]["confirmed"] is False
    await by_events(call, "*5")
    await hear_each_other(call, customer)
    assert states(lab) == ["talking"]
    assert "capture moved" not in lab.log("daemon").read_text()
    await customer.hang_up()
    await call.ended()


async def test_when_nobody_picks_up_the_queue_is_told_that_it_may_be_somebody_else(
    lab: Lab, carrier: Carrier
) -> None:
    before, already = records(lab), len(queued(lab))
    customer = await asked(lab, carrier)
    await by_events(customer, f"{ORDER}#")
    assert await queued_since(lab, already) == ['"Order 1042?" <1042> [] en allowed_not_screened']
    assert (await next_result(lab, before)).result == "passed-on"
    await customer.hang_up()


# --- a code that is none ---


async def passed_on_after(lab: Lab, carrier: Carrier, keys: str) -> tuple[float, str, list[bytes]]:
    """How long after the last key the queue has the caller, as whom, and what they have heard until then."""
    already = len(queued(lab))
    customer = await asked(lab, carrier)
    await by_events(customer, keys)
    keyed, heard = asyncio.get_running_loop().time(), len(customer.received_audio)
    signalled = len(signalling(carrier))
    (told,) = await queued_since(lab, already)
    seconds = asyncio.get_running_loop().time() - keyed
    assert signalling(carrier)[signalled:] == [], "not one message says anything"
    await customer.hang_up()
    await nothing_left(lab)
    sound = [packet.payload for packet in customer.received_audio[heard : heard + 40]]
    return seconds, re.sub(r"\d+", "N", told), sound


def signalling(carrier: Carrier) -> list[bytes]:
    received = carrier.recording.only(direction=Direction.RECEIVED, protocol=Protocol.SIP)
    return [datagram.data for datagram in received if b"OPTIONS" not in datagram.data]


async def test_right_and_wrong_codes_sound_alike_and_take_alike_long(lab: Lab, carrier: Carrier) -> None:
    """Nobody is at the desk: what is left is what the shop itself lets somebody know."""
    with closing(sqlite3.connect(lab.database_path)) as database, database:
        database.execute("UPDATE orders SET state = 'closed' WHERE code = ?", (NOT_OPEN,))
    codes = {"right": ORDER, "closed": NOT_OPEN, "nobody's": "7777", "too long": "1" * 13}
    tried = {name: await passed_on_after(lab, carrier, f"{code}#") for name, code in codes.items()}
    assert {name: who for name, (_, who, _) in tried.items()} == {
        "right": '"Order N?" <N> [] en allowed_not_screened',
        **dict.fromkeys(("closed", "nobody's", "too long"), '"Caller N" <N> [] en allowed_not_screened'),
    }
    times = [seconds for seconds, _, _ in tried.values()]
    assert min(times) >= FIRST_SECONDS - 0.3, "since the last key began, that is"
    assert max(times) - min(times) < 0.5
    sounds = {name: set(sound) for name, (_, _, sound) in tried.items()}
    assert all(len(sound) > 5 for sound in sounds.values()), "a tone, and not silence"
    for name, sound in sounds.items():
        assert sound & sounds["right"], f"{name}: the same tone"


async def test_who_keys_nothing_in_is_asked_twice_and_goes_on_under_a_running_number(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before, already = records(lab), len(queued(lab))
    began = asyncio.get_running_loop().time()
    customer = await asked(lab, carrier)
    (told,) = await until(lambda: queued(lab)[already:], "a caller in the queue", within=3 * CODE_SECONDS)
    assert asyncio.get_running_loop().time() - began >= 2 * CODE_SECONDS
    assert re.fullmatch(r'"Caller (\d{1,3})" <\1> \[\] en allowed_not_screened', told)
    assert not phone.calls
    assert records(lab) == before
    await customer.hang_up()


async def test_a_hash_alone_is_nothing_keyed_in(lab: Lab, carrier: Carrier) -> None:
    already = len(queued(lab))
    customer = await asked(lab, carrier)
    await by_events(customer, "#")
    await until(lambda: states(lab) == ["asking-code"], "the question again")
    await by_events(customer, "#")
    (told,) = await queued_since(lab, already)
    assert told.startswith('"Caller ')
    await customer.hang_up()


async def test_who_tries_codes_in_call_after_call_is_asked_no_more(lab: Lab, carrier: Carrier) -> None:
    number = "+447700900777"
    for place in range(CODES_OF_A_CALLER):
        customer = await asked(lab, carrier, number)
        await by_events(customer, f"70{place}#")
        await until(lambda: "asking-code" not in states(lab), "a code that was taken")
        await customer.hang_up()
        await nothing_left(lab)
    already = len(queued(lab))
    customer = await carrier.call(SHOPS_NUMBER, from_=number)
    await queued_since(lab, already)
    await customer.hang_up()
    await nothing_left(lab)
    another = await asked(lab, carrier, "+447700900778")
    await another.hang_up()


# --- at any moment ---


@pytest.mark.parametrize("keys", ["", "10", ORDER, f"{ORDER}#", "7777#"])
async def test_who_hangs_up_leaves_nothing(lab: Lab, phone: Phone, carrier: Carrier, keys: str) -> None:
    customer = await asked(lab, carrier)
    if keys:
        await by_events(customer, keys)
    await customer.hang_up()
    await nothing_left(lab)
    assert states(lab) == []
    assert all(call.final is not None for call in phone.calls)


async def test_killed_while_somebody_is_asked_the_successor_ends_the_call(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """It is on no record: whether they were known, and what they have keyed in, has died with the daemon."""
    before = records(lab)
    customer = await asked(lab, carrier)
    await by_events(customer, "10")
    await crash_and_restart(lab)
    await customer.ended(within=10)
    await nothing_left(lab)
    assert records(lab) == before
    assert not phone.calls


async def test_killed_while_the_phone_rings_the_successor_connects_the_two(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    customer = await asked(lab, carrier)
    await by_events(customer, f"{ORDER}#")
    call = await phone.incoming()
    call.ring()
    await crash_and_restart(lab)
    assert states(lab) == ["ringing-manager"]
    await call.answer()
    await hear_each_other(call, customer)
    await call.hang_up()
    await customer.ended()
    assert (await next_result(lab, before)).result == "talked"


async def test_killed_while_the_phone_rings_the_queue_is_still_told_that_it_may_be_somebody_else(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    already = len(queued(lab))
    customer = await asked(lab, carrier)
    await by_events(customer, f"{ORDER}#")
    call = await phone.incoming()
    call.ring()
    await crash_and_restart(lab)
    call.reject(486)
    assert await queued_since(lab, already) == ['"Order 1042?" <1042> [] en allowed_not_screened']
    await customer.hang_up()


async def test_a_stopping_daemon_lets_go_of_who_is_asked(lab: Lab, carrier: Carrier) -> None:
    already = len(queued(lab))
    customer = await asked(lab, carrier)
    await asyncio.to_thread(lab.stop_daemon)
    try:
        (told,) = await queued_since(lab, already)
        assert told.startswith('"Caller ')
        await customer.hang_up()
    finally:
        await asyncio.to_thread(lab.start_daemon)


# --- whoever went on under a running number ---


@asynccontextmanager
async def desk_of(lab: Lab, extension: str) -> AsyncIterator[Desk]:
    """The desk's API as one manager sees it."""
    async with await Database.open(lab.database_path) as database:
        manager = await manager_by_extension(database, extension)
        assert manager is not None
        await invite(database, extension, actor="cli:test", now_ms=now_ms())
        token = await begin_session(
            database,
            manager,
            Browser("192.0.2.1", "Firefox"),
            Lifetime(HOUR_MS, HOUR_MS),
            complete=True,
            entry=AuditEntry(now_ms(), f"desk:{extension}", "sign-in", "desk"),
        )
    socket = load_config(lab.config_path).api.desk_socket
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as http:
        yield Desk(http, token)


async def test_a_call_that_was_attached_proposes_a_number_that_rings_once_it_is_accepted(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    already = len(queued(lab))
    customer = await asked(lab, carrier, CALLED_FROM)
    await by_events(customer, "7777#")
    (told,) = await queued_since(lab, already)
    (label,) = re.findall(r'"Caller (\d+)"', told)
    await customer.hang_up()
    await nothing_left(lab)
    async with desk_of(lab, MANAGER) as desk:
        await desk.ask("POST", f"/v1/orders/{ORDER}/callers", {"caller": int(label)})
        contacts = (await desk.ask("GET", f"/v1/orders/{ORDER}"))["contacts"]
        assert [each["proposed"] for each in contacts] == [False, True]
        assert not Scanner(CALLED_FROM, "GB").scan(bytes(desk.received))
    async with await Database.open(lab.database_path) as database:
        assert await settle_proposal(
            database, contacts[1]["id"], accept=True, actor="cli:test", now_ms=now_ms()
        )
    assert row(lab, "SELECT kind, order_code, result FROM calls ORDER BY rowid DESC") == (
        "callback",
        ORDER,
        "passed-on",
    )
    dialled = await phone.dial(f"*{ORDER}*2")
    await dialled.answered()
    assert Uri.parse((await carrier.called()).invite.uri).user == CALLED_FROM
    await dialled.hang_up()
    await nothing_left(lab)
    again = await carrier.call(SHOPS_NUMBER, from_=CALLED_FROM)
    assert (await phone.incoming()).remote.display == "Order 1042 Harriet", "and is known by it"
    await again.hang_up()


async def test_a_number_that_is_keyed_in_for_a_code_is_written_nowhere(lab: Lab, carrier: Carrier) -> None:
    """Last in this module, and at the level debug."""
    already = len(queued(lab))
    customer = await asked(lab, carrier)
    await by_events(customer, f"{MIXED_UP}#")
    await queued_since(lab, already)
    await customer.hang_up()
    await nothing_left(lab)
    written = [*lab.record.log_folder.iterdir(), *lab.database_path.parent.glob(f"{lab.database_path.name}*")]
    for number in (f"+44{MIXED_UP[1:]}", STRANGER, CALLED_FROM):
        scanner = Scanner(number, "GB")
        for path in written:
            assert path.name == "carrier.jsonl" or not scanner.scan(path.read_bytes()), path.name
