"""A customer's several numbers on a real Asterisk: which of them rings, and that the manager learns none."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from shop import carrier_of, next_result, nothing_left, records, registered_phone, until_async

from bridge.api.client import ApiClient
from bridge.calls.model import State
from bridge.proof.capture import Direction, Protocol
from bridge.proof.scan import Scanner
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.results import rows

FIRST, SECOND = "+447700900821", "+442079460822"
NUMBERS_OF_985 = {False: ("+447700900825", "+442079460826"), True: ("+447700900827", "+442079460827")}


@pytest.fixture(scope="module", autouse=True)
def orders(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Order 980 of 101's, of a customer with two numbers."""
    row = ["980", "Customer With Two", FIRST, SECOND, "101"]
    lab.call_bridge("orders", "import", str(sheet_of(tmp_path_factory.mktemp("orders"), row)))


def sheet_of(folder: Path, *orders: list[str]) -> Path:
    sheet = folder / "orders.csv"
    with sheet.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["order", "name", "phone", "phone2", "manager"])
        rows.writerows(orders)
    return sheet


async def bring(lab: Lab, folder: Path, *orders: list[str]) -> None:
    """Import more orders, while the carrier goes on answering."""
    await asyncio.to_thread(lab.call_bridge, "orders", "import", str(sheet_of(folder, *orders)))


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    """It has seen neither number, whatever else a test looks at."""
    async with registered_phone(lab) as phone:
        yield phone
        for number in (FIRST, SECOND):
            assert Scanner(number, "GB").scan_recording(phone.recording) == []


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


def number_rung(invited: Call) -> str:
    return str(Uri.parse(invited.invite.uri).user)


def standings(lab: Lab, code: str) -> list[str]:
    query = "SELECT standing FROM contacts JOIN orders USING (customer_id) WHERE code = ? ORDER BY position"
    return [standing for (standing,) in rows(lab.database_path, query, code)]


def details_of_the_audit(lab: Lab, code: str) -> list[str]:
    """What the audit says of calls of this order, oldest first."""
    query = "SELECT detail FROM audit WHERE subject = ? AND act IN ('dial', 'refuse') ORDER BY id"
    return [detail for (detail,) in rows(lab.database_path, query, f"order {code}")]


