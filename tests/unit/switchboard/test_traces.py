"""The trace of a call: its steps, what it came to, and nothing of anybody's."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from obliging_shop import open_shop

from bridge.rules import Reason
from bridge.switchboard.traces import Trace


async def test_a_call_has_one_trace_whose_steps_lie_within_it(tmp_path: Path) -> None:
    traces = list[Trace]()
    async with open_shop(tmp_path) as shop:
        shop.parts.tracer = traces.append
        await shop.call()
    (trace,) = traces
    assert (trace.kind, trace.result, trace.reason) == ("dial-order", "talked", None)
    steps = [step.name for step in trace.steps]
    assert [step for step in steps if step != "record"] == [
        "decide",
        "create customer",
        "dial",
        "ring customer",
        "join",
        "talk",
        "hang up",
    ]
    assert "record" in steps
    for step in trace.steps:
        assert trace.whole.began_ns <= step.began_ns <= step.ended_ns <= trace.whole.ended_ns


async def test_a_refusal_has_a_trace_with_the_reason_that_the_manager_may_know(tmp_path: Path) -> None:
    traces = list[Trace]()
    async with open_shop(tmp_path) as shop:
        shop.parts.tracer = traces.append
        await shop.board.click("9999", "101")
        await shop.over()
    (trace,) = traces
    assert (trace.kind, trace.result, trace.reason) == ("click-to-call", "refused", Reason.NOT_YOURS.value)


async def test_without_a_tracer_and_in_a_proof_there_is_no_trace(tmp_path: Path) -> None:
    traces = list[Trace]()
    async with open_shop(tmp_path) as shop:
        await shop.call()
        shop.parts.tracer, shop.parts.counted = traces.append, False
        await shop.call()
    assert traces == []


def test_a_trace_has_no_field_for_anything_else() -> None:
    """What is added here goes to somebody else's machine."""
    assert [each.name for each in fields(Trace)] == ["call", "kind", "result", "reason", "whole", "steps"]
