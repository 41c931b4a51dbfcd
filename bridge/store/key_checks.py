"""Which keys this database was sealed with, told by check values that reveal nothing of them."""

from __future__ import annotations

import hmac

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database, now_ms
from bridge.store.schema import key_checks


async def known_checks(db: Database) -> dict[str, bytes]:
    """The check value of every key that this database has been used with, by key id."""
    async with db.read() as connection:
        return {row.key_id: row.value for row in await connection.execute(select(key_checks))}


async def verify_keys(db: Database, checks: dict[str, bytes]) -> list[str]:
    """The ids whose check value differs from the stored one: keys that are not those of this database.

    Ids seen for the first time are stored, unless another differs: a wrong key ring leaves no trace.
    """
    async with db.write() as connection:
        return await _verify(connection, checks)


async def enrol_keys(db: Database, checks: dict[str, bytes], key_id: str, actor: str) -> None:
    """Take the checks of a new key ring into a database that knows none of it, on record."""
    async with db.write() as connection:
        await _verify(connection, checks)
        await write_entry(connection, AuditEntry(now_ms(), actor, "keys-new", key_id))


async def _verify(connection: AsyncConnection, checks: dict[str, bytes]) -> list[str]:
    stored = {row.key_id: row.value for row in await connection.execute(select(key_checks))}
    wrong = [
        key_id
        for key_id, value in checks.items()
        if key_id in stored and not hmac.compare_digest(stored[key_id], value)
    ]
    new = [{"key_id": key_id, "value": value} for key_id, value in checks.items() if key_id not in stored]
    if new and not wrong:
        await connection.execute(insert(key_checks), new)
    return wrong
