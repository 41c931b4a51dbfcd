"""What the daemon tells its service manager: sd_notify(3)'s protocol, datagrams of `NAME=value` lines.

Without a service manager, as on a terminal, nothing is sent and nothing differs.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """`address`: where it listens, a path or, after "@", a name without a file; None where there is none.

    `watchdog_seconds`: how long it waits for a sign of life before it ends the process; None: for ever.
    """

    address: str | None
    watchdog_seconds: float | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> ServiceManager:
        """As systemd tells its services (sd_notify(3), sd_watchdog_enabled(3))."""
        address = environment.get("NOTIFY_SOCKET")
        return cls(address or None, _watchdog_seconds(environment))

    def ready(self, status: str) -> None:
        """The service works; also the end of `reloading`. `status` is one line for people, as everywhere."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self, status: str) -> None:
        """The configuration is being read again. By the time one reload is told from another."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}", f"STATUS={status}")

    def stopping(self, status: str, *, within_seconds: float) -> None:
        """The end has begun and takes so long at most, whatever the unit's TimeoutStopSec= says."""
        longest_us = int(within_seconds * 1_000_000)
        self._send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={longest_us}", f"STATUS={status}")

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """The sign of life."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        """Never waits: a service manager that is stuck must not hold up calls."""
        if self.address is None:
            return
        target = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                sender.sendto("\n".join(lines).encode(), target)
            except OSError as error:
                log.warning("the service manager can't be told", error=type(error).__name__)


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """None also where the watchdog is meant for another process, such as a wrapper around this one."""
    limit, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not limit.isdigit() or int(limit) == 0 or process not in ("", str(os.getpid())):
        return None
    return int(limit) / 1_000_000
