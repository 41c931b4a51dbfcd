"""One lab for the whole session: starting it takes seconds, and tests only place calls on it."""

import socket
from collections.abc import Iterator

import pytest

from labkit import ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A shop with managers 101, 102 and 103; tests open a carrier of their own at `lab.carrier_address`."""
    carrier_port = ports.free_port(CARRIER_HOST, socket.SOCK_DGRAM)
    lab = Lab.up(tmp_path_factory.mktemp("lab"), managers=3, carrier=f"{CARRIER_HOST}:{carrier_port}")
    yield lab
    lab.down()
