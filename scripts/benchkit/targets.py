"""What the project has set itself, and whether this run has reached it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchkit.blocks import Measured
from benchkit.ladder import Climb
from benchkit.results import Results

_SET_UP = {"G": (1.7, 2.2), "g": (1.9, 2.4), "h": (1.35, None)}
"""By contender: INVITE to 200 against (a), p50 and p99."""

_OTHERS = "bcdf"
_FEW, _MANY, _FLAT = 10, 500, 1.25
"""Live calls beside which a call has to be as fast, but for so much: what the machine's noise makes of it."""

_IMPORTED = 1_000_000
"""Orders, of the import that has to be fast."""


@dataclass(frozen=True)
class Target:
    """`value` may be at most `limit`, or at least it where `at_least` says so. None: it was not measured."""

    name: str
    value: float | None
    limit: float
    unit: str
    at_least: bool = False

    @property
    def reached(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def verdict(self) -> str:
        return {True: "reached", False: "missed", None: "not measured"}[self.reached]


def judge(results: Results, part: str) -> list[Target]:
    """The targets of one part of the bench."""
    return [target for targets in _TARGETS.get(part, ()) for target in targets(results)]


def _set_up(results: Results) -> Iterator[Target]:
    floor = results.of("a")
    for key, limits in _SET_UP.items():
        one = results.of(key)
        for percent, limit in zip((50, 99), limits, strict=True):
            if limit is not None:
                value = _ratio(_to_answer(one, percent), _to_answer(floor, percent))
                yield Target(f"({key}) INVITE to 200, p{percent}, against (a)", value, limit, "x")


def _rates(results: Results) -> Iterator[Target]:
    floor = results.climb_of("a")
    for key in "gG":
        one = results.climb_of(key)
        value = _ratio(_sustained(one), _sustained(floor))
        yield Target(f"({key}) calls/s, against (a)", value, 0.7, "x", at_least=True)
        value = _ratio(_lasting(one), _lasting(floor))
        yield Target(f"({key}) calls/s held for long, against (a)", value, 0.7, "x", at_least=True)


def _cpu(results: Results) -> Iterator[Target]:
    floor = results.of("a")
    for key in "gG":
        one = results.of(key)
        asterisk = one.asterisk_cpu_per_call if one else None
        value = _ratio(asterisk, floor.asterisk_cpu_per_call if floor else None)
        yield Target(f"({key}) Asterisk's CPU a call, against (a)", value, 1.5, "x")
        own = _ratio(one.own_cpu_per_call if one else None, asterisk)
        yield Target(f"({key}) the daemon's CPU a call, against Asterisk's", own, 0.4, "x")


def _crowded(results: Results) -> Iterator[Target]:
    p50 = {(crowd.contender.key, crowd.live): crowd.p50 for crowd in results.crowds}
    for key in "gG":
        value = _ratio(p50.get((key, _MANY)), p50.get((key, _FEW)))
        name = f"({key}) INVITE to 200, p50, with {_MANY} live calls, against {_FEW}"
        yield Target(name, value, _FLAT, "x")


def _set_up_against_the_others(results: Results) -> Iterator[Target]:
    for key in "gG":
        for other in _OTHERS:
            value = _ratio(_to_answer(results.of(key), 50), _to_answer(results.of(other), 50))
            yield Target(f"({key}) INVITE to 200, p50, against ({other})", value, 1.0, "x")


def _rates_against_the_others(results: Results) -> Iterator[Target]:
    for key in "gG":
        for other in _OTHERS:
            ours, theirs = results.climb_of(key), results.climb_of(other)
            value = _ratio(_sustained(ours), _sustained(theirs))
            yield Target(f"({key}) calls/s, against ({other})", value, 1.0, "x", at_least=True)


def _growth(results: Results) -> Iterator[Target]:
    last = results.growth[-1] if results.growth else None
    many = f"{last.orders:,}" if last else "many"
    yield Target(f"start to ready with {many} orders", last.start_to_ready if last else None, 1.0, "s")
    lookup = last.lookup_p99 * 1000 if last else None
    yield Target(f"look-up with decryption among {many} orders, p99", lookup, 1.0, "ms")
    imported = next((step for step in results.growth if step.orders == _IMPORTED), last)
    rows = imported.rows_a_second if imported else None
    name = f"import up to {imported.orders if imported else _IMPORTED:,} orders"
    yield Target(name, rows, 20_000, "rows/s", at_least=True)
    memory = _ratio(last.import_memory, results.growth[0].import_memory) if last else None
    yield Target(f"the import's memory with {many} orders, against the first step", memory, 1.25, "x")


_TARGETS: Final[Mapping[str, Sequence[Callable[[Results], Iterator[Target]]]]] = {
    "calls": (_set_up, _cpu, _set_up_against_the_others),
    "ladder": (_rates, _rates_against_the_others),
    "crowd": (_crowded,),
    "orders": (_growth,),
}


def _to_answer(one: Measured | None, percent: float) -> float | None:
    return None if one is None else one.over_blocks(lambda block: block.to_answer, percent)


def _sustained(climb: Climb | None) -> int | None:
    """None where it is not known, as the climb was broken off."""
    return climb.sustained if climb is not None and climb.is_over else None


def _lasting(climb: Climb | None) -> float | None:
    """The rate that lasted, 0 where none did; None where that was not tried."""
    if climb is None or not climb.long:
        return None
    return 0 if climb.lasting is None else climb.lasting.rate


def _ratio(value: float | None, floor: float | None) -> float | None:
    return value / floor if value is not None and floor else None
