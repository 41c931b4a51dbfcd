"""From an old key-encryption key to a new one: ring, database and running processes kept in step.

    1. a new key joins the ring and becomes the current one; older ones stay
    2. each customer's data key is wrapped anew by it; processes that meet one read the ring again
    3. a key that wraps nothing any more may be retired: it leaves the ring

Whatever is interrupted anywhere is done again from its beginning, and finds done what was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.data_keys import (
    count_others,
    forget_key,
    remember_keys,
    retire_key,
    rewrap_batch,
    rewrap_strangers,
)
from bridge.store.database import Database, now_ms
from bridge.vault import KeyFile, KeyRing, KeySource, Vault, read_key_ring, replace_key_file

_BATCH: Final = 200
"""Data keys to a transaction: a call that wants to be written waits for no more than these."""

Progress = Callable[[int, int], None]
"""Hears how many data keys have been wrapped anew, and how many there were to wrap."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to. `broken`: customers whose data key no key of the ring opens."""

    current: str
    continued: bool
    rewrapped: int
    broken: tuple[int, ...]


class NothingToContinue(Exception):
    """Every data key is wrapped by the current key, and the ring is not ours to put a new one into."""


async def rotate(source: KeySource, db: Database, vault: Vault, actor: str, progress: Progress) -> Rotated:
    """Put a new current key into the ring and wrap every data key by it, or continue where one was left.

    Calls go on meanwhile. Raises NothingToContinue where the ring is not in a file, VaultError, OSError.
    """
    continued = await _begin(source, db, vault, actor)
    rewrapped, broken = await _rewrap_all(db, vault, progress)
    return Rotated(vault.current_key_id, continued, rewrapped, broken)


async def _begin(source: KeySource, db: Database, vault: Vault, actor: str) -> bool:
    """Whether a rotation is continued that was left unfinished; else one is begun.

    The database's write lock is held over it all: of two who rotate at once, the second finds the first's key
    in the ring. The ring is replaced last, so that a key which wraps anything is in it.
    """
    async with db.write() as connection:
        ring = read_key_ring(source)
        continued = await count_others(connection, ring.current.id) > 0
        if not continued:
            if not isinstance(source, KeyFile):
                raise NothingToContinue
            ring = ring.rotated()
        await remember_keys(connection, Vault(ring).key_check())
        detail = "continued" if continued else "begun"
        await write_entry(connection, AuditEntry(now_ms(), actor, "keys-rotate", ring.current.id, detail))
        if not continued and isinstance(source, KeyFile):
            replace_key_file(source.path, ring)
    vault.reload(ring)
    return continued


async def _rewrap_all(db: Database, vault: Vault, progress: Progress) -> tuple[int, tuple[int, ...]]:
    """How many were wrapped anew, and whose could not be. Pauses as long as it works: calls come first."""
    async with db.read() as connection:
        total = await count_others(connection, vault.current_key_id)
    clock = asyncio.get_running_loop().time
    rewrapped, last_id = await rewrap_strangers(db, vault), 0
    broken: list[int] = []
    while True:
        begun = clock()
        batch = await rewrap_batch(db, vault, last_id, _BATCH)
        if batch.last_id is None:
            return rewrapped, tuple(broken)
        rewrapped, last_id = rewrapped + batch.rewrapped, batch.last_id
        broken += batch.broken
        progress(rewrapped, total)
        await asyncio.sleep(clock() - begun)


async def retire(source: KeySource, db: Database, key_id: str, actor: str) -> KeyRing:
    """Take an older key out of the ring, which is returned; where it is in a file, it is replaced.

    Nothing that only this key opens is left in the database's files. Raises KeyUnusable for the current key,
    one that the ring does not have, and one that still wraps data keys.
    """
    ring = read_key_ring(source).without(key_id)
    await retire_key(db, key_id, AuditEntry(now_ms(), actor, "keys-retire", key_id))
    await db.forget_old_pages()
    async with db.write() as connection:
        if isinstance(source, KeyFile):
            ring = read_key_ring(source).without(key_id)
            replace_key_file(source.path, ring)
        # A process that has started since has read the old ring, and told the database of the key again.
        await forget_key(connection, key_id)
    return ring
