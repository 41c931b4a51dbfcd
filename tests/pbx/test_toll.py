"""Toll fraud on a real Asterisk: the panic, and conversations at the end of a day's allowance."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
import yaml
from shop import (
    carrier_of,
    gauge,
    next_result,
    nothing_left,
    records,
    registered_phone,
    settings,
    until,
    until_async,
)

from bridge.api.client import ApiClient, Readiness
from bridge.proof.sip import carrier as carriers
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.readiness import get

pytestmark = pytest.mark.alone

SECONDS_LEFT = 12


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier


@pytest.fixture
def calm(lab: Lab) -> Iterator[None]:
    """Whatever becomes of a test, its panic ends with it."""
    yield
    with closing(sqlite3.connect(lab.database_path)) as database, database:
        database.execute("DELETE FROM panic")


async def readiness(lab: Lab) -> Readiness:
    async with ApiClient(lab.api_socket) as api:
        return await api.ready()


async def panic_is(lab: Lab, on: bool) -> None:
    async def seen() -> bool:
        return (await readiness(lab)).panic is on

    await until_async(seen, f"a daemon that says panic: {on}", within=2)


async def start_in_panic(lab: Lab) -> None:
    """Start a daemon that is not ready, as a panic will have it, and wait until it hears Asterisk."""
    await asyncio.to_thread(lab.start_daemon, until="/healthz")

    async def linked() -> bool:
        return (await readiness(lab)).link

    await until_async(linked, "a daemon that hears Asterisk")


async def is_refused(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before, called = records(lab), len(carrier.incoming_calls)
    call = await phone.dial("*1042")
    await call.answered()  # to be told so
    await call.ended(within=20)
    assert (await next_result(lab, before)).result == "refused"
    assert len(carrier.incoming_calls) == called


async def is_placed(phone: Phone, carrier: Carrier) -> None:
    called = len(carrier.incoming_calls)
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(25)
    assert len(carrier.incoming_calls) == called + 1
    await call.hang_up()


# --- panic ---


@pytest.mark.usefixtures("calm")
async def test_a_panic_stops_the_next_call_and_outlives_the_daemon(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    await asyncio.to_thread(lab.call_bridge, "panic", "--reason", "a test")
    await is_refused(lab, phone, carrier)
    await panic_is(lab, True)
    assert not (await readiness(lab)).ready
    assert gauge(lab, "callbridge_panic") == 1
    lab.stop_daemon()
    await start_in_panic(lab)
    await is_refused(lab, phone, carrier)
    await asyncio.to_thread(lab.call_bridge, "panic", "--off")
    await is_placed(phone, carrier)
    await panic_is(lab, False)
    await nothing_left(lab)


@pytest.mark.usefixtures("calm")
async def test_a_panic_without_a_daemon_stops_the_first_call_of_the_next_one(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    lab.stop_daemon()
    await asyncio.to_thread(lab.call_bridge, "panic")
    await start_in_panic(lab)
    await is_refused(lab, phone, carrier)


@pytest.mark.usefixtures("calm")
async def test_in_a_panic_conversations_go_on_until_they_are_hung_up(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = records(lab)
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(25)
    await asyncio.to_thread(lab.call_bridge, "panic")
    await panic_is(lab, True)
    await call.media.wait_for_audio(len(call.received_audio) + 50)
    await asyncio.to_thread(lab.call_bridge, "panic", "--hang-up")
    await call.ended()
    assert (await next_result(lab, before)).result == "talked"
    await nothing_left(lab)


@pytest.mark.usefixtures("calm")
async def test_a_panic_ends_a_call_that_only_rings(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    before = records(lab)
    carrier.behaviour = carriers.ring_for_ever()
    call = await phone.dial("*1042")
    await carrier.called()
    await asyncio.to_thread(lab.call_bridge, "panic")
    await call.ended(within=3)
    assert (await next_result(lab, before)).result == "cancelled"
    await nothing_left(lab)


# --- the end of a day's minutes ---


def talked_seconds(lab: Lab, extension: str) -> float:
    """What the records say that a manager has talked today; "%" is everybody."""
    with closing(sqlite3.connect(lab.database_path)) as database:
        (talked,) = database.execute(
            "SELECT coalesce(sum(ended_ms - coalesce(answered_ms, started_ms)), 0) / 1000.0"
            " FROM calls JOIN managers ON managers.id = manager_id"
            " WHERE result = 'talked' AND extension LIKE ?",
            (extension,),
        ).fetchone()
    return float(talked)


def use_up_all_but(lab: Lab, extension: str, seconds_left: float, whose: str) -> int:
    """Put a conversation of the manager on record, so long that this is left; returns the minutes allowed."""
    talked = talked_seconds(lab, whose)
    minutes = math.ceil((talked + seconds_left + 1) / 60)
    missing_ms = round((minutes * 60 - talked - seconds_left) * 1000)
    now_ms = time.time_ns() // 1_000_000
    with closing(sqlite3.connect(lab.database_path)) as database, database:
        database.execute(
            "INSERT INTO calls (id, kind, order_code, manager_id, started_ms, answered_ms, ended_ms, result)"
            " SELECT ?, 'dial-order', '1042', id, ?, ?, ?, 'talked' FROM managers WHERE extension = ?",
            (f"before-{now_ms}", now_ms - missing_ms, now_ms - missing_ms, now_ms, extension),
        )
    return minutes


def limited(lab: Lab, **limits: int) -> dict[str, dict[str, Any]]:
    """Settings with these limits, and the lab's other rules."""
    rules = yaml.safe_load(lab.config_path.read_text())["rules"]
    return {"rules": {**rules, "limits": {**rules["limits"], **limits}}}


