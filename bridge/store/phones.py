"""Managers' phones, as the desk sets them up: the SIP password, sealed, and a one-time link, as a hash.

Asterisk's copy of the password is in files that the daemon may not read: an administrator hands it over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.softphones import PhoneApp
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import UnknownManager
from bridge.store.schema import managers, phones
from bridge.store.sessions import hash_of
from bridge.vault import ProgramSecrets

LINK_MS: Final = 10 * 60_000
"""As long as it takes to install a program and to scan a picture."""


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """What a phone registers with."""

    app: PhoneApp
    extension: str
    password: str = field(repr=False)


_NO_LINK: Final[dict[str, Any]] = {"link_hash": None, "link_app": None, "link_ends_ms": None}
_put = upsert(phones)
_KEEP: Final = _put.on_conflict_do_update(
    index_elements=[phones.c.manager_id],
    set_={name: _put.excluded[name] for name in ("password_sealed", "since_ms", *_NO_LINK)},
)
_FORGET: Final = delete(phones).where(phones.c.manager_id == bindparam("of_manager"))
_MANAGER_ID: Final = select(managers.c.id).where(managers.c.extension == bindparam("extension"))
_IS_KEPT: Final = select(phones.c.manager_id).where(phones.c.manager_id == bindparam("of_manager"))
_SEALED: Final = select(phones.c.password_sealed).where(phones.c.manager_id == bindparam("of_manager"))
_LINK: Final = (
    update(phones)
    .where(phones.c.manager_id == bindparam("of_manager"))
    .values(link_hash=bindparam("hash"), link_app=bindparam("app"), link_ends_ms=bindparam("ends_ms"))
)
_OPEN: Final = (
    select(phones.c.manager_id, phones.c.link_app, phones.c.password_sealed, managers.c.extension)
    .join_from(phones, managers)
    .where(
        phones.c.link_hash == bindparam("hash"),
        phones.c.link_ends_ms > bindparam("now_ms"),
        managers.c.disabled_ms.is_(None),
    )
)
_USE: Final = update(phones).where(phones.c.manager_id == bindparam("of_manager")).values(_NO_LINK)


async def keep_password(
    db: Database, sealer: ProgramSecrets, extension: str, password: str, *, actor: str, now_ms: int
) -> None:
    """Seal the password of a manager's phone, on record; links that were made before are void.

    Raises UnknownManager.
    """
    async with db.write() as connection:
        manager_id = await _manager_id(connection, extension)
        sealed = sealer.seal(password.encode(), _whose(manager_id))
        values = {"manager_id": manager_id, "password_sealed": sealed, "since_ms": now_ms}
        await connection.execute(_KEEP, values | _NO_LINK)
        await write_entry(connection, AuditEntry(now_ms, actor, "phone-password", extension))


async def forget_password(db: Database, extension: str, *, actor: str, now_ms: int) -> bool:
    """Set no phone of this manager up any more, on record; False where none was. Raises UnknownManager."""
    async with db.write() as connection:
        forgotten = await drop_phone(connection, await _manager_id(connection, extension))
        if forgotten:
            await write_entry(connection, AuditEntry(now_ms, actor, "phone-forget", extension))
    return forgotten


async def drop_phone(connection: AsyncConnection, manager_id: int) -> bool:
    """In the caller's transaction; False where there was none."""
    return (await connection.execute(_FORGET, {"of_manager": manager_id})).rowcount > 0


async def has_password(db: Database, manager_id: int) -> bool:
    async with db.read() as connection:
        return (await connection.execute(_IS_KEPT, {"of_manager": manager_id})).first() is not None


async def make_link(
    db: Database, token: str, app: PhoneApp, *, manager_id: int, entry: AuditEntry
) -> int | None:
    """Let whoever has this token set up one phone of the manager's, on record; returns when it ends.

    Of each manager the newest link alone is good. None where the password isn't known.
    """
    ends_ms = entry.at_ms + LINK_MS
    async with db.write() as connection:
        values = {"of_manager": manager_id, "hash": hash_of(token), "app": app.value, "ends_ms": ends_ms}
        if (await connection.execute(_LINK, values)).rowcount == 0:
            return None
        await write_entry(connection, entry)
    return ends_ms


async def open_password(
    db: Database, sealer: ProgramSecrets, *, manager_id: int, entry: AuditEntry
) -> str | None:
    """The password of somebody's own phone, on record; None where it isn't known. Raises SealBroken."""
    async with db.write() as connection:
        sealed: bytes | None = (
            await connection.execute(_SEALED, {"of_manager": manager_id})
        ).scalar_one_or_none()
        if sealed is None:
            return None
        password = sealer.open(sealed, _whose(manager_id)).decode()
        await write_entry(connection, entry)
    return password


async def use_link(
    db: Database, sealer: ProgramSecrets, token: str, *, address: str, now_ms: int
) -> PhoneAccount | None:
    """The account that a link is for; the link is used up by it, on record.

    None where it is unknown, used, late or of somebody who is disabled, which nobody can tell apart. Raises
    SealBroken.
    """
    async with db.write() as connection:
        link = (await connection.execute(_OPEN, {"hash": hash_of(token), "now_ms": now_ms})).first()
        if link is None:
            return None
        password = sealer.open(link.password_sealed, _whose(link.manager_id)).decode()
        await connection.execute(_USE, {"of_manager": link.manager_id})
        detail = f"kind={link.link_app}, address={address}"
        entry = AuditEntry(now_ms, f"desk:{link.extension}", "phone-link-used", link.extension, detail)
        await write_entry(connection, entry)
    return PhoneAccount(PhoneApp(link.link_app), link.extension, password)


async def _manager_id(connection: AsyncConnection, extension: str) -> int:
    manager_id: int | None = (
        await connection.execute(_MANAGER_ID, {"extension": extension})
    ).scalar_one_or_none()
    if manager_id is None:
        raise UnknownManager(extension)
    return manager_id


def _whose(manager_id: int) -> str:
    return f"phone {manager_id}"
