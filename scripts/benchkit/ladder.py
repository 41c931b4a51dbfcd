"""How many calls a second a way sustains: SIPp dials faster and faster until calls fail or wait."""

from __future__ import annotations

import csv
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchkit.blocks import wait_for_carrier
from benchkit.contenders import COMPARED, Contender
from benchkit.figures import percentile
from benchkit.site import Site
from benchkit.usage import used_within
from labkit import debian, ports
from labkit.errors import LabError
from labkit.plan import UDP
from labkit.processes import start

SCENARIOS = Path(__file__).parent / "sipp"
RATES = (10, 20, 40, 60, 80, 100, 125, 150, 175, 200, 250, 300, 350, 400, 500)
"""Calls a second."""

SLOWEST_S = 0.25
"""A rung holds while 99 of 100 calls are answered within this time."""

_TRIES = 2
"""Of a rate: a machine that stands still for a moment fails one, which says nothing of the way."""

_MOST_AT_ONCE = 2000
_LONGEST_WAIT_MS = 5000
_DRAIN_S = 60.0
_PATIENCE_S = 10.0
"""After the last call, before what is left is told to end."""

_REFUSALS = re.compile(r"^callbridge_refusals_total\{[^}]*\} (\S+)$", re.MULTILINE)

_LOOK_S = 0.5
_RESTING = 0.1
"""Of a processor: what Asterisk and a way's own processes use where there is nothing to do."""


class OpenLab(Protocol):
    """Makes labs."""

    def __call__(self, *contenders: Contender) -> AbstractContextManager[Site]:
        """A new lab with these ways, up while its context lasts."""


@dataclass(frozen=True)
class Rung:
    """One rate, held for `seconds`. Times are seconds, from the INVITE with the password to 200."""

    rate: int
    seconds: float
    calls: int
    failed: int
    p50: float
    p99: float

    @property
    def holds(self) -> bool:
        return self.failed == 0 and self.p99 < SLOWEST_S


@dataclass
class Climb:
    """A contender's way up; it ends with the first rate that holds in no try.

    `long` are those that were held for longer afterwards, from the highest that held down to one that lasts.
    """

    contender: Contender
    rungs: list[Rung] = field(default_factory=list)
    long: list[Rung] = field(default_factory=list)
    at_the_top: bool = False
    """There is no rate left to be tried."""

    @property
    def is_over(self) -> bool:
        return self.at_the_top or self.broken is not None

    @property
    def sustained(self) -> int:
        """The highest rate that held, in calls a second; 0 where none did."""
        return max((rung.rate for rung in self.rungs if rung.holds), default=0)

    @property
    def lasting(self) -> Rung | None:
        """The one that held for long; None where that was not tried, or none did."""
        return next((rung for rung in self.long if rung.holds), None)

    @property
    def broken(self) -> Rung | None:
        """The last try of the rate with which it ended."""
        held = {rung.rate for rung in self.rungs if rung.holds}
        return next((rung for rung in reversed(self.rungs) if rung.rate not in held), None)


def climb(
    site: Site, *, seconds: float, rates: Sequence[int], progress: Callable[[str], None]
) -> Iterator[list[Climb]]:
    """Let all who can be dialled climb side by side: each rate is tried by all before the next one.

    Yields how far they have come, after each rate. Raises LabError.
    """
    climbs = [Climb(contender) for contender in site.contenders if contender.dials]
    with _carrier(site):
        wait_for_carrier(site)
        for rate in rates:
            for one in climbs:
                if one.broken is None:
                    progress(f"{rate} calls/s for {seconds:g} s: {one.contender.title}")
                    one.rungs += _tries(site, one.contender, rate, seconds)
            yield climbs
    for one in climbs:
        one.at_the_top = True
    yield climbs


def hold(
    open_lab: OpenLab, climbs: list[Climb], *, seconds: float, progress: Callable[[str], None]
) -> Iterator[list[Climb]]:
    """Let those that are compared closely hold the rate that they ended with for so long.

    Each try has a lab of its own: after too much was asked, all is slower for a minute and more.

    Yields how long they have lasted, after each try. Raises LabError.
    """
    for one in climbs:
        if one.contender.key in COMPARED:
            for rate in sorted({rung.rate for rung in one.rungs if rung.holds}, reverse=True):
                progress(f"{rate} calls/s for {seconds:g} s: {one.contender.title}")
                with open_lab(one.contender) as site, _carrier(site):
                    wait_for_carrier(site)
                    one.long.append(_rung(site, one.contender, rate, seconds))
                yield climbs
                if one.lasting is not None:
                    break


def _tries(site: Site, contender: Contender, rate: int, seconds: float) -> Iterator[Rung]:
    """One rate, until it holds or has had all its tries."""
    for _ in range(_TRIES):
        rung = _rung(site, contender, rate, seconds)
        yield rung
        if rung.holds:
            return


