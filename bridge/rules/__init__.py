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
from bridge.rules.tolls import Allowance, Prices, TollLimit, Tolls, Usage

__all__ = [
    "ORDINARY_LINES",
    "Allowance",
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
    "Prices",
    "Reason",
    "Role",
    "TimeRange",
    "TollLimit",
    "Tolls",
    "Usage",
    "Verdict",
    "WorkingHours",
    "decide",
    "within_hours",
]
