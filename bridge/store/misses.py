"""Codes that were no manager's to dial, read back from the audit: a lock-out outlives the daemon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, func, literal, select

from bridge.rules import MISSES
from bridge.store.database import Database
from bridge.store.schema import audit, managers

REFUSE: Final = "refuse"
"""The audit's act of a call that was refused; its detail is the verdict's `audit_reason`."""

_ACTOR_PREFIX: Final = "extension "


@dataclass(frozen=True, slots=True)
class Miss:
    """`at_ms` is milliseconds since the epoch, UTC."""

    extension: str
    at_ms: int


_NEWEST_MISSES: Final = (
    select(managers.c.extension, audit.c.at_ms)
    # No text of the audit is read, and only a number is taken for a time: who alters it keeps no daemon down.
    .join_from(audit, managers, audit.c.actor == literal(_ACTOR_PREFIX) + managers.c.extension)
    .where(
        func.typeof(audit.c.at_ms) == "integer",
        audit.c.at_ms > bindparam("since_ms"),
        audit.c.act == REFUSE,
        audit.c.detail.in_(sorted(MISSES)),
    )
    .order_by(audit.c.at_ms.desc(), audit.c.id.desc())
    .limit(bindparam("limit"))
)


def actor_of(extension: str) -> str:
    """How the audit names who dialled."""
    return _ACTOR_PREFIX + extension


async def misses_since(db: Database, since_ms: int, *, limit: int) -> list[Miss]:
    """The newest misses of managers after a moment, at most `limit` of them, oldest first."""
    async with db.read() as connection:
        newest = await connection.execute(_NEWEST_MISSES, {"since_ms": since_ms, "limit": limit})
        misses = [Miss(*row) for row in newest]
    return misses[::-1]
