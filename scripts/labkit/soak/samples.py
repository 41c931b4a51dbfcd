"""One moment of the daemon, of Asterisk and of the database."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from labkit.lab import Lab
from labkit.readiness import get
from labkit.usage import Usage

_GAUGE = re.compile(r"^callbridge_(tasks|live_calls|ledger_backlog) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """`at` is seconds since the beginning. Memory is resident, in bytes.

    `answer_ms` is how long the daemon took to answer GET /healthz: its loop's lag, and a request's own time.
    `backlog` is the entries about calls that were not on disk yet. Cores are used since the sample before.
    """

    at: float
    daemon_memory: int
    daemon_files: int
    daemon_tasks: int
    daemon_cores: float
    answer_ms: float
    backlog: int
    live_calls: int
    asterisk_memory: int
    asterisk_files: int
    asterisk_cores: float
    database: int


class Sampler:
    """Takes samples of a lab that runs."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._pids = {name: lab.record.processes[name].pid for name in ("daemon", "asterisk")}
        self._began = self._latest = time.monotonic()
        self._usages = self._look()

    def take(self) -> Sample:
        """Raises OSError and HTTPException of a daemon that does not answer, or a process that is gone."""
        asked = time.perf_counter()
        get(self._lab.api_socket, "/healthz")
        answer_ms = (time.perf_counter() - asked) * 1000
        gauges = {name: float(value) for name, value in _GAUGE.findall(get(self._lab.api_socket, "/metrics"))}
        before, since = self._usages, self._latest
        self._usages, self._latest = self._look(), time.monotonic()
        cores = {
            name: (usage.cpu_seconds - before[name].cpu_seconds) / (self._latest - since)
            for name, usage in self._usages.items()
        }
        daemon, asterisk = self._usages["daemon"], self._usages["asterisk"]
        return Sample(
            at=self._latest - self._began,
            daemon_memory=daemon.resident_bytes,
            daemon_files=daemon.open_files,
            daemon_tasks=int(gauges["tasks"]),
            daemon_cores=cores["daemon"],
            answer_ms=answer_ms,
            backlog=int(gauges["ledger_backlog"]),
            live_calls=int(gauges["live_calls"]),
            asterisk_memory=asterisk.resident_bytes,
            asterisk_files=asterisk.open_files,
            asterisk_cores=cores["asterisk"],
            database=database_bytes(self._lab.database_path),
        )

    def _look(self) -> dict[str, Usage]:
        return {name: Usage.of(pid) for name, pid in self._pids.items()}


def database_bytes(path: Path) -> int:
    """With what is not yet moved from its write-ahead log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(each.stat().st_size for each in files if each.exists())
