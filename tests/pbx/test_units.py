"""The shipped units: systemd finds them sound and tight, and the daemon works behind their walls."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import carrier_of, next_result, nothing_left, records, registered_phone, until

from bridge.cli.exits import Exit
from labkit.errors import LabError
from labkit.lab import CALL_BRIDGE, Lab
from labkit.places import CHECKOUT
from labkit.units import UNITS, Cell, Unit, allowed_syscalls, systemd_analyze

SERVICES = ["call-bridge.service", "call-bridge-backup.service", "call-bridge-desk.service"]
HIGHEST_EXPOSURE = 1.5
INSTALLED = "/opt/call-bridge/bin/call-bridge"

each_service = pytest.mark.parametrize("name", SERVICES)


def is_tight(unit: Path) -> bool:
    """By systemd's own rating."""
    threshold = f"--threshold={HIGHEST_EXPOSURE * 10:.0f}"
    done = systemd_analyze("security", "--offline=yes", threshold, unit)
    assert "Overall exposure level" in done.stdout, done.stderr
    return done.returncode == 0


@each_service
def test_systemd_rates_a_service_as_well_shut_in(name: str) -> None:
    assert is_tight(UNITS / name)


def test_a_service_without_its_walls_is_rated_as_open(tmp_path: Path) -> None:
    walls = ("SystemCallFilter=", "CapabilityBoundingSet=", "Protect", "Restrict")
    lines = (UNITS / "call-bridge.service").read_text().splitlines(keepends=True)
    open_unit = tmp_path / "call-bridge.service"
    open_unit.write_text("".join(line for line in lines if not line.startswith(walls)))
    assert not is_tight(open_unit)


def test_systemd_understands_every_line_of_every_unit(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        # It looks for the programs; ours is not installed where tests run.
        (tmp_path / unit.name).write_text(unit.read_text().replace(INSTALLED, str(CALL_BRIDGE)))
    done = systemd_analyze("verify", *sorted(tmp_path.iterdir()))
    # The machine's own units may have faults, too.
    ours = [line for line in done.stderr.splitlines() if "call-bridge" in line]
    assert (done.returncode, ours) == (0, [])


@each_service
def test_no_memory_is_ever_written_to_disk(name: str) -> None:
    unit = Unit.read(UNITS / name)
    assert (unit.last("LimitCORE"), unit.last("MemorySwapMax")) == ("0", "0")


@each_service
def test_a_service_has_no_system_call_that_changes_the_machine(name: str) -> None:
    allowed = allowed_syscalls(Unit.read(UNITS / name))
    assert {"read", "openat", "futex", "sendto"} <= allowed
    assert not allowed & {"mount", "ptrace", "bpf", "init_module", "reboot", "setuid", "chown", "keyctl"}


def test_what_trying_again_cannot_mend_is_not_tried_again() -> None:
    unit = Unit.read(UNITS / "call-bridge.service")
    assert unit.last("RestartPreventExitStatus").split() == [str(Exit.CONFIG), str(Exit.DATABASE)]


# --- Behind the walls ---------------------------------------------------------------------------------


class ServiceManager:
    """What systemd would hear of the daemon. Reads at once, as that does: ten messages fill a socket."""

    def __init__(self, name: str) -> None:
        self.address = f"@{name}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{name}")
        self._heard: queue.Queue[list[str]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while message := self._socket.recv(4096):
            self._heard.put(message.decode().splitlines())

    def hear(self, word: str, within: float = 20) -> list[str]:
        """The lines of the next message that has this one. Raises queue.Empty after so many seconds."""
        deadline = time.monotonic() + within
        while word not in (lines := self._heard.get(timeout=max(0, deadline - time.monotonic()))):
            pass
        return lines

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", f"\0{self.address[1:]}")  # an empty message: the reader's end
        self._reader.join()
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    manager = ServiceManager(f"call-bridge-{os.getpid()}-{tmp_path.name}")
    yield manager
    manager.close()


def shut_in(lab: Lab, folder: Path) -> list[str]:
    """The daemon's cell: as the unit has it, with the lab's folders for those of /var/lib and /run."""
    unit = Unit.read(UNITS / "call-bridge.service")
    writable = {lab.database_path.parent, lab.api_socket.parent}
    try:
        door = Cell(unit, visible=(CHECKOUT, lab.folder), writable=tuple(writable)).door(folder / "filter")
    except LabError as error:
        pytest.skip(str(error))
    tried = subprocess.run([*door, "/bin/true"], capture_output=True, text=True, check=False)
    if "bwrap: " in tried.stderr:
        pytest.skip(f"this machine lets nobody make namespaces: {tried.stderr}")
    return door


def process_behind(lab: Lab) -> int:
    """The daemon's own process id: bubblewrap stays before the door."""
    doorkeeper = lab.record.processes["daemon"].pid
    (inside,) = Path(f"/proc/{doorkeeper}/task/{doorkeeper}/children").read_text().split()
    return int(inside)


def confinement(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.replace("\t", "").split(":", 1) for line in lines)


async def test_the_daemon_places_a_call_and_is_supervised_behind_the_units_walls(
    lab: Lab, manager: ServiceManager, tmp_path: Path
) -> None:
    lab.stop_daemon()
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
    try:
        shut_in_daemon = (*shut_in(lab, tmp_path), CALL_BRIDGE)
        await asyncio.to_thread(lab.start_daemon, program=shut_in_daemon, environment=environment)
        daemon = process_behind(lab)
        walls = confinement(daemon)
        assert (walls["CapBnd"], walls["NoNewPrivs"], walls["Seccomp"]) == ("0" * 16, "1", "2")
        assert manager.hear("READY=1")[1].startswith("STATUS=ready")
        manager.hear("WATCHDOG=1")
        before = records(lab)
        async with carrier_of(lab), registered_phone(lab) as phone:
            call = await phone.dial("*1042")
            await call.answered()
            await call.media.wait_for_audio(50)
            os.kill(daemon, signal.SIGHUP)
            assert manager.hear("RELOADING=1")[1].startswith("MONOTONIC_USEC=")
            manager.hear("READY=1")
            await call.hang_up()
            assert (await next_result(lab, before)).result == "talked"
        await nothing_left(lab)
        os.kill(daemon, signal.SIGTERM)
        assert manager.hear("STOPPING=1")[1].startswith("EXTEND_TIMEOUT_USEC=")
        await until(lambda: not lab.record.processes["daemon"].alive, "the end of the daemon", within=5)
    finally:
        lab.stop_daemon()
        lab.start_daemon()
    said = lab.log("daemon").read_text()
    assert "Operation not permitted" not in said
