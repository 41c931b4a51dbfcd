"""Our side of it: real database, real keys, the real puller, and a clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from listening import until
from pulled_shop import KEY, SECRET, PulledWoo, served

from bridge.outgoing import Reach
from bridge.pulling.asking import Asker
from bridge.pulling.puller import Puller
from bridge.shops import Login
from bridge.shops.plugins import load_shops
from bridge.store.audit import recent_entries
from bridge.store.database import Database, now_ms
from bridge.store.managers import add_manager
from bridge.store.records import Dialled, dial_facts
from bridge.store.shop_pulls import Pull, pull_from, pull_of
from bridge.store.shops import add_shop
from bridge.switchboard.tasks import Tasks
from bridge.vault import KeyRing, Vault

LOOPBACK = ("127.0.0.1/32",)
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
FIRST_DAYS = 14


@dataclass
class PullingShop:
    database: Database
    vault: Vault | None
    woo: PulledWoo
    clock_ms: int = field(default_factory=lambda: now_ms() // 1000 * 1000)
    tasks: Tasks = field(default_factory=Tasks)
    told: list[tuple[int, ...]] = field(default_factory=list)
    """Managers whose queues were said to have changed."""

    def __post_init__(self) -> None:
        self.start()

    def start(self, networks: Iterable[str] = LOOPBACK) -> None:
        """A new puller, which remembers nothing."""
        self.puller = Puller(
            self.database,
            lambda: self.vault,
            Asker(load_shops(), Reach.of(networks)),
            self.tasks,
            lambda: "GB",
            every_ms=MINUTE_MS,
            clock=lambda: self.clock_ms,
        )
        self.puller.tell_of_changes(lambda *ids: self.told.append(ids))

    async def connect(
        self,
        name: str = "woo",
        *,
        kind: str = "woocommerce",
        site: str | None = None,
        login: Login = Login(KEY, SECRET),  # noqa: B008 - it is frozen
    ) -> None:
        assert self.vault is not None
        sealer, at_ms = self.vault.program_secrets, self.clock_ms
        await add_shop(self.database, sealer, name, kind, "hook", ["101"], actor="cli:test", now_ms=at_ms)
        await self.point(name, self.woo.site if site is None else site, login)

    async def point(self, name: str, site: str, login: Login) -> None:
        assert self.vault is not None
        at_ms = self.clock_ms
        await pull_from(
            self.database,
            self.vault.program_secrets,
            name,
            site,
            login,
            since_ms=at_ms - FIRST_DAYS * DAY_MS,
            actor="cli:test",
            now_ms=at_ms,
        )

    async def look(self, after_ms: int = 0) -> None:
        """One look of the puller's, and all that comes of it."""
        self.clock_ms += after_ms
        await self.puller.look()

        async def nothing_goes_on() -> bool:
            return len(self.tasks) == 0

        await until(nothing_goes_on)

    async def pull_row(self, name: str = "woo") -> Pull:
        return await pull_of(self.database, name)

    async def has(self, *codes: str) -> bool:
        """Whether 101 can dial all of these."""
        facts = [await dial_facts(self.database, Dialled("101", code, self.clock_ms)) for code in codes]
        return all(each.contact is not None for each in facts)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(query)]

    async def audit(self) -> list[tuple[str, str, str, str]]:
        """Oldest first."""
        entries = await recent_entries(self.database, 1000)
        return [(each.actor, each.act, each.subject, each.detail) for each in reversed(entries)]


@asynccontextmanager
async def open_pulling_shop(folder: Path) -> AsyncIterator[PullingShop]:
    vault = Vault(KeyRing.new())
    async with await Database.open(folder / "shop.db", migrate=True) as database, served(PulledWoo()) as woo:
        database.sign_audit_with(vault.audit_signer)
        await add_manager(database, "Anna", "101", actor="cli:test")
        shop = PullingShop(database, vault, woo)
        yield shop
        await shop.tasks.finish(seconds=0)
