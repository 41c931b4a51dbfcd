"""The command line of scripts/bench."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchkit import blocks, crowd, growth, ladder, plot, profile, report, talks, timeline
from benchkit.contenders import ALL, Contender
from benchkit.lag import loop_lag_p99
from benchkit.peers import CallFailed, Peers
from benchkit.results import Machine, Results, versions_here
from benchkit.site import Site, open_site
from labkit.errors import INTERRUPTED, LabError
from labkit.places import CHECKOUT
from labkit.readiness import get

FAILED = 1
PAGE = CHECKOUT / "docs" / "performance.md"
PICTURES = CHECKOUT / "docs" / "performance"

_LIVE_OF_A_RATE = 8
"""Calls that may be up at once, for each begun in a second: they talk for one, and some are late."""

_MORE = 50
"""Calls that are measured beside live ones: Asterisk keeps their ports for a moment after their end."""

_PROFILED = 600
"""Calls, for a profile: a look every few milliseconds, and so some thousand of them."""

Progress = Callable[[str], None]

_PHONES = 600
"""Each has one call at a time then, whatever the rate: by the shipped rules nobody has two."""


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for and return the exit code: 1 where a call failed, or the lab did not come up."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        with tempfile.TemporaryDirectory(prefix="call-bridge-bench-") as folder:
            if options.timeline:
                return timeline.run(Path(folder), calls=options.calls, page=PAGE if options.page else None)
            if options.profile:
                return profile.run(Path(folder), calls=_PROFILED, page=PAGE if options.page else None)
            results = _run(Path(folder), options, console.print)
    except (LabError, CallFailed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    report.show(results, Console(width=options.width))
    _write(results, options)
    if results.broken_off:
        print(f"bench: broken off: {results.broken_off}", file=sys.stderr)
    return FAILED if results.broken_off or results.failed else 0


def _run(folder: Path, options: argparse.Namespace, progress: Progress) -> Results:
    """What was measured, up to a failure if there was one. `folder` is for labs. Raises LabError."""
    machine = Machine.here()
    most_live = max(
        *(live + _MORE for live in (*options.live, *options.talking)),
        *(_LIVE_OF_A_RATE * rate for rate in options.rates),
    )
    labs = (folder / f"lab-{number}" for number in itertools.count(1))

    def open_lab(*contenders: Contender) -> AbstractContextManager[Site]:
        return open_site(next(labs), contenders, managers=options.managers, most_live=most_live)

    results = Results(machine, versions_here(), _shown(options))
    run = _Run(open_lab, results, options, progress)
    try:
        run.side_by_side()
        run.clicks()
        run.hold()
    except (LabError, CallFailed) as error:
        results.broken_off = str(error)
    return results


@dataclass(frozen=True)
class _Run:
    """Each part is written when it is done: an hour's results must not be lost by a later one's failure."""

    open_lab: ladder.OpenLab
    results: Results
    options: argparse.Namespace
    progress: Progress

    @property
    def _contenders(self) -> list[Contender]:
        return [kind() for kind in ALL if kind.key in self.options.ways]

    def side_by_side(self) -> None:
        """All that is measured of those who can be dialled, in one lab. Raises LabError and CallFailed."""
        dialling = [one for one in self._contenders if one.dials]
        if not dialling or set(self.options.parts) <= {"clicks"}:
            return
        with self.open_lab(*dialling) as site:
            if {"calls", "crowd", "talk"} & set(self.options.parts):
                with _peers(site) as peers:
                    self._with_peers(site, peers)
            if "ladder" in self.options.parts:
                self._climb(site)
            if "orders" in self.options.parts:
                most = self.options.orders
                steps = [count for count in growth.ORDERS if count < most] + [most]
                self.results.growth = growth.measure(site, orders=steps, progress=self.progress)
            if "g" in self.options.ways:
                self.results.lag_p99 = loop_lag_p99(get(site.lab.api_socket, "/metrics"))
        self._write()

    def _with_peers(self, site: Site, peers: Peers) -> None:
        options, progress = self.options, self.progress
        if "calls" in options.parts:
            self.results.measured = blocks.run_calls(
                site, peers, rounds=options.blocks, calls=options.calls, progress=progress
            )
            self._write()
        if "crowd" in options.parts:
            self.results.crowds = crowd.measure(
                site, peers, live=options.live, calls=options.calls, progress=progress
            )
            self._write()
        if "talk" in options.parts:
            self.results.talks = talks.measure(
                site,
                peers,
                live=options.talking,
                calls=options.calls,
                seconds=options.sustain,
                progress=progress,
            )
            self._write()

    def _climb(self, site: Site) -> None:
        seconds, rates = self.options.sustain, self.options.rates
        for climbs in ladder.climb(site, seconds=seconds, rates=rates, progress=self.progress):
            self.results.climbs = climbs
            self._write()

    def clicks(self) -> None:
        """In a lab of its own, since one of the ways needs AMI. Raises LabError."""
        clicking = [one for one in self._contenders if one.clicks]
        if not clicking or "clicks" not in self.options.parts:
            return
        with self.open_lab(*clicking) as site, _peers(site) as peers:
            self.results.clicked = blocks.run_clicks(
                site, peers, rounds=self.options.blocks, clicks=self.options.clicks, progress=self.progress
            )
        self._write()

    def hold(self) -> None:
        """Let the highest rates last. Raises LabError."""
        climbs, seconds = self.results.climbs, self.options.hold
        for _ in ladder.hold(self.open_lab, climbs, seconds=seconds, progress=self.progress):
            self._write()

    def _write(self) -> None:
        _write(self.results, self.options)


@contextmanager
def _peers(site: Site) -> Iterator[Peers]:
    """A phone and a carrier of which Asterisk and the daemon have heard. Raises LabError."""
    passwords = {extension: manager.password for extension, manager in site.lab.managers.items()}
    with Peers(site.lab.sip_address, site.lab.carrier_address, passwords) as peers:
        blocks.wait_for_carrier(site)
        yield peers


def _write(results: Results, options: argparse.Namespace) -> None:
    if options.json is not None:
        options.json.write_text(results.as_json() + "\n")
    if options.page:
        for part in options.parts:
            _write_page(results, part)


def _write_page(results: Results, part: str) -> None:
    """What was not measured stays as it was."""
    text = report.markdown(results, part)
    if not text:
        return
    PICTURES.mkdir(exist_ok=True)
    pictures = plot.pictures(results, part)
    for name, svg in pictures.items():
        (PICTURES / name).write_text(svg)
    shown = [f"![{name.removesuffix('.svg')}](performance/{name})" for name in pictures]
    PAGE.write_text(report.with_part(PAGE.read_text(), part, [text, "", *shown]))


_NOT_SHOWN = {"json", "page", "timeline", "profile", "width"}
"""Options that change nothing of what is measured."""


def _shown(options: argparse.Namespace) -> dict[str, object]:
    return {
        name: " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in vars(options).items()
        if name not in _NOT_SHOWN
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="What a masked call costs, beside a plain one and the other ways, on one Asterisk.",
        epilog="ways: " + "; ".join(f"{kind.key}: {kind.title}" for kind in ALL),
    )
    keys = "".join(kind.key for kind in ALL)
    parser.add_argument("--ways", default=keys, metavar="LETTERS", help=f"which to compare (default: {keys})")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=report.PARTS,
        default=list(report.PARTS),
        help="what to measure (default: all)",
    )
    parser.add_argument("--blocks", type=_count, default=7, metavar="N", help="rounds (default: 7)")
    parser.add_argument(
        "--calls", type=_count, default=40, metavar="N", help="calls of a block (default: 40)"
    )
    parser.add_argument(
        "--clicks", type=_count, default=20, metavar="N", help="clicks of a block (default: 20)"
    )
    parser.add_argument(
        "--managers", type=_count, default=_PHONES, metavar="N", help=f"phones (default: {_PHONES})"
    )
    parser.add_argument(
        "--sustain",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="how long each rate is held, and talked (default: 20)",
    )
    parser.add_argument(
        "--hold",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="how long the highest rate of a plain call and of call-bridge has to last (default: 300)",
    )
    parser.add_argument(
        "--rates", type=_count, nargs="+", default=list(ladder.RATES), metavar="N", help="calls/s to try"
    )
    parser.add_argument(
        "--live",
        type=_count,
        nargs="+",
        default=list(crowd.LIVE),
        metavar="N",
        help="calls that are up meanwhile",
    )
    parser.add_argument(
        "--talking",
        type=_count,
        nargs="+",
        default=list(talks.LIVE),
        metavar="N",
        help="calls with sound both ways",
    )
    parser.add_argument(
        "--orders",
        type=_count,
        default=growth.ORDERS[-1],
        metavar="N",
        help="at most so many (default: 1000000)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--page", action="store_true", help="put them into docs/performance.md, part by part")
    parser.add_argument("--timeline", action="store_true", help="only show where the time of one call goes")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="only show what a call's processor time goes into",
    )
    parser.add_argument("--width", type=_count, default=None, metavar="COLUMNS", help="of the tables")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return count
