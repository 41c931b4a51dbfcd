"""A shop whose webhooks are told, and a program that hears it: real database, real keys, real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp.abc import AbstractResolver
from listening import Kept, Listener, until

from bridge.calls.model import Result
from bridge.outgoing import Reach
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.records import Finished, NewCall, begin_call, note
from bridge.store.webhook_outbox import CHOSEN, HookEvent, count_waiting
from bridge.store.webhooks import Webhook, add_webhook, list_webhooks
from bridge.switchboard.tasks import Tasks
from bridge.vault import KeyRing, Vault
from bridge.webhooks.courier import Courier
from bridge.webhooks.sender import Sender
from bridge.webhooks.signing import new_secret

LOOPBACK = ("127.0.0.1/32",)
DAY_MS = 24 * 3_600_000


class Heard(Kept):
    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Program(Listener):
    """What hears webhooks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Path(__file__).with_name("hook_receiver.py"), folder / "heard")

    def heard(self, path: str | None = None) -> list[Heard]:
        return [each for line in self.lines() if path in (None, (each := Heard(**line)).path)]


@dataclass
class HookShop:
    database: Database
    vault: Vault
    program: Program
    clock_ms: int = field(default_factory=now_ms)
    tasks: Tasks = field(default_factory=Tasks)

    def __post_init__(self) -> None:
        self.sender = self.sending()

    def sending(
        self,
        networks: Iterable[str] = LOOPBACK,
        resolver: AbstractResolver | None = None,
        disable_after_ms: int = 5 * DAY_MS,
    ) -> Sender:
        self.sender = Sender(
            self.database,
            lambda: self.vault,
            Courier(Reach.of(networks), resolver),
            self.tasks,
            disable_after_ms=disable_after_ms,
            clock=lambda: self.clock_ms,
            chance=lambda: 0.5,
        )
        return self.sender

    async def add(
        self, path: str, events: Iterable[HookEvent] = CHOSEN, *, url: str | None = None
    ) -> tuple[Webhook, bytes]:
        secret = new_secret()
        address = self.program.url(path) if url is None else url
        sealer = self.vault.program_secrets
        webhook = await add_webhook(
            self.database, sealer, address, set(events), secret, actor="cli:test", now_ms=self.clock_ms
        )
        return webhook, secret

    async def call(self, call_id: str, result: Result = Result.TALKED, code: str = "1042") -> None:
        """A call that has ended."""
        at_ms = self.clock_ms
        call = NewCall(call_id, "dial-order", code, None, None, None, at_ms)
        await begin_call(self.database, call, AuditEntry(at_ms, "101", "dial", f"order {code}"))
        await note(self.database, [Finished(call_id, at_ms + 1, result.value, 16)])
        self.clock_ms += 2

    async def look(self) -> None:
        """One look of the sender's, and all that comes of it."""
        await self.sender.look()
        await until(lambda: _nothing_of(self.tasks))

    async def until_told(self) -> None:
        """Look until nothing waits, with the time passing that is needed."""

        async def told() -> bool:
            await self.look()
            self.clock_ms += 3_600_000
            return await count_waiting(self.database) == 0

        await until(told)

    async def webhook(self, webhook_id: int) -> Webhook:
        return next(each for each in await list_webhooks(self.database) if each.id == webhook_id)

    async def rows(self, of: str = "attempts, next_ms, delivered_ms, answer") -> list[tuple[Any, ...]]:
        async with self.database.read() as connection:
            found = await connection.exec_driver_sql(f"SELECT {of} FROM webhook_outbox ORDER BY id")
            return [tuple(row) for row in found]


async def _nothing_of(tasks: Tasks) -> bool:
    return len(tasks) == 0


@asynccontextmanager
async def open_hook_shop(folder: Path) -> AsyncIterator[HookShop]:
    program = Program(folder)
    await program.start()
    try:
        async with await Database.open(folder / "shop.db", migrate=True) as database:
            shop = HookShop(database, Vault(KeyRing.new()), program)
            yield shop
            await shop.tasks.finish(seconds=0)
    finally:
        program.stop()
