"""What the daemon's processor time of a sealed call goes into, by package of the project."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchkit import blocks, report
from benchkit.contenders.callbridge import Sealed, start_in_place_of_the_daemon
from benchkit.peers import Peers
from benchkit.report import Sheet
from benchkit.site import Site, open_site
from labkit.readiness import wait_until_ready

_WARM_UP = 40
_MANAGERS = 20


class Sampled(Sealed):
    """call-bridge as it is, looking at itself now and again."""

    def start(self, site: Site) -> None:
        start_in_place_of_the_daemon(site, "benchkit.programs.sampled", found_of(site))


@dataclass(frozen=True)
class Found:
    """Seconds of processor time, of so many calls. `packages` has how many of the `looks` fell to each."""

    calls: int
    looks: int
    packages: dict[str, int]
    loop_s: float
    other_threads_s: float

    @property
    def total_s(self) -> float:
        return self.loop_s + self.other_threads_s


def found_of(site: Site) -> Path:
    return site.folder / "found.json"


def run(folder: Path, *, calls: int, page: Path | None) -> int:
    """Show what `calls` have cost; in `page` too, if given."""
    sheet = as_sheet(_measure(folder / "lab", calls))
    report.show_sheet(sheet, Console())
    if page is not None:
        lines = [f"### {sheet.title}\n\n{report.markdown_table(sheet)}\n"]
        page.write_text(report.with_part(page.read_text(), "profile", lines))
    return 0


def as_sheet(found: Found) -> Sheet:
    """The packages' shares are by looks, that of the threads and the sum by the kernel's count."""
    shares = {package: looks / found.looks for package, looks in found.packages.items()}
    of_threads = found.other_threads_s / found.total_s
    rest = max(0.0, 1 - sum(shares.values()) - of_threads)
    ranked = sorted(shares.items(), key=lambda each: -each[1])
    rows = [
        *((f"`{package}`, and what it calls", share) for package, share in ranked),
        ("SQLite's threads", of_threads),
        ("asyncio, uvloop and libraries, where nothing of ours is on the stack", rest),
        ("in all", 1.0),
    ]
    each_ms = found.total_s / found.calls * 1000
    title = f"The daemon's processor time of a sealed call: means of {found.calls} calls, hang-up included"
    shown = [(what, f"{share * each_ms:.2f}", f"{share:.0%}".removesuffix("%")) for what, share in rows]
    return Sheet(title, ("what", "ms", "%"), shown)


def _measure(folder: Path, calls: int) -> Found:
    with open_site(folder, (Sampled(),), managers=_MANAGERS, most_live=20) as site:
        passwords = {extension: manager.password for extension, manager in site.lab.managers.items()}
        with Peers(site.lab.sip_address, site.lab.carrier_address, passwords) as peers:
            blocks.wait_for_carrier(site)
            _call(site, peers, _WARM_UP)
            process = site.lab.record.processes["daemon"]
            process.send(signal.SIGUSR1, wait_s=0)
            _call(site, peers, calls)
            process.send(signal.SIGUSR2, wait_s=0)
            found = found_of(site)
            wait_until_ready("the daemon's samples", process, found.exists, site.lab.log("daemon"))
        return Found(calls, **json.loads(found.read_text()))


def _call(site: Site, peers: Peers, calls: int) -> None:
    for number in range(calls):
        extension = site.managers[number % len(site.managers)]
        peers.call(extension, Sampled.prefix + site.code_of(extension))
        peers.hang_up_all()
