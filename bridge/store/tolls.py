"""What the calls of a day came to, and the alarms about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, bindparam, case, func, or_, select

from bridge.calls.model import Kind, Result
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.records import DAY_MS
from bridge.store.schema import audit, calls, contacts, managers

ALARM: Final = "alarm"
"""The audit's word for a limit that is nearly reached."""


@dataclass(frozen=True, slots=True)
class PastCall:
    """A placed call. `answered_ms` is when the talking began, None where it never did.

    `ended_ms` is None while it lasts; region and line type are None where its contact is no longer known.
    """

    id: str
    extension: str
    region: str | None
    line_type: str | None
    answered_ms: int | None
    ended_ms: int | None


# A daemon that died may not have put down when the talking began: it then counts from the call's beginning.
_TALKING_SINCE: Final = case(
    (calls.c.result == Result.TALKED.value, func.coalesce(calls.c.answered_ms, calls.c.started_ms)),
    else_=calls.c.answered_ms,
)
_PAST_CALLS: Final = (
    select(
        calls.c.id,
        managers.c.extension,
        contacts.c.region,
        contacts.c.line_type,
        _TALKING_SINCE,
        calls.c.ended_ms,
    )
    .select_from(calls.join(managers).outerjoin(contacts, contacts.c.id == calls.c.contact_id))
    .where(
        # No call lasts longer than a day, so by its index `started_ms` leaves little to look at. Those that
        # have not ended have an index of their own, which SQLite sees where the time is asked about.
        or_(
            and_(calls.c.ended_ms.is_(None), calls.c.started_ms > 0),
            calls.c.started_ms > bindparam("two_days_ago_ms"),
        ),
        or_(calls.c.ended_ms.is_(None), calls.c.ended_ms > bindparam("day_ago_ms")),
        or_(calls.c.result.is_(None), calls.c.result != Result.REFUSED.value),
        calls.c.kind != Kind.CALLBACK.value,
    )
    .order_by(calls.c.ended_ms)
)
_RAISED: Final = select(
    select(audit.c.id)
    .where(
        audit.c.at_ms > bindparam("since_ms"),
        audit.c.act == ALARM,
        audit.c.subject == bindparam("subject"),
    )
    .exists()
)


async def calls_of_a_day(db: Database, now_ms: int) -> list[PastCall]:
    """The placed calls that have not ended, or ended in the last 24 hours, in the order of their ends.

    Callbacks, which cost nothing, are none of them.
    """
    since = {"day_ago_ms": now_ms - DAY_MS, "two_days_ago_ms": now_ms - 2 * DAY_MS}
    async with db.read() as connection:
        return [PastCall(*row) for row in await connection.execute(_PAST_CALLS, since)]


async def raise_alarm(db: Database, entry: AuditEntry) -> bool:
    """Put an alarm into the audit. False where there is one of its subject that is no day old."""
    asked = {"since_ms": entry.at_ms - DAY_MS, "subject": entry.subject}
    async with db.write() as connection:
        if (await connection.execute(_RAISED, asked)).scalar_one():
            return False
        await write_entry(connection, entry)
        return True
