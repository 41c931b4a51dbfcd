"""The results as tables: on the terminal, and as Markdown for docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from benchkit.blocks import Block, Measured
from benchkit.figures import median_of_blocks
from benchkit.ladder import Climb, Rung
from benchkit.results import Results
from benchkit.targets import judge

_NONE = "-"


@dataclass(frozen=True)
class Sheet:
    """A table in words. The first column is text, the others are numbers."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def sheets(results: Results, part: str) -> list[Sheet]:
    """Those of one part of the bench that have something to show."""
    made = [make(results) for make in _SHEETS[part]]
    return [sheet for sheet in (*made, _targets(results, part)) if sheet.rows]


def show(results: Results, console: Console) -> None:
    for part in PARTS:
        for sheet in sheets(results, part):
            show_sheet(sheet, console)
    console.print(conditions(results))


def show_sheet(sheet: Sheet, console: Console) -> None:
    table = Table(title=sheet.title, title_justify="left")
    for index, head in enumerate(sheet.heads):
        table.add_column(head, justify="right" if index else "left", overflow="fold")
    for row in sheet.rows:
        table.add_row(*row)
    console.print(table)


def markdown(results: Results, part: str) -> str:
    """The sheets of a part, and what they were made on; nothing where there are none."""
    made = [f"### {sheet.title}\n\n{markdown_table(sheet)}\n" for sheet in sheets(results, part)]
    return "\n".join([*made, conditions(results)]) if made else ""


