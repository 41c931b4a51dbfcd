"""A thousand calls by SIPp, and nothing left of them."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import gauge, nothing_left, records, trunk_is, until, until_async

from labkit import debian, ports
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.processes import start

SCENARIOS = Path(__file__).parent / "sipp"
MANAGERS = 60
CALLS = 1000
CALLS_PER_SECOND = 20


def orders_csv(folder: Path, lab_managers: list[str]) -> Path:
    """One order of one customer for each manager."""
    path = folder / "orders.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager", "language"])
        for index, extension in enumerate(lab_managers):
            writer.writerow(
                [5000 + index, f"Customer of {extension}", f"+447700900{index:03}", "", extension, "en"]
            )
    return path


def dialling_csv(folder: Path, lab: Lab) -> Path:
    path = folder / "dialling.csv"
    lines = [
        f"{extension};[authentication username={extension} password={manager.password}];{5000 + index}"
        for index, (extension, manager) in enumerate(lab.managers.items())
    ]
    path.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
    path.chmod(0o600)
    return path


def daemon_sockets(lab: Lab) -> int:
    folder = Path(f"/proc/{lab.record.processes['daemon'].pid}/fd")
    return sum(
        str(entry.readlink()).startswith("socket:") for entry in folder.iterdir() if entry.is_symlink()
    )


async def sipp(*arguments: str, folder: Path) -> tuple[int, str]:
    command = debian.unpacked(debian.SIP_PEERS).command("usr/bin/sipp")
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
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
    carrier_port = ports.free_port(CARRIER_HOST, UDP)
    carrier = f"{CARRIER_HOST}:{carrier_port}"
    extensions = [str(101 + index) for index in range(MANAGERS)]
    lab = Lab.up(
        tmp_path / "lab", managers=MANAGERS, carrier=carrier, orders=orders_csv(tmp_path, extensions)
    )
    command = debian.unpacked(debian.SIP_PEERS).command("usr/bin/sipp")
    scenario = str(SCENARIOS / "carrier.xml")
    options = ["-sf", scenario, "-i", CARRIER_HOST, "-p", str(carrier_port), "-nostdin", "-nd"]
    peer = start([*command, *options], log=tmp_path / "carrier.log", folder=tmp_path, environment={})
    yield lab
    peer.end()
    lab.down()


async def test_a_thousand_calls_all_succeed_and_leave_nothing(crowd: Lab, tmp_path: Path) -> None:
    await until_async(lambda: trunk_is(crowd, "online"), "a trunk that is up", within=40)
    tasks, sockets = gauge(crowd, "callbridge_tasks"), daemon_sockets(crowd)
    host, port = crowd.sip_address
    code, output = await sipp(
        "-sf", str(SCENARIOS / "manager.xml"),
        "-inf", str(dialling_csv(tmp_path, crowd)),
        "-i", "127.0.0.1", "-p", str(ports.free_port("127.0.0.1", UDP)),
        "-m", str(CALLS), "-r", str(CALLS_PER_SECOND), "-l", str(MANAGERS),
        "-recv_timeout", "10000", "-nostdin", "-nd",
        f"{host}:{port}",
        folder=tmp_path,
    )  # fmt: skip
    assert code == 0, output[-3000:]
    await nothing_left(crowd)
    await until(lambda: gauge(crowd, "callbridge_live_calls") == 0, "no live call")
    await until(lambda: gauge(crowd, "callbridge_ledger_backlog") == 0, "every result on disk")
    results = [record.result for record in records(crowd)]
    assert results == ["talked"] * CALLS
    await until(lambda: gauge(crowd, "callbridge_tasks") <= tasks, "as many tasks as before")
    assert daemon_sockets(crowd) <= sockets + 8  # ARI's pool of kept-alive connections
