"""Whether a soak came out flat: its second tenth beside its last, for the first is warming up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import linear_regression, median
from typing import Any

from labkit.machine import Machine
from labkit.soak.samples import Sample

_MEGABYTE = 1_000_000
_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Measure:
    """What is watched, in `unit`s of `scale`.

    It may grow by `allowed` units or by that share of itself, whichever is more, and by `allowed_a_call`.
    """

    name: str
    title: str
    unit: str
    allowed: float
    allowed_share: float = 0.0
    allowed_a_call: float = 0.0
    scale: float = 1.0


MEASURES = (
    # The toll book keeps a day's calls, in some 400 bytes each, and SQLite's page caches fill for a while.
    Measure("daemon_memory", "the daemon's memory", "MB", 3, 0.05, 0.0005, _MEGABYTE),
    Measure("daemon_files", "the daemon's open files", "files", 8),  # connections are pooled when needed
    Measure("daemon_tasks", "the daemon's tasks", "tasks", 10),
    Measure("answer_ms", "the daemon's answer to a request", "ms", 5, 0.5),
    Measure("backlog", "entries not on disk", "entries", 5),
)
COMPARED = (
    Measure("asterisk_memory", "Asterisk's memory, to compare", "MB", 0, scale=_MEGABYTE),
    Measure("asterisk_files", "Asterisk's open files, to compare", "files", 0),
)


@dataclass(frozen=True)
class Trend:
    """The medians of a measure's second and last tenth, its greatest value, and its slope from the second
    tenth on, by least squares. `calls` are those between the middles of the two tenths.
    """

    measure: Measure
    second_tenth: float
    last_tenth: float
    greatest: float
    slope_an_hour: float
    calls: float

    @property
    def flat(self) -> bool:
        measure = self.measure
        allowed = max(measure.allowed, measure.allowed_share * self.second_tenth)
        return self.last_tenth - self.second_tenth <= allowed + measure.allowed_a_call * self.calls

    @classmethod
    def of(cls, measure: Measure, samples: Sequence[Sample], calls_a_second: float) -> Trend:
        """`samples` are 20 or more, or there are no tenths to speak of."""
        tenth = len(samples) // 10
        times = [sample.at for sample in samples]
        values = [getattr(sample, measure.name) / measure.scale for sample in samples]
        slope = linear_regression(times[tenth:], values[tenth:]).slope
        return cls(
            measure,
            second_tenth=median(values[tenth : 2 * tenth]),
            last_tenth=median(values[-tenth:]),
            greatest=max(values),
            slope_an_hour=slope * _SECONDS_AN_HOUR,
            calls=calls_a_second * (median(times[-tenth:]) - median(times[tenth : 2 * tenth])),
        )


@dataclass(frozen=True)
class Soak:
    """A whole run. `failed` is SIPp's count; `results` are the calls on record, by result."""

    calls: int
    calls_a_second: float
    failed: int
    results: dict[str, int]
    samples: Sequence[Sample]
    machine: Machine

    @property
    def trends(self) -> list[Trend]:
        return [Trend.of(measure, self.samples, self.calls_a_second) for measure in MEASURES]

    @property
    def comparison(self) -> list[Trend]:
        return [Trend.of(measure, self.samples, self.calls_a_second) for measure in COMPARED]

    @property
    def all_recorded(self) -> bool:
        return self.results == {"talked": self.calls}

    @property
    def good(self) -> bool:
        return self.failed == 0 and self.all_recorded and all(trend.flat for trend in self.trends)

    def _cores(self) -> str:
        daemon = median(sample.daemon_cores for sample in self.samples)
        asterisk = median(sample.asterisk_cores for sample in self.samples)
        return f"Cores used, at the median: daemon {daemon:.2f}, Asterisk {asterisk:.2f}."

    @property
    def database_bytes_a_call(self) -> float:
        """Expected: every call stays on record, with its line in the audit."""
        return (self.samples[-1].database - self.samples[0].database) / self.calls

    def to_json(self) -> dict[str, Any]:
        return {
            "good": self.good,
            "text": self.lines(),
            "database_bytes_a_call": self.database_bytes_a_call,
            "trends": [{**asdict(trend), "flat": trend.flat} for trend in self.trends],
            "comparison": [asdict(trend) for trend in self.comparison],
            **asdict(self),
        }

    def lines(self) -> list[str]:
        """For people."""
        recorded = self.results.get("talked", 0)
        minutes = self.calls / self.calls_a_second / 60
        return [
            f"{minutes:g} minutes of {self.calls_a_second:g} calls a second. {self.machine}",
            self._cores(),
            "",
            f"{'kept  ' if self.failed == 0 else 'BROKEN'}  calls failed: {self.failed} of {self.calls}",
            f"{'kept  ' if self.all_recorded else 'BROKEN'}  on record as talked: {recorded} of {self.calls}",
            *(f"{'flat  ' if trend.flat else 'GROWS '}  {_told(trend)}" for trend in self.trends),
            *(f"        {_told(trend)}" for trend in self.comparison),
            f"        the database grew by {self.database_bytes_a_call:.0f} bytes a call, as it should",
        ]


def _told(trend: Trend) -> str:
    unit = trend.measure.unit
    return (
        f"{trend.measure.title}: {trend.second_tenth:.1f} {unit} in the second tenth, "
        f"{trend.last_tenth:.1f} in the last, at most {trend.greatest:.1f}; {trend.slope_an_hour:+.1f}/h"
    )
