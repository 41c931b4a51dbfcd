"""Plots as SVG for the page itself: coordinates are here, colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
_LEFT: Final = 36
_BOTTOM: Final = 24
_TOP: Final = 8
_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's bar. `series` is its class, `day` counts from 0."""

    series: str
    day: int
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the scale, and what it stands for."""

    value: int
    y: float


@dataclass(frozen=True, slots=True)
class DayLabel:
    day: str
    x: float


@dataclass(frozen=True, slots=True)
class Plot:
    bars: Sequence[Bar]
    lines: Sequence[Line]
    labels: Sequence[DayLabel]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT


def stacked_bars(days: Sequence[str], series: Mapping[str, Sequence[int]]) -> Plot:
    """A bar for each day (dates, YYYY-MM-DD), of one part for each series, the first at the bottom."""
    highest = max((sum(values) for values in zip(*series.values(), strict=True)), default=0)
    lines = scale(highest)
    room = HEIGHT - _TOP - _BOTTOM
    per_unit = room / lines[-1]
    step = (WIDTH - _LEFT) / max(len(days), 1)
    width = min(step * 0.7, 40)
    bars: list[Bar] = []
    for day in range(len(days)):
        base = float(HEIGHT - _BOTTOM)
        for name, values in series.items():
            height = values[day] * per_unit
            base -= height
            if values[day]:
                x = _LEFT + day * step + (step - width) / 2
                bars.append(
                    Bar(
                        name, day, values[day], round(x, 1), round(base, 1), round(width, 1), round(height, 1)
                    )
                )
    every = max(1, -(-len(days) // 10))
    return Plot(
        bars=bars,
        lines=[Line(value, round(HEIGHT - _BOTTOM - value * per_unit, 1)) for value in lines],
        labels=[
            DayLabel(day, round(_LEFT + (index + 0.5) * step, 1))
            for index, day in enumerate(days)
            if index % every == 0
        ],
    )


def scale(highest: int) -> list[int]:
    """Round values for the lines of a scale, from 0 to at least `highest`, three to six of them."""
    unit = 1
    while True:
        for step in _STEPS:
            if highest <= step * unit * 5:
                count = max(2, -(-highest // (step * unit)))
                return [step * unit * line for line in range(count + 1)]
        unit *= 10
