"""The people of the desk, as those who look after them see them, and what is done when one of them leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules import Role
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import (
    ExtensionTaken,
    LastOwner,
    ManagerDisabled,
    NobodyToTakeOver,
    OwnersOnly,
    UnknownManager,
)
from bridge.store.managers import MANAGER_COLUMNS, Manager, as_manager, check_extension
from bridge.store.phones import drop_phone
from bridge.store.schema import accounts, assignments, managers, orders, sessions
from bridge.store.sessions import Lifetime, end_sessions

# --- who is there ---


@dataclass(frozen=True, slots=True)
class Person:
    """A manager, with what they have to do and how they sign in."""

    manager: Manager
    customers: int
    orders_to_call: int
    signed_in: bool
    has_password: bool
    second_factor: bool


_signed_in: Final = (
    select(sessions.c.id)
    .where(
        sessions.c.manager_id == managers.c.id,
        sessions.c.complete == 1,
        sessions.c.seen_ms > bindparam("seen_after"),
        sessions.c.created_ms > bindparam("created_after"),
    )
    .correlate(managers)
    .exists()
)
# Letter by letter as the index has it.
_is_to_call: Final[ColumnElement[bool]] = literal_column("orders.why <> 'done'")


def _people(customers: Any, orders_to_call: Any) -> Select[Any]:
    return (
        select(
            *MANAGER_COLUMNS,
            func.coalesce(customers, 0),
            func.coalesce(orders_to_call, 0),
            _signed_in,
            accounts.c.password_hash.is_not(None),
            accounts.c.totp_since_ms.is_not(None),
        )
        .select_from(managers.outerjoin(accounts, accounts.c.manager_id == managers.c.id))
        .order_by(managers.c.extension)
    )


# Of everybody each index is walked once: from the orders that are to be called to whose they are.
_all_customers: Final = (
    select(assignments.c.manager_id, func.count().label("count"))
    .group_by(assignments.c.manager_id)
    .subquery("all_customers")
)
_all_orders: Final = (
    select(assignments.c.manager_id, func.count().label("count"))
    # The plus has SQLite begin with the orders: it would go through every customer's, done ones as well.
    .join_from(orders, assignments, assignments.c.customer_id == literal_column("+orders.customer_id"))
    .where(_is_to_call)
    .group_by(assignments.c.manager_id)
    .subquery("all_orders")
)
_PEOPLE: Final = (
    _people(_all_customers.c.count, _all_orders.c.count)
    .outerjoin(_all_customers, _all_customers.c.manager_id == managers.c.id)
    .outerjoin(_all_orders, _all_orders.c.manager_id == managers.c.id)
)

# Of one, from their customers to the orders.
_theirs: Final = select(func.count()).where(assignments.c.manager_id == managers.c.id).correlate(managers)
_with_orders: Final = assignments.join(orders, orders.c.customer_id == assignments.c.customer_id)
_PERSON: Final = _people(
    _theirs.select_from(assignments).scalar_subquery(),
    _theirs.select_from(_with_orders).where(_is_to_call).scalar_subquery(),
).where(managers.c.extension == bindparam("extension"))


async def people(db: Database, lifetime: Lifetime, now_ms: int) -> list[Person]:
    """Everybody, disabled ones too, by extension."""
    async with db.read() as connection:
        rows = await connection.execute(_PEOPLE, _open_since(lifetime, now_ms))
        return [_as_person(row) for row in rows]


async def person(db: Database, extension: str, lifetime: Lifetime, now_ms: int) -> Person:
    """Raises UnknownManager."""
    async with db.read() as connection:
        asked = _open_since(lifetime, now_ms) | {"extension": extension}
        row = (await connection.execute(_PERSON, asked)).one_or_none()
    if row is None:
        raise UnknownManager(extension)
    return _as_person(row)


def _open_since(lifetime: Lifetime, now_ms: int) -> dict[str, Any]:
    return {"seen_after": now_ms - lifetime.idle_ms, "created_after": now_ms - lifetime.longest_ms}


def _as_person(row: Sequence[Any]) -> Person:
    return Person(as_manager(row[:6]), *row[6:])


# --- who may be acted upon ---

_BY_EXTENSION: Final = select(*MANAGER_COLUMNS).where(managers.c.extension == bindparam("extension"))
_ENABLED_OWNERS: Final = (
    select(func.count())
    .select_from(managers)
    .where(managers.c.role == Role.OWNER.value, managers.c.disabled_ms.is_(None))
)
_SET_DISABLED: Final = (
    update(managers).where(managers.c.id == bindparam("of_manager")).values(disabled_ms=bindparam("since_ms"))
)


_SET_EXTENSION: Final = (
    update(managers)
    .where(managers.c.id == bindparam("of_manager"))
    .values(extension=bindparam("to_extension"))
)
_SET_LOGIN: Final = (
    update(accounts)
    .where(accounts.c.manager_id == bindparam("of_manager"))
    .values(login=bindparam("to_extension"))
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts on others, as the audit names them, and what they may."""

    name: str
    role: Role


async def set_enabled(db: Database, extension: str, *, enabled: bool, actor: Actor, now_ms: int) -> None:
    """Let somebody sign in and call, or no longer, on record; disabling ends their sessions.

    Raises UnknownManager, OwnersOnly, LastOwner.
    """
    async with db.write() as connection:
        manager = await _to_act_on(connection, extension, actor)
        if manager.disabled is not enabled:
            return
        if enabled:
            await connection.execute(_SET_DISABLED, {"of_manager": manager.id, "since_ms": None})
            await write_entry(connection, AuditEntry(now_ms, actor.name, "manager-enable", extension))
        else:
            ended = await _disable(connection, manager, now_ms)
            detail = f"sessions ended: {ended}"
            entry = AuditEntry(now_ms, actor.name, "manager-disable", extension, detail)
            await write_entry(connection, entry)


