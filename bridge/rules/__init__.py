"""Who may call whom, when and how often; what a stranger's guess is told. Pure: facts in, verdicts out."""

from bridge.rules.dialling import (
    Caller,
    ContactFacts,
    DialRequest,
    OrderFacts,
    Reason,
    Role,
    Verdict,
    decide,
)
from bridge.rules.guessing import GuessBook, MissRecorded
from bridge.rules.hours import within_hours
from bridge.rules.policy import (
    ORDINARY_LINES,
    Countries,
    Limits,
    LineType,
    LineTypes,
    LockOut,
    Policy,
    TimeRange,
    WorkingHours,
)

__all__ = [
    "ORDINARY_LINES",
    "Caller",
    "ContactFacts",
    "Countries",
    "DialRequest",
    "GuessBook",
    "Limits",
    "LineType",
    "LineTypes",
    "LockOut",
    "MissRecorded",
    "OrderFacts",
    "Policy",
    "Reason",
    "Role",
    "TimeRange",
    "Verdict",
    "WorkingHours",
    "decide",
    "within_hours",
]
