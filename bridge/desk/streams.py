"""How many streams of events a browser may hold open: each is a connection to the daemon as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MOST_OF_A_SESSION: Final = 6
"""As many as browsers open to one host over HTTP/1.1: a seventh tab would not even get its page."""

_MOST_IN_ALL: Final = 1000


class Streams:
    """Those that are open, by the tokens of their sessions."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def is_room_for(self, session: str) -> bool:
        return self._open[session] < _MOST_OF_A_SESSION and len(self) < _MOST_IN_ALL

    @contextmanager
    def one_more(self, session: str) -> Iterator[None]:
        """Count a stream of this session in while it lasts."""
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]