def conditions(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    options = ", ".join(f"{name} {value}" for name, value in results.options.items())
    return (
        f"Measured {results.at} on {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, "
        f"{machine.system}, load {machine.load} before the start. "
        f"{versions}. Options: {options}.{_lag(results)}"
    )


def _lag(results: Results) -> str:
    if results.lag_p99 is None:
        return ""
    return (
        f" The sealed daemon's event loop was late by at most {results.lag_p99 * 1000:g} ms "
        "in 99 of 100 samples, over the whole run."
    )


def markdown_table(sheet: Sheet) -> str:
    rules = ("---", *("---:" for _ in sheet.heads[1:]))
    return "\n".join("| " + " | ".join(row) + " |" for row in (sheet.heads, rules, *sheet.rows))


def _calls(results: Results) -> Sheet:
    floor = results.of("a")
    heads = (
        "way",
        "to carrier's INVITE, p50 / p99 ms",
        "to 200, p50 / p99 ms",
        "against (a), p50 / p99",
        "answer to sound, p50 ms",
        "Asterisk CPU ms",
        "own CPU ms",
        "failed",
    )
    rows = [_call_row(one, floor) for one in results.measured if results.of(one.contender.key)]
    return Sheet("One call at a time (medians of blocks)", heads, rows)


def _call_row(one: Measured, floor: Measured | None) -> tuple[str, ...]:
    def to_answer(block: Block) -> list[float]:
        return block.to_answer

    p50, p99 = one.over_blocks(to_answer, 50), one.over_blocks(to_answer, 99)
    ratios = _NONE
    if floor is not None:
        ratios = (
            f"{p50 / floor.over_blocks(to_answer, 50):.2f} / {p99 / floor.over_blocks(to_answer, 99):.2f}"
        )
    return (
        f"({one.contender.key}) {one.contender.title}",
        _pair(
            one.over_blocks(lambda block: block.to_carrier, 50),
            one.over_blocks(lambda block: block.to_carrier, 99),
        ),
        _pair(p50, p99),
        ratios,
        f"{one.over_blocks(lambda block: block.to_sound, 50) * 1000:.1f}",
        f"{one.asterisk_cpu_per_call * 1000:.1f}",
        f"{one.own_cpu_per_call * 1000:.1f}",
        str(one.failed),
    )


def _clicks(results: Results) -> Sheet:
    rows = []
    for one in results.clicked:
        times = [block.to_phone for block in one.blocks if block.to_phone]
        if times:
            p50, p99 = median_of_blocks(times, 50), median_of_blocks(times, 99)
            rows.append((f"({one.contender.key}) {one.contender.title}", _pair(p50, p99)))
    return Sheet("Click to the manager's phone ringing", ("way", "p50 / p99 ms"), rows)


def _ladder(results: Results) -> Sheet:
    floor = results.climb_of("a")
    rows = [
        (
            f"({climb.contender.key}) {climb.contender.title}",
            str(climb.sustained) if climb.is_over else f"at least {climb.sustained}",
            _against(climb, floor),
            _rung(climb.broken),
            _rung(climb.long[-1] if climb.long else None),
        )
        for climb in results.climbs
    ]
    heads = ("way", "calls/s", "against (a)", "first rung that did not hold", f"held {_long(results)}")
    return Sheet("Calls a second without a failure, 99 of 100 answered within 250 ms", heads, rows)


def _against(climb: Climb, floor: Climb | None) -> str:
    if floor is None or not (floor.is_over and climb.is_over and floor.sustained):
        return _NONE
    return f"{climb.sustained / floor.sustained:.2f}"


def _rung(rung: Rung | None) -> str:
    return _NONE if rung is None else f"{rung.rate}/s: {rung.failed} failed, p99 {rung.p99 * 1000:.0f} ms"


def _long(results: Results) -> str:
    """For how long a rate was held in the end."""
    return next((f"for {rung.seconds:g} s" for climb in results.climbs for rung in climb.long), "for longer")


def _crowd(results: Results) -> Sheet:
    rows = [
        (
            f"({crowd.contender.key}) {crowd.contender.title}",
            str(crowd.live),
            _pair(crowd.p50, crowd.p99),
            f"{crowd.asterisk_memory / 1024:.0f}",
            f"{crowd.own_memory / 1024:.0f}",
            f"{crowd.asterisk_cpu * 1000:.1f}",
            f"{crowd.own_cpu * 1000:.1f}",
            _NONE if crowd.lag_p99 is None else f"{crowd.lag_p99 * 1000:g}",
        )
        for crowd in results.crowds
    ]
    heads = (
        "way",
        "live calls",
        "INVITE to 200, p50 / p99 ms",
        "Asterisk KiB a live call",
        "daemon KiB a live call",
        "Asterisk CPU ms of one more",
        "daemon CPU ms",
        "loop late, p99 ms",
    )
    return Sheet("With other calls live", heads, rows)


def _talks(results: Results) -> Sheet:
    rows = [
        (
            f"({talk.contender.key}) {talk.contender.title}",
            str(talk.live),
            f"{talk.pace:.1f}",
            f"{talk.lost * 100:.2f}",
            f"{talk.heard.transit[0]:.1f} / {talk.heard.transit[1]:.1f}",
            f"{talk.heard.longest_wait:.0f}",
            f"{talk.asterisk_cpu * 100:.0f}",
            f"{talk.own_cpu * 100:.1f}",
            _pair(talk.p50, talk.p99),
        )
        for talk in results.talks
    ]
    heads = (
        "way",
        "conversations",
        "packets/s at each end",
        "lost, %",
        "through Asterisk, p50 / p99 ms",
        "longest gap, ms",
        "Asterisk, % of a core",
        "daemon, % of a core",
        "INVITE to 200, p50 / p99 ms",
    )
    return Sheet("With sound both ways in every live call", heads, rows)


def _growth(results: Results) -> Sheet:
    rows = [
        (
            f"{step.orders:,}",
            f"{step.customers:,}",
            f"{step.rows_a_second:,.0f}",
            f"{step.import_memory / 2**20:.0f}",
            f"{step.database / 2**20:.1f}",
            _pair(step.lookup_p50, step.lookup_p99, digits=2),
            f"{step.start_to_ready:.2f}",
        )
        for step in results.growth
    ]
    heads = (
        "orders",
        "customers",
        "import rows/s",
        "import MiB",
        "database MiB",
        "look-up p50 / p99 ms",
        "start to ready s",
    )
    return Sheet("With many orders", heads, rows)


def _targets(results: Results, part: str) -> Sheet:
    rows = [
        (
            target.name,
            f"{target.value:,.2f} {target.unit}",
            f"{'at least' if target.at_least else 'at most'} {target.limit:,g} {target.unit}",
            target.verdict,
        )
        for target in judge(results, part)
        if target.value is not None
    ]
    return Sheet("Targets", ("what", "measured", "target", "verdict"), rows)


_SHEETS: Final[Mapping[str, Sequence[Callable[[Results], Sheet]]]] = {
    "calls": (_calls,),
    "clicks": (_clicks,),
    "ladder": (_ladder,),
    "crowd": (_crowd,),
    "talk": (_talks,),
    "orders": (_growth,),
}

PARTS: Final = tuple(_SHEETS)
"""Of the bench: what can be measured by itself."""


def _pair(p50: float, p99: float, digits: int = 1) -> str:
    return f"{p50 * 1000:.{digits}f} / {p99 * 1000:.{digits}f}"


def with_part(page: str, name: str, lines: Iterable[str]) -> str:
    """The page with what stands between `<!-- NAME -->` and `<!-- /NAME -->` replaced. Raises ValueError."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no part between {begin} and {end}")
    return "\n".join((before + begin, "", *lines, "", end + after))
