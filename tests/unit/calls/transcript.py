"""A call as a transcript: `>>` what it hears, `<<` what it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import ndiff
from textwrap import dedent

from bridge.calls.commands import Command, StartTimer, StopTimer
from bridge.calls.events import Event
from bridge.calls.machine import step
from bridge.calls.model import Call, State, Timer


@dataclass
class Transcript:
    """A call, what it has asked for since it was last checked (timers aside), and all that has passed."""

    call: Call
    asked: list[Command] = field(default_factory=list)
    timers: set[Timer] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)

    def hears(self, *events: Event) -> Transcript:
        for event in events:
            moved = step(self.call, event)
            self.call = moved.call
            self.lines.append(f">> {short(event)}")
            for command in moved.commands:
                self.lines.append(f"<< {short(command)}")
                match command:
                    case StartTimer(timer):
                        self.timers.add(timer)
                    case StopTimer(timer):
                        self.timers.discard(timer)
                    case _:
                        self.asked.append(command)
        return self

    def asks(self, *commands: Command) -> Transcript:
        if self.asked != list(commands):
            difference = ndiff([short(command) for command in commands], [short(each) for each in self.asked])
            raise AssertionError("\n".join([*self.lines, "wanted (-), asked for (+):", *difference]))
        self.asked = []
        return self

    def reads(self, text: str) -> Transcript:
        """All that has passed, timers and all."""
        wanted = dedent(text).strip().splitlines()
        assert self.lines == wanted, "\n".join(ndiff(wanted, self.lines))
        return self

    def is_in(self, state: State) -> Transcript:
        assert self.call.state is state, "\n".join(self.lines)
        return self

    def forgets(self) -> Transcript:
        """What was asked so far is another test's concern."""
        self.asked = []
        return self


def short(happened: Event | Command) -> str:
    """Like LegEnded(customer, 16)."""
    values = [getattr(happened, name) for name in happened.__dataclass_fields__]
    return f"{type(happened).__name__}({', '.join(str(value) for value in values if value is not None)})"
