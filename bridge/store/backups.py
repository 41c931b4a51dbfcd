"""Copies of the database: whether one is sound, and putting one in the database's place."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import func, literal, select

from bridge.store.audit_chain import Head
from bridge.store.audit_check import Finding, verify_audit
from bridge.store.database import Database
from bridge.store.errors import DatabaseUnusable
from bridge.store.schema import audit, customers, orders
from bridge.vault import AuditSigner

_BESIDE: Final = ("-wal", "-shm")
"""What SQLite keeps next to a database that is in use (https://sqlite.org/wal.html)."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a sound copy holds; `audit` is None where there was no key to verify it with."""

    customers: int
    orders: int
    newest_ms: int | None
    """When the last thing on record happened: milliseconds since the epoch, UTC."""
    audit: Finding | None


_COUNTS: Final = select(
    select(func.count()).select_from(customers).scalar_subquery(),
    select(func.count()).select_from(orders).scalar_subquery(),
    select(func.max(audit.c.at_ms)).scalar_subquery(),
)


async def examine(db: Database, signer: AuditSigner | None) -> Contents:
    """Read the whole database, every page of it. Raises DatabaseUnusable where it is damaged."""
    async with db.snapshot() as connection:
        trouble = (await connection.exec_driver_sql("PRAGMA integrity_check(1)")).scalar_one()
        strays = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first()
        if trouble != "ok" or strays is not None:
            raise damaged(db.path)
        counts = (await connection.execute(_COUNTS)).one()
    finding = None if signer is None else await verify_audit(db, signer)
    return Contents(*counts, audit=finding)


def damaged(path: Path) -> DatabaseUnusable:
    return DatabaseUnusable(path, "it is damaged", "Use another copy")


async def has_row(db: Database, row: Head) -> bool:
    """Whether the audit has this very row: whoever wrote it wrote what both databases hold up to there."""
    query = select(literal(1)).where(audit.c.id == row.row_id, audit.c.link == row.link)
    async with db.read() as connection:
        return (await connection.execute(query)).one_or_none() is not None


def stage(backup: Path, database: Path) -> Path:
    """Copy a backup to beside the database, for its owner alone, where it can be opened and changed.

    Raises DatabaseUnusable for a database that is in use, whose newest rows are not in its file; OSError.
    """
    log = _beside(backup, "-wal")
    if log.exists() and log.stat().st_size > 0:
        raise DatabaseUnusable(backup, "a program has it open", "Use a copy made by `call-bridge backup`")
    staged = database.with_name(f".{database.name}.restoring")
    discard(staged)
    with backup.open("rb") as source:
        private = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(private, "wb") as copy:
            shutil.copyfileobj(source, copy)
    return staged


def discard(staged: Path) -> None:
    """Remove a staged copy, and what SQLite may have left beside it."""
    for path in (staged, *(_beside(staged, suffix) for suffix in _BESIDE)):
        path.unlink(missing_ok=True)


def put_in_place(staged: Path, database: Path, kept: Path) -> None:
    """Replace the database by a staged copy that is closed; the replaced one is then `kept`. Raises OSError.

    Nobody may have the database open. At every moment a whole database is in its place: the old one gets its
    second name first, then takes its log with it (a log beside another database would be played into that).
    """
    sync(staged)
    if database.exists():
        kept.hardlink_to(database)
        for suffix in _BESIDE:
            if (log := _beside(database, suffix)).exists():
                log.rename(_beside(kept, suffix))
    staged.replace(database)
    sync(database.parent)


def sync(path: Path) -> None:
    """See a file, or the names in a folder, onto the disk (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(database: Path, suffix: str) -> Path:
    return database.with_name(database.name + suffix)
