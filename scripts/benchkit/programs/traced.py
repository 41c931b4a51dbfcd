"""The daemon, writing down when it does what: `python -m benchkit.programs.traced CONFIG.yaml MARKS.jsonl`.

Its functions are wrapped from outside: the product carries no tracing. Names are kept, contents never.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bridge import daemon
from bridge.asterisk.ari import AriClient
from bridge.asterisk.happenings import Reader
from bridge.asterisk.sealed import RedirectServer
from bridge.switchboard.admission import Admission
from bridge.vault import Vault

P = ParamSpec("P")
R = TypeVar("R")


class Marks:
    """Beginnings and ends, in seconds of the machine's monotonic clock, a JSON line each."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def add(self, what: str, began: float) -> None:
        self._file.write(json.dumps({"what": what, "began": began, "ended": time.perf_counter()}) + "\n")

    def timed(self, name: Callable[..., str], function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.add(name(*args), began)

        return wrapped

    def awaited(
        self, name: Callable[..., str], function: Callable[P, Awaitable[R]]
    ) -> Callable[P, Awaitable[R]]:
        @functools.wraps(function)
        async def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            began = time.perf_counter()
            try:
                return await function(*args, **kwargs)
            finally:
                self.add(name(*args), began)

        return wrapped


def trace(marks: Marks) -> None:
    """Wrap what a call goes through."""
    places: tuple[tuple[Any, str, Callable[..., str], bool], ...] = (
        (AriClient, "_send", lambda _self, operation, *_: f"ARI: {operation}", True),
        (Reader, "_read", lambda _self, event: f"event: {event['type']}", False),
        (Admission, "ask", lambda *_: "database: facts, rules, call and audit line", True),
        (Admission, "recorded", lambda *_: "database: the commit", True),
        (Vault, "open", lambda *_: "vault: the number is opened", False),
        (RedirectServer, "datagram_received", lambda *_: "redirect server: a datagram answered", False),
        (RedirectServer, "issue", lambda *_: "redirect server: the token leads to the number", False),
    )
    for owner, attribute, name, is_async in places:
        wrap = marks.awaited if is_async else marks.timed
        setattr(owner, attribute, wrap(name, getattr(owner, attribute)))


if __name__ == "__main__":
    trace(Marks(Path(sys.argv[2])))
    sys.exit(daemon.run(Path(sys.argv[1])))
