"""Bars as SVG, without a library: a bar for the median, a thin one for the 99th percentile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchkit.results import Results

_WIDTH, _LEFT, _ROW, _TOP = 860, 340, 34, 46
_STYLE = (
    "text{font:13px sans-serif;fill:#222}.t{font-weight:bold}.a{fill:#2b6cb0}.b{fill:#a0c4e8}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)


@dataclass(frozen=True)
class Bar:
    """`value` is drawn thick, `worst`, where there is one, thin below it."""

    label: str
    value: float
    worst: float | None
    text: str


def draw(title: str, bars: Sequence[Bar]) -> str:
    """An SVG picture of horizontal bars on one scale that begins at 0."""
    longest = max((max(bar.value, bar.worst or 0) for bar in bars), default=0) or 1
    scale = (_WIDTH - _LEFT - 150) / longest
    height = _TOP + _ROW * len(bars) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="t" x="10" y="24">{escape(title)}</text>',
    ]
    for index, bar in enumerate(bars):
        parts += _bar(bar, _TOP + index * _ROW, scale)
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    end = _LEFT + max(bar.value, bar.worst or 0) * scale
    parts = [
        f'<text x="{_LEFT - 10}" y="{top + 17}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="a" x="{_LEFT}" y="{top + 4}" width="{bar.value * scale:.1f}" height="12"/>',
        f'<text x="{end + 8:.1f}" y="{top + 17}">{escape(bar.text)}</text>',
    ]
    if bar.worst is not None:
        parts.append(
            f'<rect class="b" x="{_LEFT}" y="{top + 18}" width="{bar.worst * scale:.1f}" height="5"/>'
        )
    return parts


def pictures(results: Results, part: str) -> dict[str, str]:
    """SVG by file name, of what was measured in one part of the bench."""
    match part:
        case "calls":
            bars, name = _set_up(results), "set-up.svg"
            title = "INVITE to 200, ms: median, and 99th percentile (thin)"
        case "ladder":
            bars, name = _rates(results), "rates.svg"
            title = "Calls a second without a failure"
        case "crowd":
            bars, name = _live(results), "live-calls.svg"
            title = "INVITE to 200 with other calls live, ms: median, and 99th percentile"
        case "orders":
            bars, name = _lookups(results), "look-ups.svg"
            title = "Look-up with decryption, ms: median, and 99th percentile"
        case _:
            return {}
    return {name: draw(title, bars)} if bars else {}


def _set_up(results: Results) -> list[Bar]:
    return [
        _times(
            f"({one.contender.key}) {one.contender.title}",
            one.over_blocks(lambda block: block.to_answer, 50),
            one.over_blocks(lambda block: block.to_answer, 99),
        )
        for one in results.measured
        if results.of(one.contender.key) is not None
    ]


def _rates(results: Results) -> list[Bar]:
    return [
        Bar(f"({one.contender.key}) {one.contender.title}", one.sustained, None, f"{one.sustained}/s")
        for one in results.climbs
    ]


def _live(results: Results) -> list[Bar]:
    return [
        _times(f"({one.contender.key}) {one.contender.title}, {one.live:,} live", one.p50, one.p99)
        for one in results.crowds
    ]


def _lookups(results: Results) -> list[Bar]:
    return [
        _times(f"{step.orders:,} orders", step.lookup_p50, step.lookup_p99, digits=2)
        for step in results.growth
    ]


def _times(label: str, p50: float, p99: float, digits: int = 1) -> Bar:
    """Seconds, drawn as milliseconds."""
    p50_ms, p99_ms = p50 * 1000, p99 * 1000
    return Bar(label, p50_ms, p99_ms, f"{p50_ms:.{digits}f} / {p99_ms:.{digits}f}")
