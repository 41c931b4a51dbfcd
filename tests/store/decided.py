"""Calls that are decided of with no rules."""

from __future__ import annotations

from bridge.store.audit import AuditEntry
from bridge.store.database import Database
from bridge.store.records import Decision, Dialled, NewCall, decide_call


async def refuse_call(db: Database, call: NewCall, audit: AuditEntry) -> None:
    """Return when the refusal is on disk."""
    decision = Decision(call, audit, refused=True)
    dialled = Dialled("101", call.order_code, call.started_ms)
    _, on_disk = await decide_call(db, dialled, lambda _: decision)
    await on_disk
