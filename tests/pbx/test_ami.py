"""AMI on a real Asterisk: what the daemon learns by it, and that no number and no key comes over it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from ami_shop import OTHERS, AmiShop, ami_shop
from callback_shop import SHOPS_NUMBER, SUPERVISOR, called_back
from keying import by_events, hear_each_other, heard
from shop import carrier_of, gauge, next_result, nothing_left, records, registered_phone, until, until_async

from bridge.config import load_config
from bridge.proof.scan import Scanner
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone, RegistrationRefused
from bridge.store.accounts import invite
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.managers import manager_by_extension
from bridge.store.sessions import Browser, Lifetime, begin_session
from labkit import ports
from labkit.deskapi import DeskApi
from labkit.lab import Lab
from labkit.plan import UDP
from labkit.readiness import get
from labkit.results import rows

HARRIET, STRANGER = "+447700900123", "+447700900555"
CAPTURED = "07700900530"
ELSEWHERE = "127.0.0.3"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AmiShop]:
    with ami_shop(tmp_path_factory.mktemp("ami")) as shop:
        yield shop


@pytest.fixture
async def lab(shop: AmiShop) -> Lab:
    await linked(shop.lab)
    return shop.lab


async def linked(lab: Lab) -> None:
    await until(lambda: gauge(lab, "callbridge_ami_link") == 1, "a daemon that listens to AMI", within=30)


# --- secrecy ---


def revealed_by(heard: bytes) -> set[str]:
    """What of a customer's somebody can read who has heard this."""
    numbers = {"a customer": HARRIET, "a number keyed in": CAPTURED, "a stranger": STRANGER}
    found = {who for who, number in numbers.items() if Scanner(number, "GB").scan(bytes(heard))}
    pressed = re.findall(rb"^Event: DTMFEnd\r\n(?:\S.*\r\n)*?Digit: (\S)", heard, re.MULTILINE)
    keys = b"".join(pressed).decode()
    return found | ({"keys"} if CAPTURED in keys else set())


async def test_while_calls_go_on_no_number_and_no_key_comes_over_the_link(shop: AmiShop, lab: Lab) -> None:
    """Others listen at the same time, each without a part of what keeps our user from hearing: they hear."""
    async with AsyncExitStack() as stack:
        others = {name: await stack.enter_async_context(shop.listening(name)) for name in OTHERS}
        phone = await stack.enter_async_context(registered_phone(lab))
        carrier = await stack.enter_async_context(carrier_of(lab))
        carrier.server = lab.sip_address
        await a_masked_call_with_a_capture(lab, phone, carrier)
        await called_back(lab, phone, carrier, HARRIET)
        await a_call_of_somebody_unknown(lab)
        # What was said before this is said by now, to everybody.
        await with_a_wrong_password(lab, "102", times=1)
        for name, listener in (*others.items(), ("ours", shop.relay)):
            await until(lambda heard=listener.heard: b"ChallengeResponseFailed" in heard, f"the last, {name}")
        await phone.unregister()
        told = {name: revealed_by(listener.heard) for name, listener in others.items()}
        assert revealed_by(shop.relay.heard) == set()
        assert told == {
            "all-unfiltered": {"a customer", "keys", "a stranger"},
            "all-filtered": set(),
            "ours-unfiltered": {"a stranger"},
        }
    await nothing_left(lab)


