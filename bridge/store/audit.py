"""The audit: who did what to what, and when. Rows are added, never changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.database import Database
from bridge.store.schema import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `subject` and `detail` name things by code and id; a hidden number is never in them."""

    at_ms: int
    actor: str
    act: str
    subject: str
    detail: str = ""


_INSERT: Final = insert(audit)
_NEWEST: Final = (
    select(audit.c.at_ms, audit.c.actor, audit.c.act, audit.c.subject, audit.c.detail)
    .order_by(audit.c.id.desc())
    .limit(bindparam("limit"))
)


async def write_entry(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Add the entry to the caller's transaction, so that act and entry are on disk together or not at all."""
    await connection.execute(_INSERT, asdict(entry))


async def recent_entries(db: Database, limit: int = 100) -> list[AuditEntry]:
    """The newest entries, newest first."""
    async with db.read() as connection:
        return [AuditEntry(*row) for row in await connection.execute(_NEWEST, {"limit": limit})]
