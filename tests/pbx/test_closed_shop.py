"""Customers call a shop that is closed, on a real Asterisk with a carrier and managers' phones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
import yaml
from callback_shop import callback_shop, queued
from shop import next_result, nothing_left, records, until
from test_callbacks import IVAN, STRANGER, SUPERVISOR, at_the_desk, calls_in, queued_since
from test_operations import reloaded

from bridge.api.client import Status
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.daemonfiles import DAYS
from labkit.lab import Lab
from labkit.results import rows

FIRST_SECONDS = 2.0
SAID = "vm-nobodyavail&vm-goodbye"
EVERY_DAY_OF_THE_YEAR = [f"{date(2028, 1, 1) + timedelta(days=days):%m-%d}" for days in range(366)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    closed = {day: [] for day in DAYS}
    with callback_shop(tmp_path_factory.mktemp("closed"), ask_code=True, hours=closed) as lab:
        yield lab


@pytest.fixture
async def phones(lab: Lab) -> AsyncIterator[tuple[Phone, Phone]]:
    """Those of the customers' manager and of a supervisor, who are both at their desks."""
    async with at_the_desk(lab, "101") as manager, at_the_desk(lab, SUPERVISOR) as supervisor:
        yield manager, supervisor


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with Carrier(lab.carrier_address, server=lab.sip_address) as carrier:
        yield carrier
        for call in carrier.calls:
            await call.hang_up()
    await nothing_left(lab)


@contextmanager
def closed_place(lab: Lab, place: str) -> Iterator[None]:
    """A place of the shop's own for those who call while it is closed."""
    lab.asterisk.rx(f"dialplan set global CALLBRIDGE_CALLERS_CLOSED {place}")
    try:
        yield
    finally:
        lab.asterisk.rx("dialplan set global CALLBRIDGE_CALLERS_CLOSED call-bridge-closed,s,1")


def playing(lab: Lab) -> list[str]:
    channels = [line.split("!") for line in lab.asterisk.rx("core show channels concise").splitlines()]
    return [channel[6] for channel in channels if len(channel) > 6 and channel[5] == "Playback"]


def told(status: Status) -> list[str]:
    """What keeps a configuration from being loaded."""
    return [*status.config.problems, *status.config.restart_for]


def waits(lab: Lab, order: str) -> str:
    ((why,),) = rows(lab.database_path, "SELECT why FROM orders WHERE code = ?", order)
    return str(why)


@pytest.mark.parametrize("number", [IVAN, STRANGER, "anonymous"])
async def test_whoever_calls_hears_ringing_at_once_and_then_that_the_shop_is_closed(
    lab: Lab, phones: tuple[Phone, Phone], carrier: Carrier, number: str
) -> None:
    already, began = len(queued(lab)), asyncio.get_running_loop().time()
    customer = await calls_in(carrier, number)
    await customer.answered(within=10)
    assert asyncio.get_running_loop().time() - began >= FIRST_SECONDS
    assert set(customer.provisional) <= {100, 180}
    await until(lambda: playing(lab) == [SAID], "what is said while the shop is closed")
    await customer.media.wait_for_audio(20)
    assert queued(lab)[already:] == [], "nobody is in the shop's queue"
    assert not any(phone.calls for phone in phones)


async def test_a_customer_who_is_known_is_on_record_and_waits_at_the_top_of_the_queue(
    lab: Lab, phones: tuple[Phone, Phone], carrier: Carrier
) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    await customer.answered(within=10)
    record = await next_result(lab, before)
    assert (record.order, record.kind, record.result) == ("1043", "callback", "passed-on")
    await until(lambda: waits(lab, "1043") == "customer-called", "an order whose customer has called")
    assert not any(phone.calls for phone in phones)


async def test_the_shop_may_have_a_place_of_its_own_for_them_which_is_told_the_order(
    lab: Lab, carrier: Carrier
) -> None:
    already = len(queued(lab))
    with closed_place(lab, "our-queue,s,1"):
        customer = await calls_in(carrier, IVAN)
        await customer.answered(within=10)
        assert await queued_since(lab, already) == ['"Order 1043" <1043> [] ru allowed_not_screened']
        stranger = await calls_in(carrier, STRANGER)
        await stranger.answered(within=10)
        _, told = await until(lambda: len(queued(lab)[already:]) == 2 and queued(lab)[already:], "both")
    assert re.fullmatch(r'"Caller (\d{1,3})" <\1> \[\] en allowed_not_screened', told)


async def test_a_dialplan_without_such_a_place_leads_them_on_as_ever(lab: Lab, carrier: Carrier) -> None:
    already = len(queued(lab))
    with closed_place(lab, '""'):
        customer = await calls_in(carrier, IVAN)
        await customer.answered(within=10)
        assert await queued_since(lab, already) == ['"Order 1043" <1043> [] ru allowed_not_screened']


async def test_a_customer_who_hangs_up_before_is_missed(lab: Lab, carrier: Carrier) -> None:
    before = records(lab)
    customer = await calls_in(carrier, IVAN)
    await until(lambda: len(records(lab)) > len(before), "a call on record")
    await customer.hang_up()
    assert (await next_result(lab, before)).result == "missed"


async def test_a_reload_opens_the_shop_and_closes_it(
    lab: Lab, phones: tuple[Phone, Phone], carrier: Carrier
) -> None:
    """Last in this module: every day is a holiday, and then one that has hours of its own."""
    config = yaml.safe_load(lab.config_path.read_text())
    config["callbacks"]["hours"] = {}
    config["callbacks"]["holidays"] = EVERY_DAY_OF_THE_YEAR
    lab.config_path.write_text(yaml.safe_dump(config))
    assert told(await reloaded(lab)) == []
    customer = await calls_in(carrier, IVAN)
    await customer.answered(within=10)
    assert not any(phone.calls for phone in phones)
    await customer.hang_up()
    config["callbacks"]["open_days"] = {day: ["00:00-24:00"] for day in EVERY_DAY_OF_THE_YEAR}
    lab.config_path.write_text(yaml.safe_dump(config))
    assert told(await reloaded(lab)) == []
    customer = await calls_in(carrier, IVAN)
    await phones[0].incoming()
    await customer.hang_up()
