"""Where the time of sealed calls goes, from the manager's INVITE to 200, in microseconds."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchkit import blocks, parts, report
from benchkit.contenders.callbridge import Sealed, start_in_place_of_the_daemon
from benchkit.parts import Mark, TracedCall
from benchkit.peers import Peers, Stamps
from benchkit.report import Sheet
from benchkit.site import Site, open_site

_WARM_UP = 20


@dataclass(frozen=True)
class Moment:
    """Something that happened, so many microseconds after the INVITE, and for how long it went on."""

    what: str
    at_us: float
    took_us: float | None = None


class Traced(Sealed):
    """call-bridge as it is, with its functions wrapped from outside."""

    def start(self, site: Site) -> None:
        start_in_place_of_the_daemon(site, "benchkit.programs.traced", marks_of(site))


def marks_of(site: Site) -> Path:
    return site.folder / "marks.jsonl"


def run(folder: Path, *, calls: int, page: Path | None) -> int:
    """Show where the time of `calls` goes by part, and the one of median length; in `page` too, if given."""
    traced = _measure(folder / "lab", calls)
    whole = sorted(traced, key=lambda one: one.stamps.answered - one.stamps.asked)[len(traced) // 2]
    sheets = (_parts(traced), _timeline(whole))
    for sheet in sheets:
        report.show_sheet(sheet, Console())
    if page is not None:
        lines = [f"### {sheet.title}\n\n{report.markdown_table(sheet)}\n" for sheet in sheets]
        page.write_text(report.with_part(page.read_text(), "timeline", lines))
    return 0


def _parts(calls: list[TracedCall]) -> Sheet:
    found = parts.medians(calls)
    total = sum(seconds for _, seconds in found)
    rows = [(part.what, part.whose, *_share(seconds, total)) for part, seconds in found]
    for whose in dict.fromkeys(part.whose for part, _ in found):
        theirs = sum(seconds for part, seconds in found if part.whose == whose)
        rows.append(("in all", whose, *_share(theirs, total)))
    title = f"A sealed call by part, from the manager's INVITE to 200: medians of {len(calls)} calls"
    return Sheet(title, ("part", "whose", "µs", "%"), rows)


def _share(seconds: float, total: float) -> tuple[str, str]:
    return f"{seconds * 1e6:,.0f}", f"{seconds / total:.0%}".removesuffix("%")


def _timeline(call: TracedCall) -> Sheet:
    rows = [
        (
            moment.what,
            f"{moment.at_us:,.0f}",
            "" if moment.took_us is None else f"{moment.took_us:,.0f}",
        )
        for moment in _moments(call)
    ]
    return Sheet("One sealed call: the one of median length", ("what", "µs", "took µs"), rows)


def _measure(folder: Path, calls: int) -> list[TracedCall]:
    with open_site(folder, (Traced(),), managers=5, most_live=20) as site:
        passwords = {extension: manager.password for extension, manager in site.lab.managers.items()}
        with Peers(site.lab.sip_address, site.lab.carrier_address, passwords) as peers:
            blocks.wait_for_carrier(site)
            stamps = [_call(site, peers, extension) for extension in _extensions(site, calls)]
        marks = [Mark(**json.loads(line)) for line in marks_of(site).read_text().splitlines()]
    marks.sort(key=lambda mark: mark.began)
    return [
        TracedCall(one, [mark for mark in marks if one.asked <= mark.began <= one.heard])
        for one in stamps[_WARM_UP:]
    ]


def _extensions(site: Site, calls: int) -> list[str]:
    return list(itertools.islice(itertools.cycle(site.managers), calls + _WARM_UP))


def _call(site: Site, peers: Peers, extension: str) -> Stamps:
    stamps = peers.call(extension, Traced.prefix + site.code_of(extension))
    peers.hang_up_all()
    return stamps


def _moments(call: TracedCall) -> list[Moment]:
    """The peers and the daemon share the machine's monotonic clock (time.perf_counter on Linux)."""
    stamps = call.stamps

    def after_us(at: float) -> float:
        return (at - stamps.asked) * 1e6

    seen = [
        Moment("phone: INVITE", 0.0),
        Moment("phone: 180 Ringing", after_us(stamps.phone_rang)) if stamps.phone_rang else None,
        Moment("carrier: INVITE", after_us(stamps.carrier_invited)),
        Moment("carrier: 200 is sent", after_us(stamps.carrier_answered)),
        Moment("phone: 200 OK", after_us(stamps.answered)),
        Moment("phone: the first sound", after_us(stamps.heard)),
    ]
    moments = [moment for moment in seen if moment is not None]
    for mark in call.marks:
        moments.append(Moment(mark.what, after_us(mark.began), (mark.ended - mark.began) * 1e6))
    return sorted(moments, key=lambda moment: moment.at_us)
