"""A shop for each way of dialling, and in it a manager's phone and a carrier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext

import pytest
from dialling import DIALLING
from probes import no_call_left
from shop import carrier_of, gauge, settings, until

from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.lab import Lab
from labkit.pbxfiles import CARRIER_ASKED_SECONDS
from labkit.plan import CARRIER_HOST, UDP

# One manager makes hundreds of calls here, and mistypes on purpose.
WITHOUT_LIMITS = {
    "rules": {
        "limits": {
            "per_hour": 5000,
            "live_per_manager": 1,
            "per_day": 5000,
            "per_day_in_all": 5000,
            "minutes_per_day": 1440,
            "minutes_per_day_in_all": 5000,
            "spend_per_day": 5000,
            "spend_per_day_in_all": 5000,
        },
        "lock_out": {"misses": 100, "within_seconds": 600, "for_seconds": 1},
    }
}


@pytest.fixture(scope="package")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One Asterisk for all tests of the folder; it dials sealed where nothing else is said."""
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(tmp_path_factory.mktemp("leaks"), carrier=carrier)
    _never_ask_for_the_carrier(lab)
    try:
        lab.start_asterisk()
        lab.prepare()
        lab.configure(WITHOUT_LIMITS)
        lab.start_daemon()
        yield lab
    finally:
        lab.down()


def _never_ask_for_the_carrier(lab: Lab) -> None:
    """The carrier shares its loop with the search through recordings, and would seem dead for that long."""
    file = lab.asterisk.etc / "pjsip.conf"
    asked = f"qualify_frequency={CARRIER_ASKED_SECONDS}"
    shipped = file.read_text()
    assert shipped.count(asked) == 1
    file.write_text(shipped.replace(asked, "qualify_frequency=0"))


@pytest.fixture(scope="module", params=DIALLING)
def lab(request: pytest.FixtureRequest, shop_folder: Lab) -> Iterator[Lab]:
    """The shop, dialling customers sealed and then direct."""
    changes = DIALLING[request.param]
    with settings(shop_folder, changes) if changes else nullcontext():
        yield shop_folder


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with Phone("101", lab.managers["101"].password, server=lab.sip_address) as phone:
        await phone.register()
        yield phone
        for call in phone.calls:
            await call.hang_up()
        await phone.unregister()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        # Of the test before: its manager would be refused another one.
        await no_call_left(lab)
        await until(lambda: gauge(lab, "callbridge_live_calls") == 0, "a daemon without calls")
        yield carrier
