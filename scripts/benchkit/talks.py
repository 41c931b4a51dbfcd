"""What conversations cost while they last: sound both ways in every live call, and what of it is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchkit import usage, wire
from benchkit.contenders import Contender
from benchkit.crowd import COMPARED, parted, place, timed
from benchkit.figures import percentile
from benchkit.peers import Address, Ends, Peers, Stamps
from benchkit.site import Site
from labkit.places import CHECKOUT, SCRIPTS

LIVE = (50, 100, 200, 300)

_WARM_UP_S = 1.0
"""Not counted: the last calls are still being bridged."""


@dataclass(frozen=True)
class Talk:
    """`live` calls talk. Packets are those of both directions; `late` is how late the bench itself spoke.

    `asterisk_cpu` and `own_cpu` are shares of one processor while nothing but talk goes on. `p50` and `p99`
    are from INVITE to 200, of calls that were placed meanwhile. Times are seconds.
    """

    contender: Contender
    live: int
    sent: int
    heard: int
    late: float
    asterisk_cpu: float
    own_cpu: float
    p50: float
    p99: float

    @property
    def lost(self) -> float:
        """Of all packets, the part that did not arrive."""
        return 1 - self.heard / self.sent


class _Voices:
    """Those of `benchkit.programs.voices`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        phone, carrier = self._told()
        self.ends = Ends(wire.description(*phone), wire.description(*carrier))

    def talk(self, conversations: Sequence[tuple[Address, Address]]) -> None:
        self._tell({"talk": conversations})

    def hush(self) -> dict[str, Any]:
        self._tell({"hush": True})
        counted: dict[str, Any] = self._told()
        return counted

    def _tell(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _told(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextmanager
def _voices() -> Iterator[_Voices]:
    environment = {**os.environ, "PYTHONPATH": f"{SCRIPTS}:{CHECKOUT}"}
    command = [sys.executable, "-m", "benchkit.programs.voices"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield _Voices(process)


def measure(
    site: Site,
    peers: Peers,
    *,
    live: Sequence[int],
    calls: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[Talk]:
    """Let conversations grow to each of `live`, and talk for so long. Raises CallFailed."""
    found = []
    for contender in site.contenders:
        if contender.key in COMPARED:
            with _voices() as voices:
                found += list(_grow(site, peers, contender, voices, live, calls, seconds, progress))
                peers.hang_up_all()
    return found


def _grow(
    site: Site,
    peers: Peers,
    contender: Contender,
    voices: _Voices,
    live: Sequence[int],
    calls: int,
    seconds: float,
    progress: Callable[[str], None],
) -> Iterator[Talk]:
    talking, free = parted(site.managers)
    conversations: list[tuple[Address, Address]] = []

    for count in live:
        progress(f"{count} conversations for {seconds:g} s: {contender.title}")
        while len(conversations) < count:
            stamps = place(site, peers, contender, next(talking), voices.ends)
            conversations.append(_ends_of(stamps))
        voices.talk(conversations)
        time.sleep(_WARM_UP_S)
        voices.hush()
        voices.talk(conversations)
        asterisk_cpu, own_cpu = _cpu_while_talking(site, contender, seconds)
        times = [timed(site, peers, contender, next(free)) for _ in range(calls)]
        counted = voices.hush()
        yield Talk(
            contender,
            count,
            counted["sent"],
            counted["heard"],
            counted["late"],
            asterisk_cpu,
            own_cpu,
            percentile(times, 50),
            percentile(times, 99),
        )


def _cpu_while_talking(site: Site, contender: Contender, seconds: float) -> tuple[float, float]:
    """Shares of one processor: Asterisk's, and the contender's own."""
    processes = contender.processes(site)
    began = time.monotonic()
    asterisk, own = usage.cpu(site.asterisk), usage.cpu_of_all(processes)
    time.sleep(seconds)
    lasted = time.monotonic() - began
    return (
        (usage.cpu(site.asterisk) - asterisk).own / lasted,
        (usage.cpu_of_all(processes) - own).own / lasted,
    )


def _ends_of(stamps: Stamps) -> tuple[Address, Address]:
    assert stamps.phone_media is not None
    assert stamps.carrier_media is not None
    return stamps.phone_media, stamps.carrier_media
