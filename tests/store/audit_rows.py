"""What tests look up in the audit of a shop that has two managers."""

from __future__ import annotations

from bridge.store.audit import AuditEntry, recent_entries
from bridge.store.database import Database


async def since_managers_were_added(db: Database) -> list[AuditEntry]:
    """Newest first; that there are managers is on record, too."""
    return [entry for entry in await recent_entries(db) if entry.act != "manager-add"]
