"""Shops that bring orders: by webhooks of their own, or as they are asked for them (`shop_pulls`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import ShopNameTaken, StoreRefused, UnknownManager, UnknownShop
from bridge.store.schema import assignments, managers, shop_managers, shop_orders, shop_pulls, shops
from bridge.vault import ProgramSecrets

_NAME: Final = re.compile(r"[a-z][a-z-]{0,31}")
"""As a token's: without digits, as it is on record and in logs."""

_SEEN_AT_MOST_EVERY_MS: Final = 60_000


class InvalidShopName(StoreRefused):
    def __init__(self) -> None:
        super().__init__("a shop's name is 1 to 32 small letters and hyphens, such as main-shop")


@dataclass(frozen=True, slots=True)
class ShopSource:
    """`managers`: extensions of those who are given its customers, the disabled among them."""

    id: int
    name: str
    kind: str
    secret_sealed: bytes
    created_ms: int
    seen_ms: int | None
    managers: tuple[str, ...]

    @property
    def actor(self) -> str:
        """As the audit names it."""
        return f"shop:{self.name}"

    def open_secret(self, sealer: ProgramSecrets) -> str:
        """Raises SealBroken."""
        return sealer.open(self.secret_sealed, _whose(self.id)).decode()


@dataclass(frozen=True, slots=True)
class LastSaid:
    """Which shop has brought an order, and when it had last changed there."""

    shop_name: str
    changed_ms: int


def _whose(shop_id: int) -> str:
    return f"shop {shop_id}"


_COLUMNS: Final = (
    shops.c.id,
    shops.c.name,
    shops.c.kind,
    shops.c.secret_sealed,
    shops.c.created_ms,
    shops.c.seen_ms,
    func.coalesce(func.group_concat(managers.c.extension, " "), ""),
)
_LIST: Final = (
    select(*_COLUMNS)
    .select_from(
        shops.outerjoin(shop_managers, shop_managers.c.shop_id == shops.c.id).outerjoin(
            managers, managers.c.id == shop_managers.c.manager_id
        )
    )
    .group_by(shops.c.id)
    .order_by(shops.c.name)
)
_BY_NAME: Final = _LIST.where(shops.c.name == bindparam("of_name"))
_ADD: Final = insert(shops).returning(shops.c.id)
_SEAL: Final = (
    update(shops).where(shops.c.id == bindparam("shop_id")).values(secret_sealed=bindparam("sealed"))
)
_MANAGERS: Final = select(managers.c.id, managers.c.extension).where(
    managers.c.extension.in_(bindparam("extensions", expanding=True)), managers.c.disabled_ms.is_(None)
)
_FORGET_MANAGERS: Final = delete(shop_managers).where(shop_managers.c.shop_id == bindparam("of_shop"))
_PULL_NO_MORE: Final = delete(shop_pulls).where(shop_pulls.c.shop_id == bindparam("of_shop"))
_REMOVE: Final = delete(shops).where(shops.c.id == bindparam("of_shop"))
_TOUCH: Final = update(shops).where(shops.c.id == bindparam("of_shop")).values(seen_ms=bindparam("now_ms"))
# Who has the fewest customers of those who take this shop's.
_NEXT_MANAGER: Final = (
    select(managers.c.id)
    .select_from(
        shop_managers.join(managers, managers.c.id == shop_managers.c.manager_id).outerjoin(
            assignments, assignments.c.manager_id == managers.c.id
        )
    )
    .where(shop_managers.c.shop_id == bindparam("of_shop"), managers.c.disabled_ms.is_(None))
    .group_by(managers.c.id)
    .order_by(func.count(assignments.c.customer_id), managers.c.id)
    .limit(1)
)
_LAST_SAID: Final = select(shop_orders.c.shop_name, shop_orders.c.changed_ms).where(
    shop_orders.c.order_code == bindparam("code")
)
_SAY: Final = upsert(shop_orders)
_NOTE_SAID: Final = _SAY.on_conflict_do_update(
    index_elements=[shop_orders.c.order_code], set_={"changed_ms": _SAY.excluded.changed_ms}
)