async def test_a_star_and_a_place_ring_the_second_number(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = carriers.answer_naming_the_callee(after=0.2)
    cases = (("*980*2", SECOND), ("*980*1", FIRST), ("*980", FIRST))
    for count, (dialled, number) in enumerate(cases, 1):
        before = records(lab)
        call = await phone.dial(dialled)
        await call.answered()
        customer = await carrier.called(count)
        assert number_rung(customer) == number
        await call.media.wait_for_audio(25)
        await call.hang_up()
        await customer.ended()
        record = await next_result(lab, before)
        assert (record.order, record.result) == ("980", "talked")
    second, first, first_again = details_of_the_audit(lab, "980")[-3:]
    assert second != first == first_again
    await nothing_left(lab)


async def test_a_place_without_a_number_is_told_as_a_code_that_is_nobodys(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    for dialled, why in (("*980*3", "no_contact"), ("*981*2", "unknown_code")):
        before = records(lab)
        call = await phone.dial(dialled)
        await call.answered()  # to be told
        await call.hang_up()
        assert (await next_result(lab, before)).result == "refused"
        assert details_of_the_audit(lab, dialled[1:4])[-1] == why


async def test_a_number_that_is_not_to_be_called_rings_for_nobody(
    lab: Lab, phone: Phone, carrier: Carrier, tmp_path: Path
) -> None:
    """Nor for another customer, who an import brings later; beside it their other number rings."""
    nobody, somebody = "+447700900823", "+442079460824"
    await bring(lab, tmp_path, ["982", "Left Alone", nobody, "", "101"])
    await asyncio.to_thread(lab.call_bridge, "do-not-call", "add", typed=f"{nobody}\n")
    rows = (["983", "Same Phone", nobody, "", "101"], ["984", "Same And Other", nobody, somebody, "101"])
    await bring(lab, tmp_path, *rows)
    for code in ("982", "983"):
        before = records(lab)
        call = await phone.dial(f"*{code}")
        await call.answered()  # to be told
        await call.hang_up()
        assert (await next_result(lab, before)).result == "refused"
        assert details_of_the_audit(lab, code)[-1] == "do_not_call"
    assert carrier.incoming_calls == []
    call = await phone.dial("*984")
    await call.answered()
    assert number_rung(await carrier.called()) == somebody
    await call.hang_up()
    for number in (nobody, somebody):
        assert Scanner(number, "GB").scan_recording(phone.recording) == []
    await nothing_left(lab)


@pytest.mark.parametrize("click", [False, True])
async def test_a_number_that_is_none_leads_to_the_next_one(
    lab: Lab, phone: Phone, carrier: Carrier, tmp_path: Path, click: bool
) -> None:
    """Whatever the carrier says of the two: the manager hears an announcement, ringing, and the customer."""
    gone, there = NUMBERS_OF_985[click]
    code = f"985{int(click)}"
    await bring(lab, tmp_path, [code, "Moved", gone, there, "101"])
    carrier.when(gone, carriers.refuse_naming_the_callee(404))
    carrier.behaviour = carriers.answer_naming_the_callee(after=1.0)
    before = records(lab)
    if click:
        await asyncio.to_thread(lab.call_bridge, "call", code, "--as", "101")
        call = await phone.incoming()
        call.ring()
        await call.answer()
    else:
        call = await phone.dial(f"*{code}")
        await call.answered()  # to be told
    second = await carrier.called(2, within=20)
    assert [number_rung(each) for each in carrier.incoming_calls] == [gone, there]
    await second.answered()
    heard = len(phone.recording.only(direction=Direction.RECEIVED, protocol=Protocol.RTP))
    await call.media.wait_for_audio(heard + 25)
    await call.hang_up()
    await second.ended()
    assert (await next_result(lab, before)).result == "talked"
    last, first = details_of_the_audit(lab, code)[::-1]
    assert last.endswith(f", after {first}: invalid-number")
    assert last.partition(",")[0] != first
    assert standings(lab, code) == ["usable", "usable"], "one such answer may be the carrier's mistake"
    for number in (gone, there):
        assert Scanner(number, "GB").scan_recording(phone.recording) == []
    await nothing_left(lab)


async def test_where_the_next_number_is_none_too_the_manager_is_told_and_no_third_is_tried(
    lab: Lab, phone: Phone, carrier: Carrier, tmp_path: Path
) -> None:
    row = ["986", "Nowhere", "+447700900828", "+442079460829", "101"]
    await bring(lab, tmp_path, row)
    carrier.behaviour = carriers.refuse_naming_the_callee(404)
    before = records(lab)
    call = await phone.dial("*986")
    await call.ended(within=30)
    assert (await next_result(lab, before)).result == "invalid-number"
    assert [number_rung(each) for each in carrier.incoming_calls] == row[2:4]
    await nothing_left(lab)


@pytest.mark.alone
async def test_a_manager_who_hangs_up_while_they_are_told_has_no_second_phone_rung(
    lab: Lab, phone: Phone, carrier: Carrier, tmp_path: Path
) -> None:
    row = ["987", "Nowhere", "+447700900830", "+442079460831", "101"]
    await bring(lab, tmp_path, row)
    carrier.behaviour = carriers.refuse(404)
    before = records(lab)
    call = await phone.dial("*987")
    await call.answered()
    await call.hang_up()
    assert (await next_result(lab, before)).result == "cancelled"
    await nothing_left(lab)
    assert len(carrier.incoming_calls) == 1


async def test_a_daemon_that_dies_while_the_manager_is_told_leaves_nothing_and_rings_nobody(
    lab: Lab, phone: Phone, carrier: Carrier, tmp_path: Path
) -> None:
    row = ["988", "Nowhere", "+447700900832", "+442079460833", "101"]
    await bring(lab, tmp_path, row)
    carrier.behaviour = carriers.refuse(404)
    before = records(lab)
    call = await phone.dial("*988")
    await call.answered()
    await asyncio.to_thread(lab.kill_daemon)
    await asyncio.to_thread(lab.start_daemon)
    assert (await next_result(lab, before)).result == "failed"
    await call.ended(within=30)
    await nothing_left(lab)
    assert len(carrier.incoming_calls) == 1


async def test_a_daemon_that_dies_while_it_looks_for_another_number_leaves_nothing_and_rings_nobody(
    lab: Lab, phone: Phone, carrier: Carrier, tmp_path: Path
) -> None:
    """The database is locked meanwhile: the change would take a moment only."""
    row = ["989", "Nowhere", "+447700900834", "+442079460835", "101"]
    await bring(lab, tmp_path, row)
    carrier.behaviour = carriers.silence()
    before = records(lab)
    call = await phone.dial("*989")
    customer = await carrier.called()
    with closing(sqlite3.connect(lab.database_path, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        customer.respond(404)
        await until_async(lambda: are_in(lab, State.CHANGING_CONTACT), "a call between two numbers")
        await asyncio.to_thread(lab.kill_daemon)
    await asyncio.to_thread(lab.start_daemon)
    assert (await next_result(lab, before)).result == "failed"
    await call.ended(within=30)
    await nothing_left(lab)
    assert len(carrier.incoming_calls) == 1


async def are_in(lab: Lab, state: State) -> bool:
    async with ApiClient(lab.api_socket) as api:
        return [call.state for call in await api.calls()] == [state.value]


async def test_a_program_calls_the_second_number_by_its_place(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    carrier.behaviour = carriers.answer_naming_the_callee(after=0.2)
    await asyncio.to_thread(lab.call_bridge, "call", "980", "--as", "101", "--contact", "2")
    call = await phone.incoming()
    call.ring()
    await call.answer()
    assert number_rung(await carrier.called()) == SECOND
    await call.hang_up()
    await nothing_left(lab)