async def a_masked_call_with_a_capture(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    since = lab.log("daemon").stat().st_size
    manager = await phone.dial("*1042")
    await manager.answered()
    customer = await carrier.called()
    await hear_each_other(manager, customer)
    await manager.send_dtmf("*5")
    await until(lambda: "asking" in captures_moves(lab, since), "a capture")
    await by_events(customer, f"{CAPTURED}#")
    await until(lambda: heard(customer.media, "en") == CAPTURED, "the number, read", within=40)
    await by_events(customer, "1")
    await until(lambda: "over" in captures_moves(lab, since), "the end of the capture", within=30)
    await manager.hang_up()
    await customer.ended()


async def a_call_of_somebody_unknown(lab: Lab) -> None:
    """As from an address of the carrier's that Asterisk has not been told of."""
    address = (ELSEWHERE, ports.free_port(ELSEWHERE, UDP))
    async with Carrier(address, server=lab.sip_address) as somebody:
        call = await somebody.call(SHOPS_NUMBER, from_=STRANGER)
        await call.ended()


def lines(lab: Lab, since: int = 0) -> list[dict[str, Any]]:
    with lab.log("daemon").open("rb") as log:
        log.seek(since)
        return [json.loads(line) for line in log.read().decode().splitlines()]


def captures_moves(lab: Lab, since: int) -> list[str]:
    return [each["state"] for each in lines(lab, since) if each["event"] == "capture moved"]


async def test_the_daemon_says_nothing_but_who_it_is_and_that_it_is_there(shop: AmiShop, lab: Lab) -> None:
    await until(lambda: b"Action: Ping" in shop.relay.asked, "a ping", within=20)
    assert set(re.findall(rb"^Action: (\w+)", shop.relay.asked, re.MULTILINE)) == {b"Login", b"Ping"}


async def test_whoever_has_its_secret_can_do_nothing(shop: AmiShop, lab: Lab) -> None:
    answers = await asyncio.to_thread(shop.answers, shop.port)
    assert set(answers.values()) == {"Error: Permission denied"}, answers


# --- phones ---


@asynccontextmanager
async def desk_of(lab: Lab, extension: str) -> AsyncIterator[tuple[DeskApi, str]]:
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
    async with DeskApi(load_config(lab.config_path).api.desk_socket) as api:
        yield api, token


async def test_a_manager_is_told_at_the_desk_while_their_phone_is_not_registered(
    shop: AmiShop, lab: Lab
) -> None:
    async with desk_of(lab, "101") as (api, token), phone_of(lab, "101") as phone:

        async def is_away() -> bool:
            return bool((await api.ask("GET", "/v1/queue", token=token)).said["phone_away"])

        async def is_there() -> bool:
            return not await is_away()

        await until_async(is_away, "a phone that is away")
        await phone.register()
        await until_async(is_there, "a phone that is there")
        await phone.unregister()
        await until_async(is_away, "a phone that is away again")


async def test_a_link_that_was_lost_comes_back_and_what_was_missed_is_asked_for(
    shop: AmiShop, lab: Lab
) -> None:
    connections = shop.relay.connections
    async with registered_phone(lab, "102") as phone, desk_of(lab, SUPERVISOR) as (api, token):

        async def phones() -> dict[str, bool | None]:
            said = (await api.ask("GET", "/v1/managers", token=token)).said["managers"]
            return {each["extension"]: each["phone"] for each in said}

        async def all_known() -> bool:
            return await phones() == {"101": False, "102": True, "103": False}

        await until_async(all_known, "phones that are known")
        shop.relay.cut()
        await until(lambda: shop.relay.connections > connections, "another connection", within=30)
        await linked(lab)
        await until_async(all_known, "phones that are known again")
        await phone.unregister()


async def test_a_callback_passes_over_a_phone_that_is_not_registered(shop: AmiShop, lab: Lab) -> None:
    async with (
        registered_phone(lab, SUPERVISOR) as supervisor,
        carrier_of(lab) as carrier,
        desk_of(lab, SUPERVISOR) as (api, token),
    ):

        async def is_known() -> bool:
            return not (await api.ask("GET", "/v1/queue", token=token)).said["phone_away"]

        await until_async(is_known, "a phone that is there")
        carrier.server = lab.sip_address
        since, before = lab.log("daemon").stat().st_size, records(lab)
        customer = await carrier.call(SHOPS_NUMBER, from_=HARRIET)
        call = await supervisor.incoming()
        call.ring()
        await call.answer()
        await customer.answered()
        await hear_each_other(call, customer)
        await customer.hang_up()
        await call.ended()
        assert (await next_result(lab, before)).result == "talked"
        # Without AMI the manager's own phone is tried first, in vain: that is a request which fails.
        assert [each for each in lines(lab, since) if each["event"] == "a request failed"] == []
        await supervisor.unregister()
    await nothing_left(lab)


@asynccontextmanager
async def phone_of(lab: Lab, extension: str, password: str | None = None) -> AsyncIterator[Phone]:
    """One that has not registered."""
    secret = lab.managers[extension].password if password is None else password
    async with Phone(extension, secret, server=lab.sip_address) as phone:
        yield phone


# --- attacks ---


async def with_a_wrong_password(lab: Lab, extension: str, *, times: int) -> None:
    for _ in range(times):
        async with phone_of(lab, extension, "a-wrong-password") as phone:
            with pytest.raises(RegistrationRefused):
                await phone.register()


async def test_who_tries_passwords_at_asterisk_is_an_alarm_once(shop: AmiShop, lab: Lab) -> None:
    def alarms() -> list[Any]:
        return rows(lab.database_path, "SELECT kind, detail FROM alarms WHERE kind = 'sip-attacks'")

    failed = metric(lab)
    await with_a_wrong_password(lab, "101", times=25)
    await until(alarms, "an alarm")
    await until(lambda: metric(lab) - failed >= 25, "all failures, counted")
    assert alarms() == [("sip-attacks", "address=127.0.0.1, tried=passwords")]


def metric(lab: Lab) -> float:
    found = re.search(r"^callbridge_sip_attacks_total (\S+)$", get(lab.api_socket, "/metrics"), re.MULTILINE)
    assert found is not None
    return float(found[1])