async def add_shop(
    db: Database,
    sealer: ProgramSecrets,
    name: str,
    kind: str,
    secret: str,
    extensions: Collection[str],
    *,
    actor: str,
    now_ms: int,
) -> ShopSource:
    """A new one, on record. Raises InvalidShopName, ShopNameTaken, UnknownManager."""
    if _NAME.fullmatch(name) is None:
        raise InvalidShopName
    try:
        async with db.write() as connection:
            values = {"name": name, "kind": kind, "secret_sealed": b"", "created_ms": now_ms}
            shop_id: int = (await connection.execute(_ADD, values)).scalar_one()
            sealed = sealer.seal(secret.encode(), _whose(shop_id))
            await connection.execute(_SEAL, {"shop_id": shop_id, "sealed": sealed})
            for manager_id in await _ids_of(connection, extensions):
                await connection.execute(
                    insert(shop_managers), {"shop_id": shop_id, "manager_id": manager_id}
                )
            added = await find_shop(connection, name)
            detail = ", ".join([f"kind={kind}", *(f"extension={each}" for each in added.managers)])
            await write_entry(connection, AuditEntry(now_ms, actor, "shop-add", name, detail))
            return added
    except IntegrityError:
        taken = ShopNameTaken(name)
    raise taken


async def _ids_of(connection: AsyncConnection, extensions: Collection[str]) -> list[int]:
    """Of those who are enabled. Raises UnknownManager."""
    found = {
        row.extension: row.id for row in await connection.execute(_MANAGERS, {"extensions": list(extensions)})
    }
    for extension in extensions:
        if extension not in found:
            raise UnknownManager(extension)
    return list(found.values())


async def list_shops(db: Database) -> list[ShopSource]:
    async with db.read() as connection:
        return [_as_shop(row) for row in await connection.execute(_LIST)]


async def shop_named(db: Database, name: str) -> ShopSource:
    """Raises UnknownShop."""
    async with db.read() as connection:
        return await find_shop(connection, name)


async def remove_shop(db: Database, name: str, *, actor: str, now_ms: int) -> None:
    """Take no more orders from it, on record; those that it has brought stay. Raises UnknownShop."""
    async with db.write() as connection:
        removed = await find_shop(connection, name)
        await connection.execute(_FORGET_MANAGERS, {"of_shop": removed.id})
        await connection.execute(_PULL_NO_MORE, {"of_shop": removed.id})
        await connection.execute(_REMOVE, {"of_shop": removed.id})
        await write_entry(connection, AuditEntry(now_ms, actor, "shop-remove", name))


async def mark_shop_seen(db: Database, shop: ShopSource, now_ms: int) -> None:
    """Note that it sends: once a minute."""
    if now_ms - (shop.seen_ms or 0) >= _SEEN_AT_MOST_EVERY_MS:
        async with db.write() as connection:
            await connection.execute(_TOUCH, {"of_shop": shop.id, "now_ms": now_ms})


async def next_manager(connection: AsyncConnection, shop: ShopSource) -> int | None:
    """Who is given its next customer; None where it has nobody who is enabled."""
    manager_id: int | None = (
        await connection.execute(_NEXT_MANAGER, {"of_shop": shop.id})
    ).scalar_one_or_none()
    return manager_id


async def last_said(connection: AsyncConnection, code: str) -> LastSaid | None:
    """What a shop has said of an order, if any has."""
    row = (await connection.execute(_LAST_SAID, {"code": code})).one_or_none()
    return None if row is None else LastSaid(*row)


async def note_said(connection: AsyncConnection, code: str, said: LastSaid) -> None:
    """In the caller's transaction."""
    values = {"order_code": code, "shop_name": said.shop_name, "changed_ms": said.changed_ms}
    await connection.execute(_NOTE_SAID, values)


async def find_shop(connection: AsyncConnection, name: str) -> ShopSource:
    """Raises UnknownShop."""
    row = (await connection.execute(_BY_NAME, {"of_name": name})).one_or_none()
    if row is None:
        raise UnknownShop(name)
    return _as_shop(row)


def _as_shop(row: Sequence[Any]) -> ShopSource:
    id_, name, kind, sealed, created_ms, seen_ms, extensions = row
    return ShopSource(id_, name, kind, sealed, created_ms, seen_ms, tuple(sorted(extensions.split())))
