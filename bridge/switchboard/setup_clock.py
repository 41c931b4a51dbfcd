"""How long the steps of a call's set-up take, for the metrics."""

from __future__ import annotations

from time import monotonic
from typing import Final

from bridge.calls.model import State
from bridge.switchboard import metrics
from bridge.switchboard.metrics import SetupStep

_STEPS: Final = {
    (State.CHECKING, State.CREATING_MANAGER): SetupStep.DECIDE,
    (State.CHECKING, State.CREATING_CUSTOMER): SetupStep.DECIDE,
    (State.CREATING_CUSTOMER, State.DIALLING): SetupStep.CREATE,
    (State.DIALLING, State.RINGING): SetupStep.RING,
    (State.CONNECTING, State.TALKING): SetupStep.JOIN,
}
"""A step is over when the call goes on. What ends otherwise took as long as a person, or a timer, let it."""

_TAKEN: Final = {moves: metrics.setup.labels(step) for moves, step in _STEPS.items()}


class SetupClock:
    """The clock of one call, which looks at it when its state changes."""

    def __init__(self) -> None:
        self._since = monotonic()

    def moved(self, before: State, after: State) -> None:
        now = monotonic()
        if (taken := _TAKEN.get((before, after))) is not None:
            taken.observe(now - self._since)
        self._since = now
