"""Managers: the people who call, known by the extension that the PBX has authenticated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bridge.rules.dialling import Role
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database, now_ms
from bridge.store.errors import ExtensionTaken, InvalidManager, UnknownManager
from bridge.store.schema import assignments, managers, sessions

_EXTENSION: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class Manager:
    id: int
    name: str
    extension: str
    role: str
    language: str | None
    disabled: bool


MANAGER_COLUMNS: Final = (
    managers.c.id,
    managers.c.name,
    managers.c.extension,
    managers.c.role,
    managers.c.language,
    managers.c.disabled_ms,
)
"""What `as_manager` reads, in its order."""

_LIST: Final = select(*MANAGER_COLUMNS).order_by(managers.c.extension)
_BY_EXTENSION: Final = select(*MANAGER_COLUMNS).where(managers.c.extension == bindparam("extension"))
_COUNT_CUSTOMERS: Final = (
    select(func.count())
    .select_from(assignments.join(managers, managers.c.id == assignments.c.manager_id))
    .where(managers.c.extension == bindparam("extension"))
)
_DISABLE: Final = (
    update(managers)
    .where(managers.c.extension == bindparam("of_extension"), managers.c.disabled_ms.is_(None))
    .values(disabled_ms=bindparam("at_ms"))
)

_END_SESSIONS: Final = delete(sessions).where(
    sessions.c.manager_id.in_(select(managers.c.id).where(managers.c.extension == bindparam("of_extension")))
)


def as_manager(row: Sequence[Any]) -> Manager:
    id_, name, extension, role, language, disabled_ms = row
    return Manager(id_, name, extension, role, language, disabled=disabled_ms is not None)


async def add_manager(
    db: Database,
    name: str,
    extension: str,
    role: str = Role.MANAGER,
    language: str | None = None,
    *,
    actor: str,
) -> Manager:
    """Let somebody call, on record. Raises InvalidManager, ExtensionTaken."""
    _check(name, extension, role)
    try:
        async with db.write() as connection:
            inserted = await connection.execute(
                insert(managers).returning(*MANAGER_COLUMNS),
                {
                    "name": name.strip(),
                    "extension": extension,
                    "role": role,
                    "language": language,
                    "created_ms": now_ms(),
                },
            )
            await write_entry(
                connection, AuditEntry(now_ms(), actor, "manager-add", extension, f"role={role}")
            )
            return as_manager(inserted.one())
    except IntegrityError:
        taken = ExtensionTaken(extension)
    raise taken


async def list_managers(db: Database) -> list[Manager]:
    async with db.read() as connection:
        return [as_manager(row) for row in await connection.execute(_LIST)]


async def enabled_ids(db: Database) -> dict[str, int]:
    """Ids of those who are not disabled, by extension."""
    return {each.extension: each.id for each in await list_managers(db) if not each.disabled}


async def manager_by_extension(db: Database, extension: str) -> Manager | None:
    async with db.read() as connection:
        row = (await connection.execute(_BY_EXTENSION, {"extension": extension})).one_or_none()
    return None if row is None else as_manager(row)


async def count_customers(db: Database, extension: str) -> int:
    """How many customers the manager with this extension serves."""
    async with db.read() as connection:
        count: int = (await connection.execute(_COUNT_CUSTOMERS, {"extension": extension})).scalar_one()
    return count


async def disable_manager(db: Database, extension: str, actor: str) -> Manager:
    """Let the manager call no more, and sign them out, on record; one who is disabled stays so.

    Raises UnknownManager.
    """
    async with db.write() as connection:
        await connection.execute(_DISABLE, {"of_extension": extension, "at_ms": now_ms()})
        row = (await connection.execute(_BY_EXTENSION, {"extension": extension})).one_or_none()
        if row is None:
            raise UnknownManager(extension)
        await connection.execute(_END_SESSIONS, {"of_extension": extension})
        await write_entry(connection, AuditEntry(now_ms(), actor, "manager-disable", extension))
    return as_manager(row)


def check_extension(extension: str) -> None:
    """Raises InvalidManager."""
    if not _EXTENSION.fullmatch(extension):
        raise InvalidManager(
            "an extension is 1 to 32 letters, digits, dashes and underscores: a PJSIP endpoint's name"
        )


def _check(name: str, extension: str, role: str) -> None:
    if not name.strip():
        raise InvalidManager("a manager needs a name")
    check_extension(extension)
    if role not in set(Role):
        raise InvalidManager(f"a role is one of: {', '.join(Role)}")
