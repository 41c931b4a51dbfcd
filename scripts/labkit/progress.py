"""Progress that suits its reader: one living line on a terminal, a line now and then in a CI log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

LOG_INTERVAL_S = 5.0


class StatusLine:
    """Shows the newest of many short texts; use as a context manager, so that the line is always ended.

    On `stream`, which is standard output where nothing else is said.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._living = self._stream.isatty()
        self._last_text = ""
        self._next_log_s = time.monotonic() + LOG_INTERVAL_S

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._living and self._last_text:
            print(file=self._stream)

    def show(self, text: str) -> None:
        if text == self._last_text:
            return
        if self._living:
            self._last_text = text
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", file=self._stream, flush=True)
        elif time.monotonic() >= self._next_log_s:
            self._last_text = text
            self._next_log_s = time.monotonic() + LOG_INTERVAL_S
            print(text, file=self._stream, flush=True)
