"""Canary numbers go in, every flow is run, and all bytes that a person could read are searched for them."""

from __future__ import annotations

import asyncio
import csv
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from shop import (
    carrier_of,
    next_result,
    nothing_left,
    records,
    registered_phone,
    settings,
    until,
)

from labkit import ports
from labkit.errors import LabError
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.readiness import get
from labkit.scan import Scanner
from labkit.sip import carrier as carriers
from labkit.sip.carrier import Carrier
from labkit.sip.message import Uri

CANARIES = {"1042": "+447700900811", "1043": "+442079460812", "2000": "+447700900813"}
MOVED_TO = "+12025550155"
BAD_ROWS = [
    ["x1", "Bad Code", "+447700900814"],
    ["3001", "Number in the name +447700900815", "+447700900816"],
    ["3002", "Broken number", "+4477009008171234567"],
]
ALL_NUMBERS = [*CANARIES.values(), "+447700900814", "+447700900815", "+447700900816"]

WAYS = {
    "sealed": {},
    "direct": {"sealed": None, "direct": "PJSIP/{number}@trunk"},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of its own: the canaries are nowhere but in its database, and nobody else's numbers are."""
    folder = tmp_path_factory.mktemp("canaries")
    source = folder / "orders.csv"
    with source.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "manager"])
        for code, number in CANARIES.items():
            writer.writerow([code, f"Customer {code}", number, "102" if code == "2000" else "101"])
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.up(folder / "lab", carrier=carrier, orders=source)
    source.unlink()  # what the sysadmin had is theirs
    yield lab
    lab.down()


@pytest.fixture
async def carrier(shop: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(shop) as carrier:
        yield carrier


async def run_every_flow(lab: Lab, carrier: Carrier, said: list[str]) -> None:
    host, port = lab.carrier_address
    carrier.when(MOVED_TO, carriers.answer())
    async with registered_phone(lab) as phone:
        for behaviour, code in (
            (carriers.answer_naming_the_callee(after=0.1), "*1042"),
            (carriers.answer(hang_up_after=0.2), "*1043"),
            (carriers.refuse(486), "*1042"),
            (carriers.refuse(404, "No such number as " + CANARIES["1042"]), "*1042"),
            (carriers.refuse(503), "*1042"),
            (carriers.redirect(f"sip:{MOVED_TO}@{host}:{port}"), "*1042"),
            (carriers.answer(), "*2000"),  # another manager's
            (carriers.answer(), "*9999"),
            (carriers.answer(), "*" + CANARIES["1042"].removeprefix("+")),  # who has the number already
        ):
            before = records(lab)
            carrier.behaviour = behaviour
            call = await phone.dial(code)
            await call.answered(within=20)
            await call.hang_up()
            await next_result(lab, before)
        before = records(lab)
        carrier.behaviour = carriers.answer()
        so_far = len(carrier.incoming_calls)
        said.append(await asyncio.to_thread(lab.call_bridge, "call", "1042", "--as", "101"))
        click = await phone.incoming()
        await click.answer()
        customer = await carrier.called(so_far + 1)
        await customer.acknowledged()
        said.append(await asyncio.to_thread(lab.call_bridge, "calls", "--json"))
        said.append(get(lab.api_socket, "/v1/calls") + get(lab.api_socket, "/metrics"))
        said += [lab.asterisk.rx(command) for command in PBX_COMMANDS]
        await click.hang_up()
        await next_result(lab, before)
    await nothing_left(lab)


# What an administrator of the PBX may type while a call is up; in the sealed way none of it shows the number.
PBX_COMMANDS = ("core show channels concise", "core show channels verbose", "pjsip show channels")


def bad_import(lab: Lab, folder: Path) -> list[str]:
    """Import a file of bad rows; what the command says, and what it leaves behind."""
    source = folder / "bad.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([["order", "name", "phone"], *BAD_ROWS])
    with pytest.raises(LabError) as told:
        lab.call_bridge("orders", "import", str(source))
    rejects = source.with_name("bad.rejects.csv")
    return [str(told.value), rejects.read_text()]


def process_texts(pid: int) -> bytes:
    """What `ps` and /proc show of a process."""
    return b"".join(
        Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ", "comm", "limits")
    )


def files_of(lab: Lab, *others: Path) -> dict[str, bytes]:
    folders = [lab.folder, lab.record.run_folder, *others]
    paths = [path for folder in folders for path in folder.rglob("*")]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


def crash(lab: Lab) -> None:
    """End the daemon as an assertion in C code would."""
    process = lab.record.processes["daemon"]
    os.kill(process.pid, signal.SIGABRT)


@pytest.mark.parametrize("way", WAYS)
async def test_no_canary_is_readable_anywhere(shop: Lab, carrier: Carrier, tmp_path: Path, way: str) -> None:
    said: list[str] = []
    lab = shop
    with settings(lab, {"log": {"level": "debug"}, "trunk": WAYS[way]}):
        await run_every_flow(lab, carrier, said)
        reached = {Uri.parse(call.invite.uri).user for call in carrier.incoming_calls}
        assert reached >= {CANARIES["1042"], CANARIES["1043"]}, "the flows really called"
        said += await asyncio.to_thread(bad_import, lab, tmp_path)
        said += [
            lab.call_bridge(*command)
            for command in (
                ("orders", "list"),
                ("orders", "show", "1042"),
                ("managers", "list"),
                ("keys", "status"),
            )
        ]
        (tmp_path / "bad.csv").unlink()
        daemon = lab.record.processes["daemon"]
        shown = process_texts(daemon.pid)
        assert b"Max core file size        0                    0" in shown
        crash(lab)
        await until(lambda: not daemon.alive, "the end of a crashed daemon")
    everything = {"what was said": "\n".join(said).encode(), "processes": shown, **files_of(lab, tmp_path)}
    if way == "direct":  # Asterisk's console knows the number while such a call is up: docs/architecture.md
        everything["what was said"] = "\n".join(text for text in said if "PJSIP/trunk" not in text).encode()
    scanners = [Scanner(number, "GB") for number in ALL_NUMBERS]
    found = {
        f"{place}: {finding.form}"
        for place, data in everything.items()
        for scanner in scanners
        for finding in scanner.scan(data)
    }
    assert found == set()
    planted = everything["processes"] + CANARIES["1042"].encode()
    assert any(scanner.scan(planted) for scanner in scanners), "the search would see a number"


def test_no_core_dump_is_left(shop: Lab) -> None:
    cores = subprocess.run(
        ["find", str(shop.folder), "-name", "core*", "-type", "f"], capture_output=True, text=True, check=True
    )
    assert cores.stdout == ""
