"""What passes the proxy, and whose call it is: known by the order code, as everything in call-bridge is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from labkit.faults.wire import Request

_OUR_ID: Final = re.compile(r"cb-([a-z]{14})-")
_OUR_NAME: Final = re.compile(r"cb-[a-z]{14}-\w+")
_ORDER: Final = re.compile(r"Order (\d+)")


@dataclass(frozen=True)
class Passing:
    """One request or event. `code` is the order code of its call, None for what concerns no call.

    `number` counts, from 1, the requests, or the events, of that call.
    """

    code: str | None
    name: str
    is_event: bool
    number: int


class Register:
    """Learns from what passes which channels, bridges and playbacks belong to which order's call."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._counts: dict[tuple[str | None, bool], int] = {}

    def note_request(self, request: Request) -> Passing:
        parts = request.path.split("/")
        body = request.body.decode()
        self._learn_from_creation(request, body)
        name = f"{request.method} {'/'.join(map(_without_id, parts))}"
        return self._count([*parts, *_OUR_NAME.findall(body)], name, is_event=False)

    def note_event(self, payload: bytes) -> Passing:
        event: dict[str, Any] = json.loads(payload)
        ids = [event[part]["id"] for part in ("channel", "bridge", "playback") if part in event]
        match event.get("args"):
            case ["order", str(code)]:
                self._codes[ids[0]] = code
        return self._count(ids, str(event["type"]), is_event=True)

    def count_anew(self, code: str) -> None:
        """Another call of the same order begins."""
        self._counts.pop((code, False), None)
        self._counts.pop((code, True), None)

    def counts(self, code: str) -> tuple[int, int]:
        """How many requests and how many events of this order's call have passed."""
        return self._counts.get((code, False), 0), self._counts.get((code, True), 0)

    def code_of(self, an_id: str) -> str | None:
        """Whose channel, bridge or playback this is."""
        ours = _OUR_ID.match(an_id)
        return self._codes.get(ours[1] if ours else an_id)

    def _learn_from_creation(self, request: Request, body: str) -> None:
        call, order = _OUR_ID.search(body), _ORDER.search(body)
        if request.path == "channels/create" and call is not None and order is not None:
            self._codes[call[1]] = order[1]

    def _count(self, ids: list[str], name: str, *, is_event: bool) -> Passing:
        code = next((code for each in ids if (code := self.code_of(each)) is not None), None)
        number = self._counts.get((code, is_event), 0) + 1
        self._counts[code, is_event] = number
        return Passing(code, name, is_event, number)


def _without_id(part: str) -> str:
    return "*" if _OUR_ID.match(part) or "." in part else part