async def change_extension(db: Database, extension: str, to: str, actor: Actor, now_ms: int) -> int:
    """Let somebody have another extension, and sign in by it, on record; returns how many sessions ended.

    Customers, records and password stay theirs; the phone's password, which is the old extension's, goes.
    Raises UnknownManager, InvalidManager, ExtensionTaken.
    """
    check_extension(to)
    try:
        async with db.write() as connection:
            manager = await _to_act_on(connection, extension, actor)
            of = {"of_manager": manager.id, "to_extension": to}
            await connection.execute(_SET_EXTENSION, of)
            await connection.execute(_SET_LOGIN, of)
            await drop_phone(connection, manager.id)
            ended = await end_sessions(connection, manager.id)
            detail = f"was={extension}, sessions ended: {ended}"
            await write_entry(connection, AuditEntry(now_ms, actor.name, "manager-extension", to, detail))
            return ended
    except IntegrityError:
        taken = ExtensionTaken(to)
    raise taken


async def _to_act_on(connection: AsyncConnection, extension: str, actor: Actor) -> Manager:
    row = (await connection.execute(_BY_EXTENSION, {"extension": extension})).one_or_none()
    if row is None:
        raise UnknownManager(extension)
    manager = as_manager(row)
    if manager.role == Role.OWNER and actor.role is not Role.OWNER:
        raise OwnersOnly
    return manager


async def _disable(connection: AsyncConnection, manager: Manager, now_ms: int) -> int:
    """Returns how many sessions were ended by it."""
    if manager.role == Role.OWNER and (await connection.execute(_ENABLED_OWNERS)).scalar_one() == 1:
        raise LastOwner
    await connection.execute(_SET_DISABLED, {"of_manager": manager.id, "since_ms": now_ms})
    return await end_sessions(connection, manager.id)


# --- leaving ---


@dataclass(frozen=True, slots=True)
class Leaving:
    """`to`: the extension of whoever takes the customers over; None spreads them over all managers.

    With `for_good` the manager is disabled and signed out; else they are away for a while.
    """

    extension: str
    to: str | None
    for_good: bool


@dataclass(frozen=True, slots=True)
class Gone:
    customers_moved: int
    sessions_ended: int


_CUSTOMERS_OF: Final = (
    select(assignments.c.customer_id)
    .where(assignments.c.manager_id == bindparam("manager_id"))
    .order_by(assignments.c.customer_id)
)
_HEIRS: Final = (
    select(managers.c.id)
    .select_from(managers.outerjoin(assignments, assignments.c.manager_id == managers.c.id))
    .where(
        managers.c.role == Role.MANAGER.value,
        managers.c.disabled_ms.is_(None),
        managers.c.id != bindparam("manager_id"),
    )
    .group_by(managers.c.id)
    .order_by(func.count(assignments.c.customer_id), managers.c.id)
)
_HAND_OVER: Final = upsert(assignments).on_conflict_do_update(
    index_elements=[assignments.c.customer_id],
    set_={
        "manager_id": upsert(assignments).excluded.manager_id,
        "since_ms": upsert(assignments).excluded.since_ms,
    },
)


async def let_go(db: Database, leaving: Leaving, actor: Actor, now_ms: int) -> Gone:
    """Hand a manager's customers over, and end their access if they leave for good: all of it, or nothing.

    Raises UnknownManager, OwnersOnly, LastOwner, ManagerDisabled (of `to`), NobodyToTakeOver.
    """
    async with db.write() as connection:
        manager = await _to_act_on(connection, leaving.extension, actor)
        moved = (await connection.execute(_CUSTOMERS_OF, {"manager_id": manager.id})).scalars().all()
        heirs = await _heirs(connection, manager, leaving.to) if moved or leaving.to else ()
        await _hand_over(connection, moved, heirs, now_ms)
        leaves = leaving.for_good and not manager.disabled
        ended = await _disable(connection, manager, now_ms) if leaves else 0
        act = "departure" if leaving.for_good else "absence"
        detail = f"to={leaving.to or 'all'}, customers moved: {len(moved)}, sessions ended: {ended}"
        await write_entry(connection, AuditEntry(now_ms, actor.name, act, leaving.extension, detail))
    return Gone(len(moved), ended)


async def _heirs(connection: AsyncConnection, manager: Manager, to: str | None) -> Sequence[int]:
    """Who takes over: the one who is named, or all managers, those with the fewest customers first."""
    if to is None:
        spread = (await connection.execute(_HEIRS, {"manager_id": manager.id})).scalars().all()
        if not spread:
            raise NobodyToTakeOver
        return spread
    row = (await connection.execute(_BY_EXTENSION, {"extension": to})).one_or_none()
    if row is None:
        raise UnknownManager(to)
    heir = as_manager(row)
    if heir.id == manager.id:
        raise NobodyToTakeOver
    if heir.disabled:
        raise ManagerDisabled(to)
    return (heir.id,)


async def _hand_over(
    connection: AsyncConnection, customer_ids: Sequence[int], heirs: Sequence[int], now_ms: int
) -> None:
    """In turn, so that nobody gets more than one customer more than another."""
    if customer_ids:
        await connection.execute(
            _HAND_OVER,
            [
                {"customer_id": customer_id, "manager_id": heirs[place % len(heirs)], "since_ms": now_ms}
                for place, customer_id in enumerate(customer_ids)
            ],
        )
