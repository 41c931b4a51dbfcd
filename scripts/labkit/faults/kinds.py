"""What can be done to one thing on its way between the daemon and Asterisk."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RequestFault(StrEnum):
    """Done to a command, or to its answer."""

    RESET = "reset"
    """The connection breaks before Asterisk has seen the command."""
    BROKEN = "500"
    UNAVAILABLE = "503"
    MISSING = "404"
    CONFLICT = "409"
    SWALLOWED = "swallowed"
    """Asterisk never sees it, and no answer ever comes."""
    ANSWER_LOST = "answer-lost"
    """Asterisk has carried it out, and the connection breaks instead of an answer."""
    ANSWER_NEVER = "answer-never"
    """Asterisk has carried it out, and no answer ever comes."""
    ANSWER_LATE = "answer-late"
    CARRIED_OUT_LATE = "carried-out-late"
    """Asterisk sees it when the daemon has given it up."""


class EventFault(StrEnum):
    """Done to an event."""

    LOST = "lost"
    DOUBLED = "doubled"
    LATE = "late"
    """It comes after others that followed it."""
    SWAPPED = "swapped"
    """It changes places with the next one."""


STATUSES: Final = {
    RequestFault.BROKEN: 500,
    RequestFault.UNAVAILABLE: 503,
    RequestFault.MISSING: 404,
    RequestFault.CONFLICT: 409,
}

ANSWER_LATE_SECONDS: Final = 1.0
"""Late, but within the daemon's patience."""

CARRIED_OUT_LATE_SECONDS: Final = 3.0
"""Beyond the daemon's patience with Asterisk, which is two seconds."""

EVENT_LATE_SECONDS: Final = 1.0
