"""What processes use of the machine, by /proc (proc(5)): CPU seconds and resident bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchkit.contenders import Contender
from benchkit.site import Site
from labkit.processes import Process

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cpu:
    """CPU seconds of a process, and of the children it has waited for (an AGI script is Asterisk's)."""

    own: float = 0.0
    children: float = 0.0

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.own - other.own, self.children - other.children)

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.own + other.own, self.children + other.children)


def cpu(process: Process) -> Cpu:
    """Fields 14 to 17 of /proc/PID/stat: they move in steps of 10 ms, so take them over many calls."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) * _TICK_S for field in fields[11:15])
    return Cpu(user + system, children_user + children_system)


def cpu_of_all(processes: Iterable[Process]) -> Cpu:
    return sum((cpu(process) for process in processes), Cpu())


def resident(process: Process) -> int:
    """Bytes in memory that are the process's own or shared (VmRSS)."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Used:
    """Seconds: of the clock, and of processor time, Asterisk's and a contender's own."""

    clock: float
    asterisk: float
    own: float

    def __sub__(self, other: Used) -> Used:
        return Used(self.clock - other.clock, self.asterisk - other.asterisk, self.own - other.own)

    def a_second(self) -> Used:
        return Used(1.0, self.asterisk / self.clock, self.own / self.clock)


def used(site: Site, contender: Contender) -> Used:
    """Since the processes began."""
    own = cpu_of_all(contender.processes(site)).own
    return Used(time.monotonic(), cpu(site.asterisk).own, own)


def used_within(site: Site, contender: Contender, seconds: float) -> Used:
    """In a second, while the bench does nothing for so long."""
    before = used(site, contender)
    time.sleep(seconds)
    return (used(site, contender) - before).a_second()
