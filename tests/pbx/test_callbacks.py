"""Customers call the shop: a real Asterisk, a carrier that brings their calls, managers' phones."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing

import pytest
from callback_shop import SHOPS_NUMBER, SUPERVISOR, callback_shop, queued
from shop import (
    next_result,
    nothing_left,
    records,
    registered_phone,
    until,
)

from bridge.proof.scan import Scanner
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.readiness import get
from labkit.results import rows

HARRIET, IVAN = "+447700900123", "+447700900124"
"""Of the orders 1042 and 1043, whose manager is 101."""
STRANGER = "+447700900555"
FIRST_SECONDS = 2.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with callback_shop(tmp_path_factory.mktemp("callbacks")) as lab:
        yield lab


@asynccontextmanager
async def at_the_desk(lab: Lab, extension: str) -> AsyncIterator[Phone]:
    """A manager's phone, which is known to be away when it is."""
    async with registered_phone(lab, extension) as phone:
        yield phone
        await phone.unregister()


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with at_the_desk(lab, "101") as phone:
        yield phone


@pytest.fixture
async def supervisor(lab: Lab) -> AsyncIterator[Phone]:
    async with at_the_desk(lab, SUPERVISOR) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        yield carrier
        for call in carrier.calls:
            await call.hang_up()
    await nothing_left(lab)


async def calls_in(carrier: Carrier, number: str = HARRIET, display: str = "") -> Call:
    return await carrier.call(SHOPS_NUMBER, from_=number, display=display)


async def pick_up(phone: Phone, *, within: float = 10.0) -> Call:
    call = await phone.incoming(within)
    call.ring()
    await call.answer()
    return call


async def hear_each_other(one: Call, other: Call) -> None:
    for call in (one, other):
        await call.media.wait_for_audio(len(call.received_audio) + 25)


def states(lab: Lab) -> list[str]:
    return [call["state"] for call in json.loads(get(lab.api_socket, "/v1/calls"))["calls"]]


async def crash_and_restart(lab: Lab) -> None:
    daemon = lab.record.processes["daemon"]
    lab.kill_daemon()
    await until(lambda: not daemon.alive, "the end of a killed daemon")
    await asyncio.to_thread(lab.start_daemon)


# --- who is rung ---


