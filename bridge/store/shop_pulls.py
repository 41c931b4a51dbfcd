"""Shops that are asked for their orders: where, by which login, how far that has come, and what was wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.shops import Login
from bridge.store.alarms import AlarmKind, write_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database
from bridge.store.errors import ShopNotPulled
from bridge.store.schema import shop_pulls, shops
from bridge.store.shops import find_shop
from bridge.vault import ProgramSecrets


@dataclass(frozen=True, slots=True)
class Place:
    """How far a shop is read: what changed at `since_ms` or later, from this page on.

    `newest_ms`: the latest change seen on the pages before; from there it goes on after the last one.
    """

    since_ms: int
    page: str | None = None
    newest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """A shop that is asked. `said`: what came of it last, in a word. Times are milliseconds, UTC."""

    shop_id: int
    shop_name: str
    kind: str
    site: str
    login_sealed: bytes
    place: Place
    pulled_ms: int | None
    said: str | None
    failing_since_ms: int | None
    alarmed_ms: int | None

    def open_login(self, sealer: ProgramSecrets) -> Login:
        """It opens for this shop at this site alone: an address that was altered is told nothing.

        Raises SealBroken.
        """
        key, secret = json.loads(sealer.open(self.login_sealed, _whose(self.shop_id, self.site)))
        return Login(key, secret)


def _whose(shop_id: int, site: str) -> str:
    return f"login of shop {shop_id} at {site}"


_LIST: Final = (
    select(
        shops.c.id,
        shops.c.name,
        shops.c.kind,
        shop_pulls.c.site,
        shop_pulls.c.login_sealed,
        shop_pulls.c.since_ms,
        shop_pulls.c.page,
        shop_pulls.c.newest_ms,
        shop_pulls.c.pulled_ms,
        shop_pulls.c.said,
        shop_pulls.c.failing_since_ms,
        shop_pulls.c.alarmed_ms,
    )
    .select_from(shop_pulls.join(shops, shops.c.id == shop_pulls.c.shop_id))
    .order_by(shops.c.id)
)
_BY_NAME: Final = _LIST.where(shops.c.name == bindparam("of_name"))
_SET: Final = upsert(shop_pulls)
_SET_UP: Final = _SET.on_conflict_do_update(
    index_elements=[shop_pulls.c.shop_id],
    set_={
        "site": _SET.excluded.site,
        "login_sealed": _SET.excluded.login_sealed,
        "since_ms": _SET.excluded.since_ms,
        "page": None,
        "newest_ms": None,
        "said": None,
        "failing_since_ms": None,
        "alarmed_ms": None,
    },
)
_STOP: Final = delete(shop_pulls).where(shop_pulls.c.shop_id == bindparam("of_shop"))
_OF_SHOP: Final = update(shop_pulls).where(
    shop_pulls.c.shop_id == bindparam("of_shop"), shop_pulls.c.login_sealed == bindparam("of_login")
)
_ARRIVED: Final = _OF_SHOP.values(
    since_ms=bindparam("since"),
    page=bindparam("next_page"),
    newest_ms=bindparam("newest"),
    pulled_ms=bindparam("now_ms"),
    said=bindparam("word"),
    failing_since_ms=None,
    alarmed_ms=None,
)
_FAILED: Final = _OF_SHOP.values(
    page=bindparam("next_page"),
    newest_ms=bindparam("newest"),
    said=bindparam("word"),
    failing_since_ms=bindparam("since"),
    alarmed_ms=bindparam("alarmed"),
)


async def pull_from(
    db: Database,
    sealer: ProgramSecrets,
    name: str,
    site: str,
    login: Login,
    *,
    since_ms: int,
    actor: str,
    now_ms: int,
) -> None:
    """Ask a shop there, by this login, from now on, for what has changed since; on record.

    It takes the place of where it was asked before. Raises UnknownShop.
    """
    async with db.write() as connection:
        shop = await find_shop(connection, name)
        sealed = sealer.seal(json.dumps([login.key, login.secret]).encode(), _whose(shop.id, site))
        values = {"shop_id": shop.id, "site": site, "login_sealed": sealed, "since_ms": since_ms}
        await connection.execute(_SET_UP, values)
        host = urlsplit(site).hostname or ""
        await write_entry(connection, AuditEntry(now_ms, actor, "shop-pull-from", name, f"host={host}"))


async def pull_no_more(db: Database, name: str, *, actor: str, now_ms: int) -> None:
    """Forget where, and the login, on record. Raises UnknownShop, ShopNotPulled."""
    async with db.write() as connection:
        shop = await find_shop(connection, name)
        if (await connection.execute(_STOP, {"of_shop": shop.id})).rowcount == 0:
            raise ShopNotPulled(name)
        await write_entry(connection, AuditEntry(now_ms, actor, "shop-pull-stop", name))


async def list_pulls(db: Database) -> list[Pull]:
    async with db.read() as connection:
        return [_as_pull(row) for row in await connection.execute(_LIST)]


async def pull_of(db: Database, name: str) -> Pull:
    """Raises UnknownShop, ShopNotPulled."""
    async with db.read() as connection:
        row = (await connection.execute(_BY_NAME, {"of_name": name})).one_or_none()
        if row is None:
            await find_shop(connection, name)
            raise ShopNotPulled(name)
    return _as_pull(row)


async def note_page(db: Database, pull: Pull, place: Place, word: str, now_ms: int) -> bool:
    """That a page was read, all of whose orders are on disk, and where it goes on.

    Whoever is killed before reads it again, which changes nothing. False where the shop is asked no more, or
    elsewhere, or by another login, which begins anew.
    """
    values = {"since": place.since_ms, "next_page": place.page, "newest": place.newest_ms}
    of = {"of_shop": pull.shop_id, "of_login": pull.login_sealed}
    async with db.write() as connection:
        done = await connection.execute(_ARRIVED, values | of | {"now_ms": now_ms, "word": word})
        return done.rowcount == 1


async def note_no_page(
    db: Database, pull: Pull, word: str, now_ms: int, *, place: Place, alarm_after_ms: int
) -> None:
    """That none was read, and why. Where that has lasted for so long, supervisors are told, once."""
    since_ms = now_ms if pull.failing_since_ms is None else pull.failing_since_ms
    tell = pull.alarmed_ms is None and now_ms - since_ms >= alarm_after_ms
    values = {
        "of_shop": pull.shop_id,
        "of_login": pull.login_sealed,
        "next_page": place.page,
        "newest": place.newest_ms,
        "word": word,
        "since": since_ms,
        "alarmed": now_ms if tell else pull.alarmed_ms,
    }
    async with db.write() as connection:
        done = await connection.execute(_FAILED, values)
        if tell and done.rowcount == 1:
            await _tell_supervisors(connection, pull, word)


async def _tell_supervisors(connection: AsyncConnection, pull: Pull, word: str) -> None:
    detail = f"shop={pull.shop_name}, pull={word}"
    await write_alarm(connection, AlarmKind.SHOP_NOT_PULLED, manager_id=None, order_code=None, detail=detail)


def _as_pull(row: Sequence[Any]) -> Pull:
    id_, name, kind, site, sealed, since_ms, page, newest_ms, *rest = row
    return Pull(id_, name, kind, site, sealed, Place(since_ms, page, newest_ms), *rest)
