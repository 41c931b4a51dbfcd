"""A soak tells a leak from noise, and draws what it saw."""

from __future__ import annotations

import random
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from labkit.machine import Machine
from labkit.soak import plot
from labkit.soak.samples import Sample
from labkit.soak.verdict import COMPARED, MEASURES, Soak, Trend

MACHINE = Machine(2, 1.5, "22.10.1", "3.11.7", "2026-01-31")
SAMPLES = 600
CALLS = 24_000
QUIET = Sample(
    at=0.0,
    daemon_memory=90_000_000,
    daemon_files=30,
    daemon_tasks=40,
    daemon_cores=0.2,
    answer_ms=4.0,
    backlog=0,
    live_calls=9,
    asterisk_memory=120_000_000,
    asterisk_files=100,
    asterisk_cores=0.3,
    database=1_000_000,
)


def soak(samples: list[Sample], *, failed: int = 0, talked: int = CALLS) -> Soak:
    return Soak(CALLS, 20.0, failed, {"talked": talked}, samples, MACHINE)


def noisy(*, leak: str = "", a_sample: float = 0.0) -> list[Sample]:
    """Samples of two seconds; memory and answers go up and down, and `leak` grows."""
    chance = random.Random(1)
    made = []
    for index in range(SAMPLES):
        sample = replace(
            QUIET,
            at=2.0 * index,
            daemon_memory=QUIET.daemon_memory + chance.randrange(2_000_000),
            answer_ms=QUIET.answer_ms * chance.uniform(0.5, 2),
            database=QUIET.database + 50_000 * index,
        )
        made.append(replace(sample, **{leak: getattr(sample, leak) + a_sample * index}) if leak else sample)
    return made


def test_what_goes_up_and_down_is_flat() -> None:
    assert soak(noisy()).good


@pytest.mark.parametrize(
    ("leak", "a_sample"),
    [
        ("daemon_memory", 60_000),  # 1.5 kilobytes a call, a third of which is expected
        ("daemon_files", 0.02),
        ("daemon_tasks", 0.05),
        ("answer_ms", 0.02),
        ("backlog", 0.05),
    ],
)
def test_what_grows_slowly_is_found(leak: str, a_sample: float) -> None:
    found = soak(noisy(leak=leak, a_sample=a_sample))
    assert not found.good
    assert [trend.measure.name for trend in found.trends if not trend.flat] == [leak]


def test_what_the_toll_book_keeps_of_a_day_is_no_leak() -> None:
    assert soak(noisy(leak="daemon_memory", a_sample=400 * 40)).good


def test_warming_up_in_the_first_tenth_is_no_growth() -> None:
    samples = noisy()
    cold = [replace(sample, daemon_memory=50_000_000) for sample in samples[: SAMPLES // 10]]
    assert soak(cold + samples[SAMPLES // 10 :]).good


def test_the_slope_is_told_for_an_hour() -> None:
    memory = next(measure for measure in MEASURES if measure.name == "daemon_memory")
    slope = Trend.of(memory, noisy(leak="daemon_memory", a_sample=20_000), 20.0).slope_an_hour
    assert slope == pytest.approx(0.02 * 1800, rel=0.1)


@pytest.mark.parametrize("amiss", [{"failed": 1}, {"talked": CALLS - 1}])
def test_one_call_that_failed_or_is_not_on_record_spoils_it(amiss: dict[str, int]) -> None:
    assert not soak(noisy(), **amiss).good


def test_the_database_is_told_by_the_call() -> None:
    assert soak(noisy()).database_bytes_a_call == pytest.approx(50_000 * (SAMPLES - 1) / CALLS)


def test_the_picture_has_a_line_for_each_measure() -> None:
    root = ElementTree.fromstring(plot.svg(noisy()))
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == len(MEASURES) + len(COMPARED) + 1
    assert all(len(line.attrib["points"].split()) == SAMPLES for line in lines)
