"""A call lasts as long as the rules have let it, and never longer than any call may."""

from __future__ import annotations

import pytest

from bridge.calls.commands import LimitLegs, StartTimer
from bridge.calls.events import (
    CallAdmitted,
    CallRecorded,
    CallRequested,
    Event,
    LegAnswered,
    LegEntered,
    LegJoined,
)
from bridge.calls.machine import step
from bridge.calls.model import Call, Kind, Leg, Timer, Timings

MANAGER, CUSTOMER = Leg.MANAGER, Leg.CUSTOMER
CUSTOMER_TALKS: list[Event] = [
    LegEntered(CUSTOMER),
    LegAnswered(CUSTOMER),
    LegJoined(CUSTOMER),
    LegJoined(MANAGER),
]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("allowed", "cap"), [(12, 12), (None, 600), (9000, 600)])
def test_both_legs_and_the_timer_have_the_smaller_cap(kind: Kind, allowed: float | None, cap: float) -> None:
    call, asked = Call(kind, Timings(talk=600)), []
    manager_picks_up = [] if kind is Kind.DIAL_ORDER else [LegEntered(MANAGER), LegAnswered(MANAGER)]
    for event in [CallRequested(), CallAdmitted(allowed), CallRecorded(), *manager_picks_up, *CUSTOMER_TALKS]:
        moved = step(call, event)
        call = moved.call
        asked += moved.commands
    assert LimitLegs(cap) in asked
    assert StartTimer(Timer.TALK, cap) in asked