def alarms(lab: Lab) -> list[str]:
    with closing(sqlite3.connect(lab.database_path)) as database:
        return [row[0] for row in database.execute("SELECT subject FROM audit WHERE act = 'alarm'")]


async def test_a_call_is_cut_when_the_managers_minutes_are_used_up_and_the_next_is_refused(
    lab: Lab, carrier: Carrier
) -> None:
    minutes = use_up_all_but(lab, "101", SECONDS_LEFT, whose="101")
    with settings(lab, limited(lab, minutes_per_day=minutes)):
        before = records(lab)
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            await call.media.wait_for_audio(25)
            await call.ended(within=SECONDS_LEFT + 5)
            assert not call.ended_by_us
            record = await next_result(lab, before)
            assert record.result == "talked"
            assert record.seconds is not None
            assert SECONDS_LEFT - 1 <= record.seconds <= SECONDS_LEFT + 3
            await nothing_left(lab)
            await is_refused(lab, phone, carrier)
        assert 'callbridge_refusals_total{reason="minutes_limit"} 1.0' in get(lab.api_socket, "/metrics")
        assert "limit minutes of extension 101" in alarms(lab)


async def test_a_call_is_cut_by_asterisk_though_the_daemon_is_dead(lab: Lab, carrier: Carrier) -> None:
    minutes = use_up_all_but(lab, "101", SECONDS_LEFT, whose="101")
    with settings(lab, limited(lab, minutes_per_day=minutes)):
        async with registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            await until(lambda: records(lab)[-1].answered, "the answer on record")
            lab.kill_daemon()
            await call.ended(within=SECONDS_LEFT + 5)
        await asyncio.to_thread(lab.start_daemon)
    await nothing_left(lab)


async def test_calls_that_draw_on_the_same_minutes_are_cut_together(lab: Lab, carrier: Carrier) -> None:
    """Alone each could go on for all that is left; together they reach the end in half the time."""
    left = 2 * SECONDS_LEFT
    minutes = use_up_all_but(lab, "103", left, whose="%")
    with settings(lab, limited(lab, minutes_per_day_in_all=minutes)):
        talked = talked_seconds(lab, "%")
        async with registered_phone(lab, "101") as one, registered_phone(lab, "102") as other:
            calls = [await one.dial("*1042"), await other.dial("*1046")]
            for call in calls:
                await call.answered()
            for call in calls:
                await call.ended(within=SECONDS_LEFT + 6)
                assert not call.ended_by_us
        await nothing_left(lab)
        await until(lambda: all(record.result for record in records(lab)), "all results on record")
        assert left - 2 <= talked_seconds(lab, "%") - talked <= left + 4
