"""Who may call whom, when and how often; what a stranger's guess is told. Pure: facts in, verdicts out."""

from bridge.rules.callbacks import StandIns
from bridge.rules.dialling import (
    LAST_PLACE,
    MISSES,
    Caller,
    ContactFacts,
    DialRequest,
    OrderFacts,
    Reason,
    Role,
    Untold,
    Verdict,
    decide,
    dialled_as,
)
from bridge.rules.guessing import GuessBook, MissRecorded
from bridge.rules.hours import within_hours
from bridge.rules.opening import Day, OpeningHours, is_open
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
    "LAST_PLACE",
    "MISSES",
    "ORDINARY_LINES",
    "Allowance",
    "Caller",
    "ContactFacts",
    "Countries",
    "Day",
    "DialRequest",
    "GuessBook",
    "Limits",
    "LineType",
    "LineTypes",
    "LockOut",
    "MissRecorded",
    "OpeningHours",
    "OrderFacts",
    "Policy",
    "Prices",
    "Reason",
    "Role",
    "StandIns",
    "TimeRange",
    "TollLimit",
    "Tolls",
    "Untold",
    "Usage",
    "Verdict",
    "WorkingHours",
    "decide",
    "dialled_as",
    "is_open",
    "within_hours",
]
