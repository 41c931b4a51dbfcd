"""The tables, as the queries see them.

Times are integers: milliseconds since the Unix epoch, UTC, in columns that end in `_ms`. No hidden number is
in any column in the clear: `contacts.sealed` opens only with a customer's data key, which opens only with the
daemon's keys, and `contacts.blind_index` is a keyed hash.

A change here needs a migration; tests/store holds the two together.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

APPLICATION_ID: Final = 0x43425247
"""SQLite's `application_id` of our files ("CBRG"): tells them from another program's database."""

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class ContactKind(StrEnum):
    PHONE = "phone"


class Standing(StrEnum):
    """What is known of a contact's worth."""

    USABLE = "usable"
    SUSPECT = "suspect"
    """Calls to it have failed in a way that a wrong number explains."""
    WRONG = "wrong"
    """Known to be wrong, or replaced by another: never dialled again, kept for the history of its calls."""


class OrderState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


managers: Final = Table(
    "managers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("extension", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("language", Text),
    Column("created_ms", Integer, nullable=False),
    Column("disabled_ms", Integer),
    _one_of("role", ("manager", "supervisor", "owner")),
)

customers: Final = Table(
    "customers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("language", Text),
    # Empty once the customer is erased: nothing sealed under it opens again.
    Column("data_key", LargeBinary),
    Column("created_ms", Integer, nullable=False),
)

contacts: Final = Table(
    "contacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text),
    Column("standing", Text, nullable=False),
    # 1 is dialled first. A replaced contact keeps its position: the newest of a position is the current one.
    Column("position", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("blind_index", LargeBinary, nullable=False),
    Column("region", Text, nullable=False),
    Column("line_type", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    _one_of("kind", tuple(ContactKind)),
    _one_of("standing", tuple(Standing)),
    Index(None, "customer_id", "position"),
    Index(None, "blind_index"),
)

orders: Final = Table(
    "orders",
    metadata,
    Column("code", Text, primary_key=True),
    Column("customer_id", ForeignKey("customers.id"), nullable=False),
    Column("summary", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    _one_of("state", tuple(OrderState)),
    # Too short for E.164's plus and digits: a number put into this column by a mistake elsewhere stays out.
    CheckConstraint("length(code) BETWEEN 1 AND 12", name="code"),
    Index(None, "customer_id"),
    sqlite_with_rowid=False,
)

assignments: Final = Table(
    "assignments",
    metadata,
    Column("customer_id", ForeignKey("customers.id"), primary_key=True),
    Column("manager_id", ForeignKey("managers.id"), nullable=False),
    Column("since_ms", Integer, nullable=False),
    Index(None, "manager_id"),
)

calls: Final = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # What was dialled, not a foreign key: a refused call may name an order that does not exist,
    Column("order_code", Text, nullable=False),
    # and may come from an extension that is nobody's.
    Column("manager_id", ForeignKey("managers.id")),
    Column("contact_id", ForeignKey("contacts.id")),
    # The id of the manager's channel in the PBX: by it a successor of this daemon finds the call's legs.
    Column("manager_channel", Text),
    Column("started_ms", Integer, nullable=False),
    Column("answered_ms", Integer),
    Column("ended_ms", Integer),
    # The words for `kind` and `result` are those of bridge.calls.
    Column("result", Text),
    Column("cause", Integer),
    Index(None, "manager_id", "started_ms"),
    Index(None, "started_ms"),
)
Index("ix_calls_open", calls.c.started_ms, sqlite_where=calls.c.ended_ms.is_(None))

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_ms", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "at_ms"),
    # A row deleted from the end must not have its id used again: the gap is what gives it away.
    sqlite_autoincrement=True,
)

key_checks: Final = Table(
    "key_checks",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

# While its one row is there, no call is placed. What was is in the audit.
panic: Final = Table(
    "panic",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("since_ms", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint("id = 1", name="one"),
)
