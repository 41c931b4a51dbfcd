"""Customers' data keys, wrapped by the keys of the ring: which one wraps how many, and wrapping them anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, LargeBinary, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.lanes import Runs
from bridge.store.schema import customers, key_checks, voice_messages
from bridge.vault import OF_NOBODY, KeyUnusable, SealBroken, Vault, check_name, wrapped_by


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some data keys. The next batch begins after `last_id`; None: it was the last."""

    rewrapped: int
    broken: tuple[int, ...]
    """Customers whose data key opens with no key of the ring: it was altered, or wrapped by a lost key."""
    last_id: int | None


def _is_wrapped_by(
    key_id: str, data_key: ColumnElement[bytes | None] = customers.c.data_key
) -> ColumnElement[bool]:
    beginning = wrapped_by(key_id)
    # Told to be bytes: of a blob, SQLite's substr gives bytes, and SQLAlchemy would compare them as text.
    return func.substr(data_key, 1, len(beginning), type_=LargeBinary()) == beginning


_REWRAPPED_OF_STRANGER: Final = (
    update(voice_messages)
    .where(voice_messages.c.id == bindparam("of_id"))
    .values(data_key=bindparam("new_key"))
)
_REWRAPPED: Final = (
    update(customers).where(customers.c.id == bindparam("of_id")).values(data_key=bindparam("new_key"))
)


async def count_others(connection: AsyncConnection, key_id: str) -> int:
    """How many data keys are wrapped by any key but this one."""
    return await _count(connection, lambda data_key: ~_is_wrapped_by(key_id, data_key))


async def _count(
    connection: AsyncConnection, which: Callable[[ColumnElement[bytes | None]], ColumnElement[bool]]
) -> int:
    """Of customers, and of messages that are nobody's yet."""
    count = 0
    for table in (customers, voice_messages):
        query = (
            select(func.count())
            .select_from(table)
            .where(table.c.data_key.is_not(None), which(table.c.data_key))
        )
        found: int = (await connection.execute(query)).scalar_one()
        count += found
    return count


async def rewrap_batch(db: Database, vault: Vault, after_id: int, size: int) -> Batch:
    """Wrap the next `size` data keys by the current key that another one wraps, those after `after_id`.

    One short transaction, on disk or undone as a whole. Doing it again does no harm.
    """
    todo = (
        select(customers.c.id, customers.c.data_key)
        .where(
            customers.c.id > after_id,
            customers.c.data_key.is_not(None),
            ~_is_wrapped_by(vault.current_key_id),
        )
        .order_by(customers.c.id)
        .limit(size)
    )
    async with db.write() as connection:
        rows = (await connection.execute(todo)).all()
        changed, broken = [], []
        for row in rows:
            try:
                new_key = vault.rewrap(row.data_key, customer_id=row.id)
            except SealBroken:
                broken.append(row.id)
            else:
                changed.append({"of_id": row.id, "new_key": new_key})
        if changed:
            await connection.execute(_REWRAPPED, changed)
    return Batch(len(changed), tuple(broken), rows[-1].id if rows else None)


async def rewrap_strangers(db: Database, vault: Vault) -> int:
    """Wrap the data keys of all messages that are nobody's yet by the current key; returns how many were.

    There are few, and they go by themselves after a while. One that opens with no key of the ring is left.
    """
    key = voice_messages.c.data_key
    todo = select(voice_messages.c.id, key).where(
        key.is_not(None), ~_is_wrapped_by(vault.current_key_id, key)
    )
    async with db.write() as connection:
        changed = []
        for row in (await connection.execute(todo)).all():
            with suppress(SealBroken):
                new_key = vault.rewrap(row.data_key, customer_id=OF_NOBODY)
                changed.append({"of_id": row.id, "new_key": new_key})
        if changed:
            await connection.execute(_REWRAPPED_OF_STRANGER, changed)
    return len(changed)


_KNOWN_KEYS: Final = select(key_checks.c.key_id)


async def require_known_key(connection: AsyncConnection, vault: Vault) -> None:
    """As `look_for_key`, in a transaction of `Database.write`. Raises KeyUnusable."""
    await connection.run_sync(look_for_key, vault)


def look_for_key(connection: Runs, vault: Vault) -> None:
    """See, before data keys are added in this transaction, that the key which wraps them isn't retired.

    Raises KeyUnusable. A long import may have read the ring before a rotation, and its key be gone since.
    """
    known = {key_id for (key_id,) in connection.execute(_KNOWN_KEYS, {})}
    if known and check_name(vault.current_key_id) not in known:
        raise KeyUnusable("The keys were rotated while this command ran: run it again.")


async def retire_key(db: Database, key_id: str, entry: AuditEntry) -> None:
    """Let the database need this key no more, on record. Raises KeyUnusable while it wraps data keys.

    From this commit on no data key wrapped by it is added (`require_known_key`).
    """
    async with db.write() as connection:
        wrapped = await _count(connection, lambda data_key: _is_wrapped_by(key_id, data_key))
        if wrapped:
            raise KeyUnusable(
                f"{key_id} still wraps the data keys of {wrapped} customers, who would be lost with it: "
                "`call-bridge keys rotate` wraps them by the current key."
            )
        await forget_key(connection, key_id)
        await write_entry(connection, entry)


async def remember_keys(connection: AsyncConnection, checks: Mapping[str, bytes]) -> None:
    """Note the check values of keys that the database doesn't know yet."""
    rows = [{"key_id": key_id, "value": value} for key_id, value in checks.items()]
    await connection.execute(insert(key_checks).on_conflict_do_nothing(), rows)


async def forget_key(connection: AsyncConnection, key_id: str) -> None:
    """Take the key's check value away: a ring without it is no longer told to lack it."""
    await connection.execute(delete(key_checks).where(key_checks.c.key_id == check_name(key_id)))
