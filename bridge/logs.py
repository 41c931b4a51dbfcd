"""Logs: JSON for machines, readable on a terminal, and of allow-listed fields only.

A field that is not on the list is dropped, whoever logs it: a phone number reaches a log through the field
that nobody thought of. Other libraries' messages quote what they were handed, so of theirs only the logger's
name, the level and the exception's type are kept.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog

ALLOWED_FIELDS: Final = frozenset(
    {
        # structlog's own
        "event",
        "level",
        "timestamp",
        # of a call
        "call",
        "kind",
        "order",
        "extension",
        "state",
        "was",
        "happened",
        "result",
        "cause",
        "reason",
        "leg",
        "command",
        "timer",
        # of the daemon
        "address",
        "calls",
        "endpoint",
        "error",
        "error_id",
        "keys",
        "limit",
        "logger",
        "operation",
        "path",
        "seconds",
        "shop",
        "status",
        "used",
        "version",
        "webhook",
    }
)

Format = Literal["auto", "json", "console"]


@dataclass(frozen=True, slots=True)
class LoggedError:
    """A line of level error: our own words, and the type of what was raised.

    `at_ms` is milliseconds since the epoch, UTC.
    """

    event: str
    error: str | None
    at_ms: int


class ErrorMemory:
    """structlog processor: keeps the latest error, for whoever asks how the daemon is."""

    def __init__(self) -> None:
        self.latest: LoggedError | None = None

    def __call__(
        self, _logger: object, _method: str, fields: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if fields["level"] in ("error", "critical"):
            error = fields.get("error")
            now_ms = time.time_ns() // 1_000_000
            self.latest = LoggedError(str(fields["event"]), None if error is None else str(error), now_ms)
        return fields


errors: Final = ErrorMemory()


def set_up_logs(level: str, format: Format) -> None:
    """Let structlog and the standard library write to standard error. May be called again, with others."""
    as_json = format == "json" or (format == "auto" and not sys.stderr.isatty())
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            only_allowed_fields,
            errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        # Without a cache, so that loggers in use follow a change of the level.
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_WithoutContents()], level=logging.WARNING, force=True)


def only_allowed_fields(
    _logger: object, _method: str, fields: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """structlog processor: keep what is on the list."""
    return {name: value for name, value in fields.items() if name in ALLOWED_FIELDS}


class _WithoutContents(logging.Handler):
    """Passes other libraries' records on without their text."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().log(
            record.levelno, "a library has something to say", logger=record.name, error=error
        )
