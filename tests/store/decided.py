"""Calls that are decided of with no rules."""

from __future__ import annotations

from bridge.store.audit import AuditEntry
from bridge.store.database import Database
from bridge.store.records import Decision, NewCall, decide_call


async def refuse_call(db: Database, call: NewCall, audit: AuditEntry) -> None:
    """Return when the refusal is on disk."""
    decision = Decision(call, audit, refused=True)
    _, on_disk = await decide_call(
        db, "101", call.order_code, call.started_ms, None, 1, lambda _: decision, minute=None
    )
    await on_disk
