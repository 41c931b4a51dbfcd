"""Metrics: there from the start, of bounded labels whatever happens, and counting what they say."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from obliging_shop import open_shop
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from bridge.asterisk.happenings import StrayEntered, StrayReason
from bridge.calls.capture import Outcome
from bridge.calls.model import Kind, Result, State
from bridge.rules import Reason, TollLimit
from bridge.rules.callbacks import NotRung
from bridge.store.database import Database
from bridge.switchboard import metrics, setup_clock
from bridge.switchboard.metrics import (
    AgiCommand,
    AgiOutcome,
    HookAnswer,
    ProgramAnswer,
    PullAnswer,
    SetupStep,
    ShopOutcome,
    TextAnswer,
    TextOutcome,
)
from bridge.switchboard.setup_clock import SetupClock

BOUNDS: Final[dict[str, set[str]]] = {
    "result": set(Result) - {Result.REFUSED},
    "reason": {*Reason, metrics.DATABASE, *StrayReason, *NotRung},
    "outcome": {*Outcome, *AgiOutcome, *ShopOutcome, *TextOutcome},
    "limit": set(TollLimit),
    "step": set(SetupStep),
    "answer": {*ProgramAnswer, *HookAnswer, *PullAnswer, *TextAnswer},
    "command": set(AgiCommand),
}
"""Every label that a metric of ours may have, with every value of it."""

OF_A_HISTOGRAM: Final = {"le"}


def label_sets() -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """Every series of ours in the registry, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items()))
        for family in REGISTRY.collect()
        if family.name.startswith("callbridge_")
        for sample in family.samples
    }


async def make_many_different_calls(folder: Path) -> None:
    async with open_shop(folder) as shop:
        await shop.call()
        for code in range(2000, 2040):
            shop.board.hear(StrayEntered(f"1733.{code}", StrayReason.UNEXPECTED_ARGUMENTS))
            await shop.board.click(str(code), "101")
            await shop.board.click("1042", str(code))
        await shop.over()


async def test_no_call_makes_a_series_that_was_not_there_from_the_start(tmp_path: Path) -> None:
    before = label_sets()
    await make_many_different_calls(tmp_path)
    assert label_sets() == before


async def test_each_label_is_bounded_by_an_enumeration(tmp_path: Path) -> None:
    await make_many_different_calls(tmp_path)
    for name, labels in label_sets():
        for label, value in labels:
            assert label in OF_A_HISTOGRAM or value in BOUNDS[label], f"{name}: {label}={value}"


def test_every_metric_of_ours_is_in_the_one_module_of_metrics() -> None:
    known = {value._name for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)}
    assert {family.name for family in REGISTRY.collect() if family.name.startswith("callbridge_")} == known


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_each_step_of_a_calls_set_up_is_timed_once(tmp_path: Path) -> None:
    before = {step: count("callbridge_setup_seconds_count", step=step) for step in SetupStep}
    async with open_shop(tmp_path) as shop:
        await shop.call()
    after = {step: count("callbridge_setup_seconds_count", step=step) for step in SetupStep}
    assert {step: after[step] - before[step] for step in SetupStep} == dict.fromkeys(SetupStep, 1.0)


def test_what_a_person_takes_their_time_over_is_no_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    began, before = monotonic(), count("callbridge_setup_seconds_sum", step="join")
    times = iter([began, began + 30, began + 30.25])
    monkeypatch.setattr(setup_clock, "monotonic", lambda: next(times))
    clock = SetupClock()
    clock.moved(State.RINGING, State.CONNECTING)
    clock.moved(State.CONNECTING, State.TALKING)
    assert count("callbridge_setup_seconds_sum", step="join") - before == pytest.approx(0.25)


async def test_a_lock_out_is_counted_when_it_begins(tmp_path: Path) -> None:
    before = count("callbridge_lock_outs_total")
    async with open_shop(tmp_path) as shop:
        for _ in range(8):
            await shop.board.click("9999", "101")
    assert count("callbridge_lock_outs_total") == before + 1


async def test_writes_are_timed_and_a_failed_one_is_not_taken_for_a_commit(tmp_path: Path) -> None:
    took: list[float] = []
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        database.time_commits(took.append)
        async with database.write():
            pass
        await database.write_in_one_trip(lambda _: None)
        assert len(took) == 2
        with pytest.raises(ZeroDivisionError):
            await database.write_in_one_trip(lambda _: 1 / 0)
        assert len(took) == 2
    assert all(0 <= seconds < 5 for seconds in took)


def test_both_kinds_of_calls_are_decided_in_the_same_step() -> None:
    """A click's decision ends where the manager's phone is asked for, a dialled order's at the customer's."""
    onward = {Kind.DIAL_ORDER: State.CREATING_CUSTOMER, Kind.CLICK_TO_CALL: State.CREATING_MANAGER}
    before = count("callbridge_setup_seconds_count", step="decide")
    for state in onward.values():
        SetupClock().moved(State.CHECKING, state)
    assert count("callbridge_setup_seconds_count", step="decide") == before + len(onward)
