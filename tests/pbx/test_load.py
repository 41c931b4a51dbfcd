"""A thousand calls by SIPp, and nothing left of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import gauge, nothing_left, records, trunk_is, until, until_async

from labkit import ports, sipp
from labkit.lab import Lab
from labkit.orders import write_orders
from labkit.plan import CARRIER_HOST, UDP

pytestmark = pytest.mark.alone

MANAGERS = 60
CALLS = 1000
CALLS_PER_SECOND = 20
TALK_SECONDS = 0.3


def daemon_sockets(lab: Lab) -> int:
    folder = Path(f"/proc/{lab.record.processes['daemon'].pid}/fd")
    return sum(
        str(entry.readlink()).startswith("socket:") for entry in folder.iterdir() if entry.is_symlink()
    )


async def finished(command: list[str], folder: Path) -> tuple[int, str]:
    """The exit code and the output of SIPp."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Lab]:
    """A lab of many managers, each with an order, whose trunk leads to a SIPp carrier."""
    carrier = CARRIER_HOST, ports.free_port(CARRIER_HOST, UDP)
    orders = write_orders(tmp_path / "orders.csv", [str(101 + index) for index in range(MANAGERS)])
    lab = Lab.up(tmp_path / "lab", managers=MANAGERS, carrier=f"{carrier[0]}:{carrier[1]}", orders=orders)
    peer = sipp.start_carrier(carrier, tmp_path)
    yield lab
    peer.end()
    lab.down()


async def test_a_thousand_calls_all_succeed_and_leave_nothing(crowd: Lab, tmp_path: Path) -> None:
    await until_async(lambda: trunk_is(crowd, "online"), "a trunk that is up", within=40)
    tasks, sockets = gauge(crowd, "callbridge_tasks"), daemon_sockets(crowd)
    command = sipp.managers_command(
        crowd, tmp_path, calls=CALLS, calls_a_second=CALLS_PER_SECOND, talk_seconds=TALK_SECONDS
    )
    code, output = await finished(command, tmp_path)
    assert code == 0, output[-3000:]
    await nothing_left(crowd)
    await until(lambda: gauge(crowd, "callbridge_live_calls") == 0, "no live call")
    await until(lambda: gauge(crowd, "callbridge_ledger_backlog") == 0, "every result on disk")
    results = [record.result for record in records(crowd)]
    assert results == ["talked"] * CALLS
    await until(lambda: gauge(crowd, "callbridge_tasks") <= tasks, "as many tasks as before")
    assert daemon_sockets(crowd) <= sockets + 8  # ARI's pool of kept-alive connections
