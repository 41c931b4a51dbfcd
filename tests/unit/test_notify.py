"""The service manager hears what sd_notify(3) says, on a real socket, and never holds anything up."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.notify import ServiceManager
from bridge.supervision import Supervision


class Listener:
    """A service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(5)

    def heard(self) -> dict[str, str]:
        """The next message. Raises TimeoutError."""
        lines = self._socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def nothing_more(self) -> bool:
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(5)
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a file", "no file"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Listener]:
    address = str(tmp_path / "notify") if request.param == "a file" else f"@call-bridge-{tmp_path.name}"
    listener = Listener(address)
    yield listener
    listener.close()


def manager_at(listener: Listener, watchdog_us: int = 0) -> ServiceManager:
    return ServiceManager.of({"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": str(watchdog_us)})


def test_each_message_has_the_lines_that_systemd_reads(listener: Listener) -> None:
    manager = manager_at(listener)
    manager.ready("calls: 0")
    assert listener.heard() == {"READY": "1", "STATUS": "calls: 0"}
    before = time.monotonic_ns() // 1000
    manager.reloading("reading")
    reloading = listener.heard()
    assert before <= int(reloading.pop("MONOTONIC_USEC")) <= time.monotonic_ns() // 1000
    assert reloading == {"RELOADING": "1", "STATUS": "reading"}
    manager.stopping("draining", within_seconds=2.5)
    assert listener.heard() == {"STOPPING": "1", "EXTEND_TIMEOUT_USEC": "2500000", "STATUS": "draining"}
    manager.alive()
    assert listener.heard() == {"WATCHDOG": "1"}


def test_without_a_service_manager_nothing_is_sent() -> None:
    ServiceManager.of({}).ready("calls: 0")


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody-listens-here"])
def test_one_that_is_gone_or_stuck_holds_nothing_up(address: str, tmp_path: Path) -> None:
    ServiceManager(address, None).ready("calls: 0")
    stuck = Listener(str(tmp_path / "stuck"))
    deadline = time.monotonic() + 5
    for _ in range(2000):
        ServiceManager(stuck.address, None).alive()
        assert time.monotonic() < deadline
    stuck.close()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_patience_is_read_as_systemd_gives_it(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert ServiceManager.of(environment).watchdog_seconds == seconds


# --- Supervision --------------------------------------------------------------------------------------

PATIENCE_US = 200_000


class Daemon:
    healthy = True

    def __init__(self, listener: Listener) -> None:
        self.linked = asyncio.Event()
        self.supervision = Supervision(
            manager_at(listener, PATIENCE_US), self.linked, lambda: "well", lambda: self.healthy
        )


async def next_of(listener: Listener, name: str) -> None:
    """Wait for a message with this name."""
    while name not in await asyncio.to_thread(listener.heard):
        pass


async def drained(listener: Listener) -> None:
    while not listener.nothing_more():
        pass


async def test_ready_is_told_once_calls_can_be_placed(listener: Listener) -> None:
    daemon = Daemon(listener)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.supervision.run())
        await asyncio.sleep(0)
        assert listener.nothing_more(), "nothing is told before there is a link"
        daemon.linked.set()
        assert (await asyncio.to_thread(listener.heard))["READY"] == "1"
        task.cancel()


async def test_signs_of_life_come_twice_in_the_watchdogs_patience(listener: Listener) -> None:
    daemon = Daemon(listener)
    daemon.linked.set()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.supervision.run())
        await next_of(listener, "WATCHDOG")
        begun = time.monotonic()
        for _ in range(4):
            await next_of(listener, "WATCHDOG")
        assert time.monotonic() - begun >= 3 * PATIENCE_US / 2e6, "not a tight loop"
        task.cancel()


async def test_a_blocked_loop_gives_no_sign_of_life(listener: Listener) -> None:
    daemon = Daemon(listener)
    daemon.linked.set()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.supervision.run())
        await next_of(listener, "WATCHDOG")
        await drained(listener)
        time.sleep(3 * PATIENCE_US / 1e6)  # noqa: ASYNC251 - that is the point
        assert listener.nothing_more(), "systemd would have ended the process by now"
        await next_of(listener, "WATCHDOG")
        task.cancel()


async def test_a_daemon_that_has_lost_a_part_of_itself_gives_no_sign_of_life(listener: Listener) -> None:
    daemon = Daemon(listener)
    daemon.linked.set()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.supervision.run())
        await next_of(listener, "WATCHDOG")
        daemon.healthy = False
        await drained(listener)
        for _ in range(3):
            assert "WATCHDOG" not in await asyncio.to_thread(listener.heard)
        task.cancel()


async def test_without_asterisk_the_start_is_done_as_well(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.supervision._SECONDS_FOR_ASTERISK", 0.05)
    daemon = Daemon(listener)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(daemon.supervision.run())
        assert (await asyncio.to_thread(listener.heard))["READY"] == "1"
        task.cancel()