@contextmanager
def _carrier(site: Site) -> Iterator[None]:
    host, port = site.lab.carrier_address
    command = debian.unpacked(debian.SIP_PEERS).command("usr/bin/sipp")
    options = ["-sf", str(SCENARIOS / "carrier.xml"), "-i", host, "-p", str(port), "-nostdin", "-nd"]
    process = start([*command, *options], log=site.lab.log("sipp-carrier"), folder=site.folder)
    try:
        yield
    finally:
        process.end()


def _rung(site: Site, contender: Contender, rate: int, seconds: float) -> Rung:
    """Hold a rate, and return when all is as idle as before."""
    calls = round(rate * seconds)
    folder = site.folder / f"sipp-{contender.key}-{rate}-{seconds:g}"
    folder.mkdir(exist_ok=True)
    refused_before = _refused(site, contender)
    _dial(site, contender, folder, rate, calls, patience=seconds * 4 + 60)
    _drain(site, contender)
    times = list(_response_times(folder))
    # A refusal is told by a message, after an answer: to SIPp such a call is as good as any.
    good = _successful(folder / "statistics.csv") - (_refused(site, contender) - refused_before)
    if not times:
        return Rung(rate, seconds, calls, calls, 0.0, 0.0)
    return Rung(rate, seconds, calls, calls - good, percentile(times, 50), percentile(times, 99))


def _dial(site: Site, contender: Contender, folder: Path, rate: int, calls: int, *, patience: float) -> None:
    """Let SIPp dial, and write into `folder` how it went."""
    host, port = site.lab.sip_address
    subprocess.run(
        [
            *debian.unpacked(debian.SIP_PEERS).command("usr/bin/sipp"),
            *("-sf", str(SCENARIOS / "manager.xml"), "-inf", str(_dialling(site, contender, folder))),
            *("-i", "127.0.0.1", "-p", str(ports.free_port("127.0.0.1", UDP))),
            *("-r", str(rate), "-m", str(calls), "-l", str(_MOST_AT_ONCE)),
            *("-recv_timeout", str(_LONGEST_WAIT_MS), "-nostdin", "-nd"),
            *("-trace_rtt", "-rtt_freq", "1", "-trace_stat", "-stf", "statistics.csv"),
            f"{host}:{port}",
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=patience,
        check=False,
    )


def _dialling(site: Site, contender: Contender, folder: Path) -> Path:
    path = folder / "dialling.csv"
    lines = [
        f"{extension};[authentication username={extension} password={manager.password}];"
        f"{contender.prefix}{site.code_of(extension)}"
        for extension, manager in site.lab.managers.items()
    ]
    path.touch(mode=0o600)
    path.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
    return path


def _response_times(folder: Path) -> Iterator[float]:
    """Seconds, of SIPp's trace: milliseconds since the start; milliseconds taken; which of its clocks."""
    for path in folder.glob("*_rtt.csv"):
        with path.open() as file:
            for row in csv.reader(file, delimiter=";"):
                if len(row) >= 2 and row[1].replace(".", "").isdigit():
                    yield float(row[1]) / 1000


def _successful(statistics: Path) -> int:
    if not statistics.exists():
        return 0
    with statistics.open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return int(rows[-1]["SuccessfulCall(C)"]) if rows else 0


def _refused(site: Site, contender: Contender) -> int:
    """How many calls a way has refused by its rules, as far as it has any."""
    return sum(round(float(count)) for count in _REFUSALS.findall(contender.metrics(site)))


def _drain(site: Site, contender: Contender) -> None:
    """Return when Asterisk has no channel left and nobody has work: a rung begins with an idle machine.

    A way that has been asked for more than it can do may leave channels that nobody ends, and go on for a
    while with what it was asked. Raises LabError where that takes more than a minute, and where Asterisk has
    ended.
    """
    began = time.monotonic()
    while not (_has_no_channels(site) and _rests(site, contender)):
        waited = time.monotonic() - began
        if not site.asterisk.alive:
            raise LabError(f"Asterisk has ended under the calls of: {contender.title}")
        if waited > _DRAIN_S:
            raise LabError(f"a minute after the calls have ended there is work left of: {contender.title}")
        if waited > _PATIENCE_S:
            with suppress(LabError):
                site.lab.asterisk.rx("channel request hangup all")


def _has_no_channels(site: Site) -> bool:
    """Not as long as Asterisk has too much to do to say so."""
    with suppress(LabError):
        return site.lab.asterisk.rx("core show channels count").startswith("0 active channels")
    return False


def _rests(site: Site, contender: Contender) -> bool:
    """Whether Asterisk and the way's own processes hardly use the processor now."""
    now = used_within(site, contender, _LOOK_S)
    return now.asterisk + now.own < _RESTING
