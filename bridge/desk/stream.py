"""Server-sent events (HTML Living Standard, 9.2): read from the daemon, written to browsers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LONGEST_EVENT: Final = 65_536
"""Bytes. Ours are below 1 KiB; what is longer is no daemon of ours."""

HEARTBEAT: Final = ": \n\n"
"""A comment, which keeps proxies from taking a silent stream for a dead one."""


class StreamUnreadable(Exception):
    """What arrives is no stream of events."""


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    data: str = ""

    def __str__(self) -> str:
        """As it is sent. Browsers pass no event on that has no data line, so there always is one."""
        lines = "".join(f"data: {line}\n" for line in self.data.split("\n"))
        return f"event: {self.name}\n{lines}\n"


class EventParser:
    """Bytes in, whole events out. Fields but `event` and `data` are passed over, as are comments."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that are whole now. Raises StreamUnreadable."""
        self._waiting += received.replace(b"\r", b"")
        while b"\n\n" in self._waiting:
            block, _, self._waiting = self._waiting.partition(b"\n\n")
            yield from _read(block)
        if len(self._waiting) > _LONGEST_EVENT:
            raise StreamUnreadable


def _read(block: bytes) -> Iterator[Event]:
    name, data = "", []
    try:
        lines = block.decode().split("\n")
    except UnicodeDecodeError:
        raise StreamUnreadable from None
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
    if name:
        yield Event(name, "\n".join(data))
