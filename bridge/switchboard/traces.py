"""The trace of a call, as plain values: its steps, when each began and ended, and what the call came to.

Nothing of OpenTelemetry's is imported here, and nothing is sent before the call is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from bridge.calls.model import Result, State

_STEPS: Final = {
    State.CHECKING: "decide",
    State.REFUSING: "wait to refuse",
    State.ABANDONED: "decide",
    State.CREATING_MANAGER: "create manager",
    State.RINGING_MANAGER: "ring manager",
    State.CHANGING_MANAGER: "change manager",
    State.HOLDING: "hold",
    State.ASKING_CODE: "ask for code",
    State.CREATING_CUSTOMER: "create customer",
    State.DIALLING: "dial",
    State.RINGING: "ring customer",
    State.CONNECTING: "join",
    State.CHANGING_CONTACT: "find next number",
    State.SAYING_NEXT: "say next number",
    State.TALKING: "talk",
    State.TELLING: "tell manager",
    State.CLOSING: "hang up",
}
"""What a call does in each state: a span begins and ends as the call moves."""

_RECORD: Final = "record"
_MOST_SPANS: Final = 60
"""Beyond any call that is well; captures make no spans, and numbers and managers are few."""


@dataclass(frozen=True, slots=True)
class Span:
    """Times are nanoseconds since the epoch."""

    name: str
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Trace:
    """`reason` is why a call was refused, as its metric has it. No field has a text of anybody's."""

    call: str
    kind: str
    result: str | None
    reason: str | None
    whole: Span
    steps: tuple[Span, ...]


Tracer = Callable[[Trace], None]
"""Takes the trace of a call that is over. Returns at once."""


class Tracing:
    """Of one call. Times go by a clock that nobody sets, from the wall's at the beginning."""

    def __init__(self) -> None:
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._began_ns = self._since_ns = self._now_ns()
        self._steps: list[Span] = []

    def moved(self, before: State) -> None:
        """The call has left a state; what it does in NEW is nothing."""
        now_ns = self._now_ns()
        if (name := _STEPS.get(before)) is not None:
            self._add(Span(name, self._since_ns, now_ns))
        self._since_ns = now_ns

    @contextmanager
    def recording(self) -> Iterator[None]:
        """The call goes on record, beside the step that it is in."""
        began_ns = self._now_ns()
        try:
            yield
        finally:
            self._add(Span(_RECORD, began_ns, self._now_ns()))

    def over(self, call: str, kind: str, result: Result | None, reason: str | None) -> Trace:
        whole = Span("call", self._began_ns, self._now_ns())
        return Trace(call, kind, result.value if result else None, reason, whole, tuple(self._steps))

    def _add(self, span: Span) -> None:
        if len(self._steps) < _MOST_SPANS:
            self._steps.append(span)

    def _now_ns(self) -> int:
        return self._epoch_ns + time.monotonic_ns()
