"""Alarms: what supervisors are to know of, until one of them has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.database import Database, now_ms
from bridge.store.schema import alarms, managers


class AlarmKind(StrEnum):
    NOTE_NUMBER = "note-number"
    NOTE_EMAIL = "note-email"
    READING_FAST = "reading-fast"
    LOCKED_OUT = "locked-out"
    SIGN_IN_ATTACKS = "sign-in-attacks"
    DISCLOSURE = "disclosure"
    WEBHOOK_DISABLED = "webhook-disabled"
    SIP_ATTACKS = "sip-attacks"
    SHOP_NOT_PULLED = "shop-not-pulled"


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """`manager_name` and `extension`: whom it is about, if anybody. `seen_by`: who has seen it, by name."""

    id: int
    at_ms: int
    kind: str
    manager_name: str | None
    extension: str | None
    order_code: str | None
    detail: str
    seen_ms: int | None
    seen_by: str | None


_seer: Final = managers.alias("seer")
_NEWEST: Final = (
    select(
        alarms.c.id,
        alarms.c.at_ms,
        alarms.c.kind,
        managers.c.name,
        managers.c.extension,
        alarms.c.order_code,
        alarms.c.detail,
        alarms.c.seen_ms,
        _seer.c.name,
    )
    .select_from(
        alarms.outerjoin(managers, managers.c.id == alarms.c.manager_id).outerjoin(
            _seer, _seer.c.id == alarms.c.seen_by
        )
    )
    .order_by(alarms.c.id.desc())
    .limit(bindparam("limit"))
)
_OF_MANAGER: Final = _NEWEST.where(alarms.c.manager_id == bindparam("manager_id"))
_UNSEEN: Final = select(func.count()).select_from(alarms).where(alarms.c.seen_ms.is_(None))
_SEE: Final = (
    update(alarms)
    .where(alarms.c.id == bindparam("alarm_id"), alarms.c.seen_ms.is_(None))
    .values(seen_ms=bindparam("now"), seen_by=bindparam("seer_id"))
)
_EXISTS: Final = select(alarms.c.id).where(alarms.c.id == bindparam("alarm_id"))


async def add_alarm(
    db: Database, kind: AlarmKind, *, manager_id: int | None, order_code: str | None, detail: str
) -> None:
    """Tell supervisors. `detail` names things by code and extension; a hidden number is never in it."""
    async with db.write() as connection:
        await write_alarm(connection, kind, manager_id=manager_id, order_code=order_code, detail=detail)


async def write_alarm(
    connection: AsyncConnection,
    kind: AlarmKind,
    *,
    manager_id: int | None,
    order_code: str | None,
    detail: str,
) -> None:
    """As `add_alarm`, in the caller's transaction."""
    values = {"manager_id": manager_id, "order_code": order_code, "detail": detail}
    await connection.execute(insert(alarms), {"at_ms": now_ms(), "kind": kind.value} | values)


async def newest_alarms(db: Database, limit: int) -> list[AlarmRow]:
    """Newest first."""
    async with db.read() as connection:
        return [AlarmRow(*row) for row in await connection.execute(_NEWEST, {"limit": limit})]


async def alarms_about(db: Database, manager_id: int, limit: int) -> list[AlarmRow]:
    """Those that name the manager, newest first."""
    async with db.read() as connection:
        found = await connection.execute(_OF_MANAGER, {"manager_id": manager_id, "limit": limit})
        return [AlarmRow(*row) for row in found]


async def count_unseen(db: Database) -> int:
    async with db.read() as connection:
        count: int = (await connection.execute(_UNSEEN)).scalar_one()
    return count


async def see_alarm(db: Database, alarm_id: int, seer_id: int) -> bool:
    """Note who has seen it, the first one; False where there is no such alarm."""
    async with db.write() as connection:
        seen = {"alarm_id": alarm_id, "now": now_ms(), "seer_id": seer_id}
        await connection.execute(_SEE, seen)
        return (await connection.execute(_EXISTS, {"alarm_id": alarm_id})).first() is not None