async def test_a_customers_own_manager_is_rung_and_sees_order_and_name(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    customer = await calls_in(carrier)
    call = await phone.incoming()
    assert (call.remote.display, call.remote.uri.partition("@")[0]) == ("Order 1042 Harriet", "sip:1042")
    assert customer.provisional[-1] == 180, "the customer hears ringing before the manager does"
    call.ring()
    await call.answer()
    await customer.answered()
    await hear_each_other(call, customer)
    await customer.hang_up()
    await call.ended()
    record = await next_result(lab, before)
    assert (record.order, record.kind, record.result, record.answered) == ("1042", "callback", "talked", True)
    assert not supervisor.calls


async def test_a_manager_who_hangs_up_ends_the_call(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    customer = await calls_in(carrier)
    call = await pick_up(phone)
    await customer.answered()
    await hear_each_other(call, customer)
    await call.hang_up()
    await customer.ended()
    assert not customer.ended_by_us
    assert (await next_result(lab, before)).result == "talked"


async def test_of_several_orders_it_is_the_one_that_was_last_called_about(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """Order 1043 is newer; but it is 1042 that they know the shop by."""
    with sqlite3.connect(lab.database_path) as database:
        (ivan,) = database.execute("SELECT customer_id FROM orders WHERE code = '1043'").fetchone()
        database.execute("UPDATE orders SET customer_id = ? WHERE code IN ('1042', '1045')", (ivan,))
    database.close()
    dialled = await phone.dial("*1045")
    await dialled.answered()
    await hear_each_other(dialled, await carrier.called())
    await dialled.hang_up()
    customer = await calls_in(carrier, IVAN)
    assert (await phone.incoming()).remote.display == "Order 1045 Иван"
    await customer.hang_up()


async def test_a_customer_who_hangs_up_stops_the_ringing_at_once(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    call = await phone.incoming()
    call.ring()
    await customer.hang_up()
    await call.ended(within=2)
    assert call.final is not None
    assert call.final.status == 487
    assert (await next_result(lab, before)).result == "missed"


@pytest.mark.parametrize("wait", [0.0, 0.005, 0.01, 0.015, 0.02, 0.03])
async def test_no_phone_goes_on_ringing_for_a_customer_who_hangs_up_at_once(
    lab: Lab, phone: Phone, carrier: Carrier, wait: float
) -> None:
    customer = await calls_in(carrier, IVAN)
    await until(lambda: customer.provisional, "a first response")
    await asyncio.sleep(wait)  # each finds another moment, whichever it is
    await customer.hang_up()
    await nothing_left(lab)
    assert all(call.final is not None for call in phone.calls)
    await until(lambda: states(lab) == [], "a daemon without calls")


async def test_while_the_manager_is_in_a_call_a_supervisor_is_rung(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier
) -> None:
    talking = await phone.dial("*1044")
    await talking.answered()
    customer = await calls_in(carrier, IVAN)
    call = await pick_up(supervisor)
    await customer.answered()
    await hear_each_other(call, customer)
    assert len(phone.calls) == 1, "the manager who talks was left alone"
    await customer.hang_up()
    await talking.hang_up()


async def test_two_customers_at_once_ring_two_phones(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier
) -> None:
    customers = await asyncio.gather(calls_in(carrier, IVAN), calls_in(carrier, "+442079460101"))
    shown = {(await desk.incoming()).remote.display for desk in (phone, supervisor)}
    assert len(shown) == 2
    assert len(phone.calls) == len(supervisor.calls) == 1
    for customer in customers:
        await customer.hang_up()


@pytest.mark.parametrize("status", [480, 486, 603])
async def test_a_phone_that_says_no_is_followed_by_a_supervisors(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier, status: int
) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    (await phone.incoming()).reject(status)
    call = await pick_up(supervisor)
    await customer.answered()
    await hear_each_other(call, customer)
    await call.hang_up()
    record = await next_result(lab, before)
    assert (record.kind, record.result) == ("callback", "talked")
    assert who_talked(lab) == SUPERVISOR


def who_talked(lab: Lab) -> str:
    ((extension,),) = rows(
        lab.database_path,
        "SELECT extension FROM calls JOIN managers ON managers.id = manager_id"
        " ORDER BY calls.rowid DESC LIMIT 1",
    )
    return str(extension)


async def test_a_phone_that_is_not_picked_up_falls_silent_before_the_next_rings(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier
) -> None:
    customer = await calls_in(carrier, IVAN)
    first = await phone.incoming()
    first.ring()
    second = await supervisor.incoming(within=20)
    assert first.final is not None, "the first has been told that it is over"
    second.ring()
    await customer.hang_up()
    await second.ended()


async def test_a_phone_that_redirects_leads_nowhere_but_to_the_next(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier
) -> None:
    customer = await calls_in(carrier, IVAN)
    (await phone.incoming()).redirect("sip:" + STRANGER + "@127.0.0.2")
    await supervisor.incoming()
    assert not carrier.incoming_calls
    await customer.hang_up()


async def test_the_manager_who_calls_a_customer_who_is_just_calling_in(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier
) -> None:
    """Who was first has the manager: the customer's call rings the supervisor, the manager hears busy."""
    carrier.behaviour = carriers.ring_for_ever()
    dialled = await phone.dial("*1043")
    await carrier.called()
    customer = await calls_in(carrier, IVAN)
    call = await pick_up(supervisor)
    await customer.answered()
    await hear_each_other(call, customer)
    await dialled.hang_up()
    await customer.hang_up()


async def test_a_manager_who_is_rung_for_a_customer_can_not_dial_them_meanwhile(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    customer = await calls_in(carrier, IVAN)
    ringing = await phone.incoming()
    ringing.ring()
    dialled = await phone.dial("*1043")
    await dialled.answered()  # to be told that one call at a time is all
    assert not carrier.incoming_calls
    await dialled.ended(within=20)
    await customer.hang_up()


# --- who is not put through ---


async def test_when_nobody_picks_up_the_call_goes_on_as_the_order(lab: Lab, carrier: Carrier) -> None:
    before, already = records(lab), len(queued(lab))
    began = asyncio.get_running_loop().time()
    customer = await calls_in(carrier, IVAN)
    await customer.answered(within=15)
    assert asyncio.get_running_loop().time() - began >= FIRST_SECONDS
    assert await queued_since(lab, already) == ['"Order 1043" <1043> [] ru allowed_not_screened']
    assert (await next_result(lab, before)).result == "passed-on"


async def queued_since(lab: Lab, already: int) -> list[str]:
    queue: list[str] = await until(lambda: queued(lab)[already:], "a caller in the queue")
    return queue


NOBODY_KNOWN = {
    "a stranger": (STRANGER, ""),
    "withheld": ("anonymous", "Anonymous"),
    "no user": ("unavailable", ""),
    "an extension": ("101", "101"),
    "too long": ("+44770090012312345678", ""),
    "letters": ("harriet", HARRIET),
    "two numbers": ("+447700900123/+447700900124", ""),
    "an injection": ("1042%27%20OR%201=1", ""),
    "percents": ("%2b%2b%00%ff", ""),
}


@pytest.mark.parametrize("name", NOBODY_KNOWN)
async def test_who_is_not_known_goes_on_under_a_running_number(
    lab: Lab, phone: Phone, supervisor: Phone, carrier: Carrier, name: str
) -> None:
    before, already = records(lab), len(queued(lab))
    number, display = NOBODY_KNOWN[name]
    began = asyncio.get_running_loop().time()
    customer = await calls_in(carrier, number, display)
    await customer.answered(within=15)
    assert asyncio.get_running_loop().time() - began >= FIRST_SECONDS
    assert set(customer.provisional) <= {100, 180}
    (told,) = await queued_since(lab, already)
    assert re.fullmatch(r'"Caller (\d{1,3})" <\1> \[\] en allowed_not_screened', told)
    assert not phone.calls
    assert not supervisor.calls
    assert records(lab) == before


@pytest.mark.parametrize("spelling", ["447700900124", "07700900124", "00447700900124", "%2B447700900124"])
async def test_a_number_is_known_however_the_carrier_writes_it(
    lab: Lab, phone: Phone, carrier: Carrier, spelling: str
) -> None:
    customer = await calls_in(carrier, spelling)
    await phone.incoming()
    await customer.hang_up()


async def test_without_a_daemon_the_call_goes_on_at_once_and_anonymous(lab: Lab, carrier: Carrier) -> None:
    lab.stop_daemon()
    try:
        already = len(queued(lab))
        customer = await calls_in(carrier)
        await customer.answered(within=2)
        assert await queued_since(lab, already) == ['"" <> [] en unavailable']
    finally:
        lab.start_daemon()


async def test_in_a_panic_nobody_is_rung_and_the_call_goes_on(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    await asyncio.to_thread(lab.call_bridge, "panic", "--reason", "a test")
    try:
        customer = await calls_in(carrier, IVAN)
        await customer.answered(within=15)
        assert not phone.calls
    finally:
        await asyncio.to_thread(lab.call_bridge, "panic", "--off")


async def test_a_stopping_daemon_lets_go_of_those_who_wait(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    call = await phone.incoming()
    call.ring()
    await asyncio.to_thread(lab.stop_daemon)
    try:
        await call.ended()
        await customer.answered()
        assert (await next_result(lab, before)).result == "passed-on"
    finally:
        await asyncio.to_thread(lab.start_daemon)


# --- the daemon dies ---


async def test_killed_while_the_phone_rings_the_successor_connects_the_two(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    call = await phone.incoming()
    call.ring()
    await crash_and_restart(lab)
    assert states(lab) == ["ringing-manager"]
    await call.answer()
    await customer.answered()
    await hear_each_other(call, customer)
    await call.hang_up()
    await customer.ended()
    assert (await next_result(lab, before)).result == "talked"


async def test_killed_while_the_phone_rings_a_customer_who_hung_up_meanwhile_rings_no_phone(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    call = await phone.incoming()
    call.ring()
    lab.kill_daemon()
    await customer.hang_up()
    await asyncio.to_thread(lab.start_daemon)
    await call.ended()
    assert (await next_result(lab, before)).result == "missed"


async def test_killed_in_a_conversation_it_goes_on(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    call = await pick_up(phone)
    await customer.answered()
    await hear_each_other(call, customer)
    await crash_and_restart(lab)
    assert states(lab) == ["talking"]
    await hear_each_other(call, customer)
    await customer.hang_up()
    await call.ended()
    assert (await next_result(lab, before)).result == "talked"


# --- what is left of the number ---


async def test_who_has_called_in_vain_waits_in_the_queue_until_somebody_has_talked_with_them(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before, began_ms = records(lab), time.time() * 1000
    customer = await calls_in(carrier, IVAN)
    (await phone.incoming()).ring()
    await customer.hang_up()
    missed = await next_result(lab, before)

    def waits() -> tuple[str, int, int]:
        with closing(sqlite3.connect(lab.database_path)) as database:
            query = "SELECT why, attempts, due_ms FROM orders WHERE code = ?"
            why, attempts, due_ms = database.execute(query, (missed.order,)).fetchone()
            return why, attempts, due_ms

    await until(lambda: waits()[:2] == ("customer-called", 0), "an order whose customer has called")
    assert began_ms <= waits()[2] <= time.time() * 1000
    dialled = await phone.dial(f"*{missed.order}")
    await dialled.answered()
    await hear_each_other(dialled, await carrier.called())
    await dialled.hang_up()
    await until(lambda: waits()[0] == "new", "an order whose customer has been spoken with")


def test_the_doctor_finds_nothing_amiss_in_such_a_shop(lab: Lab) -> None:
    assert lab.examine() == []


async def test_no_log_has_the_number_of_anybody_who_called(lab: Lab) -> None:
    """Last in this module, and at the level debug."""
    for number in (HARRIET, IVAN, STRANGER):
        scanner = Scanner(number, "GB")
        for path in lab.record.log_folder.iterdir():
            assert path.name == "carrier.jsonl" or not scanner.scan(path.read_bytes()), path.name
