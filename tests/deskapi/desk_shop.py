"""A shop whose desk's API is served on a real socket: real database, real keys, a clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
from fastapi import FastAPI

from bridge.api.desk.app import make_desk_app
from bridge.api.server import MOST_OF_THE_DESK, serve_on_socket
from bridge.config import Config, load_config
from bridge.rules import Role
from bridge.store.accounts import begin_enrolment, confirm_enrolment, invite, take_step
from bridge.store.audit import AuditEntry, recent_entries
from bridge.store.database import Database, now_ms
from bridge.store.managers import Manager, add_manager
from bridge.store.sessions import Browser, Lifetime, begin_session
from bridge.switchboard.board import CallView
from bridge.switchboard.phones import Phones
from bridge.switchboard.strangers import Strangers
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.tolls import TollBook
from bridge.vault import KeyRing, Vault

CONFIG = """\
shop:
  name: Example Shop
  country: GB
  timezone: Europe/London
trunk:
  caller_id_name: Example Shop
  caller_id_number: "+442079460000"
  direct: PJSIP/{number}@trunk
keys:
  file: keys
"""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_NEVER = aiohttp.ClientTimeout(total=None)


@dataclass
class ScriptedSwitchboard:
    calls: list[CallView] = field(default_factory=list)

    def watch(self, _watcher: object) -> None:
        """No call of its moves."""

    def leave_alone_by(self, _leave_alone: object) -> None:
        """Nobody presses a key."""

    def compare_by(self, _compare: object) -> None:
        """Nor a number."""

    def tell_of_messages(self, _tell: object) -> None:
        """Nobody leaves one."""

    def live(self) -> list[CallView]:
        return self.calls


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def reason(self) -> str:
        """Of a problem: its stable word."""
        return str(self.body["reason"])


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in; `secret` is that of their second factor."""

    manager: Manager
    token: str
    secret: str | None


class DeskShop:
    """What the API sees as the daemon, and what tests ask it by."""

    app: FastAPI

    def __init__(
        self, folder: Path, database: Database, vault: Vault, http: aiohttp.ClientSession, switchboard: Any
    ) -> None:
        self.folder = folder
        self.database = database
        self.vault: Vault | None = vault
        self.switchboard = switchboard
        self.strangers = Strangers()
        self.phones = Phones()
        self.desk_tasks = Tasks()
        self.now_ms = now_ms()
        self._http = http
        self.config = self.configured("")
        self.toll_book = TollBook(self.config.policy().tolls, longest_seconds=7200)

    def configured(self, more: str) -> Config:
        """The shop's configuration with a few lines more."""
        path = self.folder / "config.yaml"
        path.write_text(CONFIG + more, encoding="utf-8")
        self.config = load_config(path)
        return self.config

    def pass_time(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    async def ask(
        self, method: str, path: str, body: Any = None, *, of: Person | str | None = None, **headers: str
    ) -> Answer:
        """One request, in the name of a person or with a token."""
        token = of.token if isinstance(of, Person) else of
        sent = headers | ({"Authorization": f"Bearer {token}"} if token else {})
        async with self._http.request(method, f"http://desk{path}", json=body, headers=sent) as response:
            read = await response.json(content_type=None) if await response.read() else None
            return Answer(response.status, read, dict(response.headers))

    @asynccontextmanager
    async def stream(self, path: str, *, of: Person) -> AsyncIterator[aiohttp.ClientResponse]:
        """A request whose answer goes on."""
        sent = {"Authorization": f"Bearer {of.token}"}
        async with self._http.get(f"http://desk{path}", headers=sent, timeout=_NEVER) as response:
            yield response

    async def hire(self, extension: str, name: str, role: Role = Role.MANAGER) -> Person:
        """Somebody new, signed in, with a second factor where the role needs one."""
        manager = await add_manager(self.database, name, extension, role.value, actor="cli:test")
        await invite(self.database, extension, actor="cli:test", now_ms=self.now_ms)
        secret = await self._enrol(manager) if role in self.config.desk.second_factor else None
        return Person(manager, await self.session(manager), secret)

    async def session(self, manager: Manager, address: str = "192.0.2.1") -> str:
        """A session's token, as if they had just signed in."""
        desk = self.config.desk
        return await begin_session(
            self.database,
            manager,
            Browser(address, "Firefox"),
            Lifetime(desk.idle_minutes * MINUTE_MS, desk.longest_hours * HOUR_MS),
            complete=True,
            entry=AuditEntry(self.now_ms, f"desk:{manager.extension}", "sign-in", "desk"),
        )

    def code(self, person: Person) -> str:
        """What the person's app shows at this moment."""
        assert person.secret is not None
        return pyotp.TOTP(person.secret).at(self.now_ms // 1000)

    async def audit(self) -> list[tuple[str, str, str, str]]:
        """Actor, act, subject and detail of each row, oldest first."""
        entries = await recent_entries(self.database, 1000)
        return [(each.actor, each.act, each.subject, each.detail) for each in reversed(entries)]

    async def _enrol(self, manager: Manager) -> str:
        assert self.vault is not None
        secret = pyotp.random_base32()
        sealed = self.vault.account_secrets.seal(secret.encode(), manager_id=manager.id)
        record = {"actor": "cli:test", "now_ms": self.now_ms}
        await begin_enrolment(self.database, manager.id, sealed, **record)
        await take_step(self.database, manager.id, self.now_ms // 30_000 - 2)
        await confirm_enrolment(self.database, manager.id, but_session="", **record)
        return secret


@asynccontextmanager
async def open_shop(
    folder: Path, switchboard: Callable[[Database], Any] = lambda _: ScriptedSwitchboard()
) -> AsyncIterator[DeskShop]:
    socket, tasks, vault = folder / "desk.sock", Tasks(), Vault(KeyRing.new())
    connector = aiohttp.UnixConnector(str(socket), limit=0)
    async with (
        await Database.open(folder / "shop.db", migrate=True) as database,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        database.sign_audit_with(vault.audit_signer)
        shop = DeskShop(folder, database, vault, http, switchboard(database))
        shop.app = make_desk_app(shop, clock=lambda: shop.now_ms)
        async with serve_on_socket(shop.app, socket, tasks, most_connections=MOST_OF_THE_DESK):
            yield shop
        await http.close()
        await shop.desk_tasks.finish(seconds=5)
        await tasks.finish(seconds=5)
