"""Limits of single managers, below those of the configuration."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bridge.rules.own_limits import NO_OWN_LIMITS, OwnLimits
from bridge.rules.policy import TimeRange
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import UnknownManager
from bridge.store.schema import manager_limits, managers

_COLUMNS: Final = (
    manager_limits.c.calls_per_hour,
    manager_limits.c.calls_per_day,
    manager_limits.c.minutes_per_day,
    manager_limits.c.spend_per_day,
    manager_limits.c.hours_start,
    manager_limits.c.hours_end,
)
_ALL: Final = select(managers.c.extension, *_COLUMNS).join_from(manager_limits, managers)
_ONE: Final = (
    select(managers.c.id, *_COLUMNS)
    .select_from(managers.outerjoin(manager_limits, manager_limits.c.manager_id == managers.c.id))
    .where(managers.c.extension == bindparam("extension"))
)
_SET: Final = upsert(manager_limits).on_conflict_do_update(
    index_elements=[manager_limits.c.manager_id],
    set_={each.name: upsert(manager_limits).excluded[each.name] for each in _COLUMNS},
)
_CLEAR: Final = delete(manager_limits).where(manager_limits.c.manager_id == bindparam("of_manager"))


async def all_own_limits(db: Database) -> dict[str, OwnLimits]:
    """By extension, of those who have any."""
    async with db.read() as connection:
        return {extension: _limits(row) for extension, *row in await connection.execute(_ALL)}


async def own_limits_of(db: Database, extension: str) -> OwnLimits:
    """Raises UnknownManager."""
    async with db.read() as connection:
        row = (await connection.execute(_ONE, {"extension": extension})).one_or_none()
    if row is None:
        raise UnknownManager(extension)
    return _limits(row[1:])


async def set_own_limits(
    db: Database, extension: str, limits: OwnLimits, *, actor: str, now_ms: int
) -> OwnLimits:
    """Let them hold from now on, on record; returns those before. Raises UnknownManager."""
    async with db.write() as connection:
        row = (await connection.execute(_ONE, {"extension": extension})).one_or_none()
        if row is None:
            raise UnknownManager(extension)
        before = _limits(row[1:])
        if limits.are_any:
            await connection.execute(_SET, {"manager_id": row.id, **_values(limits)})
        else:
            await connection.execute(_CLEAR, {"of_manager": row.id})
        detail = f"{written(before)} -> {written(limits)}"
        await write_entry(connection, AuditEntry(now_ms, actor, "manager-limits", extension, detail))
    return before


def written(limits: OwnLimits) -> str:
    """As the audit has them: `calls/h=5 calls/day=50 minutes/day=- spend/day=3.50 hours=09:00-17:00`."""
    hours = limits.hours
    values = {
        "calls/h": limits.calls_per_hour,
        "calls/day": limits.calls_per_day,
        "minutes/day": limits.minutes_per_day,
        "spend/day": limits.spend_per_day,
        "hours": hours and str(hours),
    }
    return " ".join(f"{name}={'-' if value is None else value}" for name, value in values.items())


def _limits(row: Any) -> OwnLimits:
    calls_per_hour, calls_per_day, minutes_per_day, spend, start, end = row
    if all(value is None for value in row):
        return NO_OWN_LIMITS
    return OwnLimits(
        calls_per_hour,
        calls_per_day,
        minutes_per_day,
        None if spend is None else Decimal(spend),
        None if start is None else TimeRange(start, end),
    )


def _values(limits: OwnLimits) -> dict[str, Any]:
    hours = limits.hours
    return {
        "calls_per_hour": limits.calls_per_hour,
        "calls_per_day": limits.calls_per_day,
        "minutes_per_day": limits.minutes_per_day,
        "spend_per_day": None if limits.spend_per_day is None else str(limits.spend_per_day),
        "hours_start": hours and hours.start,
        "hours_end": hours and hours.end,
    }
