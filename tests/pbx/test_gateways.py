"""A carrier with two gateways: calls go to the first that lives, and a customer never rings twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from shop import gauge, until
from trunk_yard import fail, lab_with, put_on, talk

from bridge.proof.sip.carrier import Carrier, answer, refuse
from labkit import ports
from labkit.lab import Lab
from labkit.pbxfiles import SHOP_IDENTITY
from labkit.plan import UDP

FIRST, SECOND = "127.0.0.3", "127.0.0.4"


@pytest.fixture(scope="module")
def addresses() -> tuple[tuple[str, int], tuple[str, int]]:
    return (FIRST, ports.free_port(FIRST, UDP)), (SECOND, ports.free_port(SECOND, UDP))


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, addresses: tuple[tuple[str, int], tuple[str, int]]
) -> Iterator[Lab]:
    first, second = addresses
    pjsip = "".join(
        f"""
[{name}](call-bridge-trunk)
aors={name}
{SHOP_IDENTITY}

[{name}](call-bridge-trunk-aor)
contact=sip:{host}:{port}
qualify_frequency=1

[{name}]
type=identify
endpoint={name}
match={host}
"""
        for name, (host, port) in {"gateway-1": first, "gateway-2": second}.items()
    )
    lab = lab_with(tmp_path_factory.mktemp("gateways"), pjsip)
    put_on(
        lab,
        f"sip:{{number}}@{first[0]}:{first[1]}",
        watch="gateway-1",
        backups={"gateway-2": f"sip:{{number}}@{second[0]}:{second[1]}"},
    )
    yield lab
    lab.down()


def latest(lab: Lab, gateway: str) -> str | None:
    """What the daemon has last said of a gateway."""
    lines = map(json.loads, lab.log("daemon").read_text().splitlines())
    return next((line["event"] for line in reversed([*lines]) if line.get("endpoint") == gateway), None)


async def alive(lab: Lab, gateway: str) -> None:
    well = ("the carrier answers", "the carrier is back")
    await until(lambda: latest(lab, gateway) in well, f"{gateway} alive", within=20)


async def dead(lab: Lab, gateway: str) -> None:
    await until(lambda: latest(lab, gateway) == "the carrier is down", f"{gateway} dead", within=20)


async def test_calls_go_to_the_first_gateway_that_lives(
    lab: Lab, addresses: tuple[tuple[str, int], tuple[str, int]]
) -> None:
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(Carrier(addresses[1], behaviour=answer(after=0.05)))
        async with Carrier(addresses[0], behaviour=answer(after=0.05)) as first:
            await alive(lab, "gateway-1")
            await alive(lab, "gateway-2")
            await talk(lab, first)
            assert not second.incoming_calls
        await dead(lab, "gateway-1")
        await talk(lab, second)
        assert gauge(lab, "callbridge_carrier_up") == 1
        async with Carrier(addresses[0], behaviour=answer(after=0.05)) as first:
            await alive(lab, "gateway-1")
            await talk(lab, first)
            assert len(second.incoming_calls) == 1
    await dead(lab, "gateway-1")
    await dead(lab, "gateway-2")
    assert gauge(lab, "callbridge_carrier_up") == 0
    record = await fail(lab)
    assert record.result == "carrier-down"
    assert record.seconds is not None
    assert record.seconds < 1


@pytest.mark.parametrize(
    ("status", "result"), [(486, "busy"), (480, "no-answer"), (503, "congestion"), (500, "carrier-down")]
)
async def test_what_one_gateway_refuses_the_other_is_not_asked(
    lab: Lab, addresses: tuple[tuple[str, int], tuple[str, int]], status: int, result: str
) -> None:
    async with Carrier(addresses[0], behaviour=refuse(status)) as first, Carrier(addresses[1]) as second:
        await alive(lab, "gateway-1")
        await alive(lab, "gateway-2")
        assert (await fail(lab)).result == result
        assert len(first.received("INVITE")) == 1
        assert not second.incoming_calls
