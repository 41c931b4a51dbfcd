"""All that one run of the bench has found, and where: what is shown, judged and written as JSON."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchkit.blocks import Block, Clicked, Measured
from benchkit.crowd import Crowd
from benchkit.growth import Growth
from benchkit.ladder import Climb
from benchkit.talks import Talk
from labkit.asterisk import find_asterisk
from labkit.places import CHECKOUT

_PACKAGES = ("call-bridge", "aiohttp", "SQLAlchemy", "cryptography", "panoramisk", "ari-client")

_TIMES: dict[str, Callable[[Block], list[float]]] = {
    "invite_to_carrier": lambda block: block.to_carrier,
    "invite_to_200": lambda block: block.to_answer,
    "answer_to_sound": lambda block: block.to_sound,
}


@dataclass(frozen=True)
class Machine:
    """What the numbers were made on. `load` is the machine's own, before the bench began."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    load: float

    @classmethod
    def here(cls) -> Machine:
        facts = Path("/proc/cpuinfo").read_text()
        models = [
            line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")
        ]
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return cls(
            processor=models[0] if models else platform.machine(),
            cores=os.cpu_count() or 0,
            memory_gib=round(memory, 1),
            system=f"{platform.system()} {platform.release()}",
            load=round(os.getloadavg()[0], 2),
        )


@dataclass
class Results:
    """What was not asked for stays empty. `lag_p99` is in seconds."""

    machine: Machine
    versions: dict[str, str]
    options: dict[str, Any]
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    measured: list[Measured] = field(default_factory=list)
    clicked: list[Clicked] = field(default_factory=list)
    climbs: list[Climb] = field(default_factory=list)
    crowds: list[Crowd] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    lag_p99: float | None = None
    broken_off: str | None = None
    """Why there is no more."""

    @property
    def failed(self) -> int:
        """Calls, of those one at a time, and clicks."""
        return sum(one.failed for one in self.measured) + sum(one.failed for one in self.clicked)

    def of(self, key: str) -> Measured | None:
        """A contender's calls, if it was measured and got any through."""
        return next(
            (one for one in self.measured if one.contender.key == key and any(b.calls for b in one.blocks)),
            None,
        )

    def climb_of(self, key: str) -> Climb | None:
        return next((one for one in self.climbs if one.contender.key == key), None)

    def as_json(self) -> str:
        """Times are in milliseconds, memory in bytes; the calls' own times are in it, block by block."""
        return json.dumps(
            {
                "at": self.at,
                "machine": vars(self.machine),
                "versions": self.versions,
                "options": self.options,
                "calls": [_calls(one) for one in self.measured],
                "clicks": [_clicks(one) for one in self.clicked],
                "ladder": [_ladder(one) for one in self.climbs],
                "crowd": [_named(crowd) for crowd in self.crowds],
                "talk": [{**_named(talk), "heard": vars(talk.heard)} for talk in self.talks],
                "growth": [vars(growth) for growth in self.growth],
                "loop_lag_p99_ms": None if self.lag_p99 is None else self.lag_p99 * 1000,
                "broken_off": self.broken_off,
            },
            indent=1,
        )


def versions_here() -> dict[str, str]:
    """Raises LabError without Asterisk."""
    return {
        "Asterisk": find_asterisk().version,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _calls(one: Measured) -> dict[str, Any]:
    return {
        "contender": one.contender.key,
        "title": one.contender.title,
        "failed": one.failed,
        "asterisk_cpu_ms_per_call": one.asterisk_cpu_per_call * 1000,
        "own_cpu_ms_per_call": one.own_cpu_per_call * 1000,
        **{name: [_ms(of(block)) for block in one.blocks] for name, of in _TIMES.items()},
    }


def _clicks(one: Clicked) -> dict[str, Any]:
    return {
        "contender": one.contender.key,
        "title": one.contender.title,
        "failed": one.failed,
        "click_to_phone": [_ms(block.to_phone) for block in one.blocks],
    }


def _ms(times: list[float]) -> list[float]:
    return [round(seconds * 1000, 3) for seconds in times]


def _ladder(one: Climb) -> dict[str, Any]:
    return {
        "contender": one.contender.key,
        "sustained_calls_per_second": one.sustained,
        "rungs": [vars(rung) for rung in one.rungs],
        "held_for_long": [vars(rung) for rung in one.long],
    }


def _named(found: Crowd | Talk) -> dict[str, Any]:
    return {**vars(found), "contender": found.contender.key}
