"""SIPp as a lab's carrier and as all of its managers: many short calls, without sound."""

from __future__ import annotations

from pathlib import Path

from bridge.proof.capture import Address
from labkit import debian, ports
from labkit.lab import Lab
from labkit.orders import FIRST_ORDER
from labkit.pbxfiles import write_private
from labkit.plan import UDP
from labkit.processes import Process, start

_SCENARIOS = Path(__file__).parent
_MANAGERS_HOST = "127.0.0.1"


def start_carrier(address: Address, folder: Path) -> Process:
    """A carrier that takes every call after a tenth of a second, until it is hung up. Raises LabError."""
    host, port = address
    command = [*_sipp("carrier.xml"), "-i", host, "-p", str(port)]
    return start(command, log=folder / "carrier.log", folder=folder)


def managers_command(
    lab: Lab, folder: Path, *, calls: int, calls_a_second: float, talk_seconds: float
) -> list[str]:
    """Lets the managers dial their orders in turn, and talk. The command fails if a call does.

    The orders are those of `labkit.orders`. SIPp holds calls back rather than let a manager make two at once.
    Raises LabError.
    """
    host, port = lab.sip_address
    local = [_MANAGERS_HOST, str(ports.free_port(_MANAGERS_HOST, UDP))]
    return [
        *_sipp("manager.xml"),
        *("-inf", str(_accounts(lab, folder / "managers.csv"))),
        *("-i", local[0], "-p", local[1]),
        *("-m", str(calls), "-r", f"{calls_a_second:g}", "-l", str(len(lab.managers))),
        *("-d", str(round(talk_seconds * 1000)), "-recv_timeout", "10000"),
        f"{host}:{port}",
    ]


def _sipp(scenario: str) -> list[str]:
    program = debian.unpacked(debian.SIP_PEERS).command("usr/bin/sipp")
    return [*program, "-sf", str(_SCENARIOS / scenario), "-nostdin", "-nd"]


def _accounts(lab: Lab, path: Path) -> Path:
    """SIPp's injection file, a line a manager."""
    lines = [
        f"{extension};[authentication username={extension} password={manager.password}];{FIRST_ORDER + index}"
        for index, (extension, manager) in enumerate(lab.managers.items())
    ]
    write_private(path, "\n".join(["SEQUENTIAL", *lines]) + "\n")
    return path
