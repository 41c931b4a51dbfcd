"""Reads what is on record: whether the audit is whole, when there was a backup, which keys wrap what."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from bridge.doctor.model import Records
from bridge.store.audit import Wanted, find_rows
from bridge.store.audit_check import verify_audit
from bridge.store.data_keys import count_others
from bridge.store.database import Database
from bridge.store.errors import DatabaseUnusable
from bridge.vault import KeyRing, Vault


async def read_records(path: Path, ring: KeyRing | None) -> Records | None:
    """None for a database that can't be used. Without its ring nobody can tell whether the audit is whole."""
    try:
        async with await Database.open(path) as db:
            backup = await _last_backup(db)
            if ring is None:
                return Records(backup, audit=None, waiting_data_keys=0)
            async with db.read() as connection:
                waiting = await count_others(connection, ring.current.id)
            return Records(backup, await verify_audit(db, Vault(ring).audit_signer), waiting)
    except (DatabaseUnusable, DatabaseError):
        return None


async def _last_backup(db: Database) -> datetime | None:
    rows = await find_rows(db, Wanted(act="backup"), limit=1)
    return datetime.fromtimestamp(rows[0].at_ms / 1000, UTC) if rows else None
