"""Labs for the whole session: starting one takes seconds, and tests only place calls on it."""

import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from shop import carrier_of, nothing_left, registered_phone

from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.faults.shop import FaultShop, open_shop
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST

# One manager calls more often here than the shipped rules let anybody; tests of limits set their own.
PLENTY = {
    "rules": {
        "limits": {
            "per_hour": 5000,
            "per_day": 5000,
            "per_day_in_all": 5000,
            "minutes_per_day": 1440,
            "minutes_per_day_in_all": 5000,
            "spend_per_day": 5000,
            "spend_per_day_in_all": 5000,
        }
    }
}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A shop with managers 101, 102 and 103; tests open a carrier of their own at `lab.carrier_address`."""
    carrier_port = ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)
    carrier = f"{CARRIER_HOST}:{carrier_port}"
    sip_port = ports.free_port("127.0.0.1", socket.SOCK_DGRAM, socket.SOCK_STREAM)
    settings = PLENTY | {"desk": {"phones": {"server": f"127.0.0.1:{sip_port}"}}}
    lab = Lab.up(
        tmp_path_factory.mktemp("lab"), managers=3, carrier=carrier, sip_port=sip_port, settings=settings
    )
    yield lab
    lab.down()


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    """Of 101, at the module's own `lab` where it has one. Calls that a test leaves are hung up."""
    async with registered_phone(lab) as phone:
        yield phone
        for call in phone.calls:
            await call.hang_up()


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    """One that the PBX has seen to be alive; nothing may be left of a test's calls when it goes."""
    async with carrier_of(lab) as carrier:
        yield carrier
    await nothing_left(lab)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sessions_fault_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultShop]:
    async with open_shop(tmp_path_factory.mktemp("faults"), seats=24) as shop:
        yield shop


@pytest_asyncio.fixture(loop_scope="session")
async def fault_shop(sessions_fault_shop: FaultShop) -> FaultShop:
    """A shop behind a fault proxy, with a seat for each call at a time; tests leave the proxy as it was.

    The proxy stands still while tests of other loops run, and the daemon loses its link for so long.
    """
    await sessions_fault_shop.renew_link()
    return sessions_fault_shop
