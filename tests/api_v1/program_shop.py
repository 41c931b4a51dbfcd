"""A shop whose API for integrators is served on TCP: real database, real keys, a clock that tests set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
from desk_shop import CONFIG
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope
from work_shop import board_of

from bridge.api.desk.app import make_desk_app
from bridge.api.server import serve_on_address, serve_on_socket
from bridge.api.v1.app import make_v1_app
from bridge.config import Config, load_config
from bridge.proof.scan import Scanner
from bridge.rules.scopes import Scope
from bridge.store.api_tokens import add_token
from bridge.store.audit import recent_entries
from bridge.store.database import Database, now_ms
from bridge.store.managers import Manager, add_manager
from bridge.switchboard.board import Switchboard
from bridge.switchboard.phones import Phones
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.tolls import TollBook
from bridge.vault import KeyRing, Vault
from labkit.plan import TCP
from labkit.ports import free_port

CANARIES = ("+447700900123", "+447700900124", "+442079460101")
"""Fictional numbers: they go in, and every byte of every answer is searched for them."""

DAY_MS = 24 * 3_600_000

_NEVER = aiohttp.ClientTimeout(total=None)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Of a problem: its stable word."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.body["status"] == self.status
        return str(self.body["reason"])

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.body["errors"]]


class ProgramShop:
    """What the API sees as the daemon, and what tests ask it by. Anna is 101, Boris 102."""

    app: FastAPI
    token: str

    def __init__(self, folder: Path, database: Database, vault: Vault, switchboard: Switchboard) -> None:
        self.folder = folder
        self.database = database
        self.vault: Vault | None = vault
        self.switchboard = switchboard
        self.phones = Phones()
        self.desk_tasks = Tasks()
        self.now_ms = now_ms()
        self.port = free_port("127.0.0.1", TCP)
        self.received = bytearray()
        """Every byte of every answer, whoever asked."""
        self.config = self.configured("")
        self.toll_book = TollBook(self.config.policy().tolls, longest_seconds=7200)

    def configured(self, more: str) -> Config:
        path = self.folder / "config.yaml"
        path.write_text(f"{CONFIG}api:\n  listen: 127.0.0.1:{self.port}\n{more}", encoding="utf-8")
        self.config = load_config(path)
        return self.config

    @property
    def desk_socket(self) -> Path:
        return self.folder / "desk.sock"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pass_time(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    async def new_token(self, name: str, scopes: Iterable[Scope] = Scope, days: int = 90) -> str:
        ends_ms = self.now_ms + days * DAY_MS
        _, text = await add_token(
            self.database, name, set(scopes), ends_ms=ends_ms, actor="cli:test", now_ms=self.now_ms
        )
        return text

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> Answer:
        """One request with the shop's token, or another; headers by their names with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {self.token if token is None else token}"}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent = {"Content-Type": "application/json"} | sent
        return await self.send(method, path, data, sent)

    async def send(self, method: str, path: str, data: Any, headers: dict[str, str]) -> Answer:
        """One request as it is given."""
        async with (
            aiohttp.ClientSession(auto_decompress=False) as http,
            http.request(
                method, self.url + path, data=data, headers=headers, skip_auto_headers=["Content-Type"]
            ) as response,
        ):
            read = await response.read()
            told = json.loads(read) if read else None
            return Answer(response.status, told, response.headers.copy())

    @asynccontextmanager
    async def stream(self, token: str | None = None, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """GET /v1/events, whose answer goes on."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {self.token if token is None else token}"}
        async with (
            aiohttp.ClientSession(timeout=_NEVER) as http,
            http.get(f"{self.url}/v1/events", headers=sent) as response,
        ):
            yield response

    async def audit(self) -> list[tuple[str, str, str, str]]:
        """Actor, act, subject and detail of each row, oldest first."""
        entries = await recent_entries(self.database, 1000)
        return [(each.actor, each.act, each.subject, each.detail) for each in reversed(entries)]

    async def hire(self, extension: str, name: str) -> Manager:
        return await add_manager(self.database, name, extension, actor="cli:test")


def order(code: str = "1042", phone: str = CANARIES[0], name: str = "Harriet Vane", **more: Any) -> Any:
    """The body of an order, of 101's unless told otherwise."""
    customer = {"name": name, "phones": [phone], **more.pop("customer", {})}
    return {"code": code, "customer": customer, "manager": "101"} | more


def found_in(data: bytes, numbers: Collection[str] = CANARIES) -> list[str]:
    """In which forms one of the numbers can be read there."""
    return [finding.form for number in numbers for finding in Scanner(number, "GB").scan(data)]


def recorded(app: ASGIApp, received: bytearray) -> ASGIApp:
    """The application, with every byte of what it answers written down."""

    async def recording(scope: AsgiScope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            received.extend(repr(message.get("headers", "")).encode() + message.get("body", b"") + b"\n")
            await send(message)

        await app(scope, receive, sending)

    return recording


@asynccontextmanager
async def open_program_shop(folder: Path) -> AsyncIterator[ProgramShop]:
    tasks, vault = Tasks(), Vault(KeyRing.new())
    async with await Database.open(folder / "shop.db", migrate=True) as database:
        database.sign_audit_with(vault.audit_signer)
        shop = ProgramShop(folder, database, vault, board_of(database))
        await shop.hire("101", "Anna")
        await shop.hire("102", "Boris")
        shop.token = await shop.new_token("crm")
        desk = make_desk_app(shop, clock=lambda: shop.now_ms)
        shop.app = make_v1_app(shop, desk.state.work, clock=lambda: shop.now_ms)
        app = cast(FastAPI, recorded(shop.app, shop.received))
        async with (
            serve_on_socket(desk, shop.desk_socket, tasks, name="desk"),
            serve_on_address(app, ("127.0.0.1", shop.port), tasks, name="programs"),
        ):
            yield shop
        shop.switchboard.give_up_unanswered()
        await asyncio.sleep(0)
        await shop.desk_tasks.finish(seconds=5)
        await tasks.finish(seconds=5)
