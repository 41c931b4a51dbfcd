"""The panic: while there is one, no call is placed. It stands in the database, whoever runs or not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import delete, insert, select

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.schema import panic

_THE_ONE: Final = 1


@dataclass(frozen=True, slots=True)
class Panic:
    """Who stopped all calls, when (milliseconds since the epoch, UTC), and why, where they said so."""

    since_ms: int
    actor: str
    reason: str


_CURRENT: Final = select(panic.c.since_ms, panic.c.actor, panic.c.reason)
_BEGIN: Final = insert(panic)
_END: Final = delete(panic)


async def current_panic(db: Database) -> Panic | None:
    async with db.read() as connection:
        row = (await connection.execute(_CURRENT)).one_or_none()
    return None if row is None else Panic(*row)


async def begin_panic(db: Database, wanted: Panic) -> Panic:
    """Stop all calls from this commit on, and put it into the audit. Returns the panic that is on now.

    One that was on already stays as it is: the first word stands.
    """
    async with db.write() as connection:
        row = (await connection.execute(_CURRENT)).one_or_none()
        if row is not None:
            return Panic(*row)
        await connection.execute(_BEGIN, asdict(wanted) | {"id": _THE_ONE})
        await write_entry(
            connection, AuditEntry(wanted.since_ms, wanted.actor, "panic", "all calls", wanted.reason)
        )
    return wanted


async def put_on_record_unless_panic(db: Database, entry: AuditEntry) -> bool:
    """Write the entry, unless there is a panic at that moment: then nothing is written, and it is False."""
    async with db.write() as connection:
        if (await connection.execute(_CURRENT)).one_or_none() is not None:
            return False
        await write_entry(connection, entry)
    return True


async def end_panic(db: Database, actor: str, at_ms: int) -> bool:
    """Allow calls again, and put it into the audit. False where there was no panic."""
    async with db.write() as connection:
        ended = (await connection.execute(_END)).rowcount > 0
        if ended:
            await write_entry(connection, AuditEntry(at_ms, actor, "panic-off", "all calls"))
    return ended
