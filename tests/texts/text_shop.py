"""A shop that sends texts, and the gateway that takes them: real database, real keys, real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hook_shop import LOOPBACK
from listening import Kept, Listener

import bridge
from bridge.config import TextsHttp, load_config
from bridge.rules.texts import SHIPPED
from bridge.store.database import Database, now_ms
from bridge.store.managers import add_manager
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch
from bridge.store.texts import TextAsked, ask_for_text
from bridge.texts import Settings
from bridge.texts.http_gateway import HttpGateway
from bridge.texts.sender import TextSender, Wording
from bridge.vault import KeyRing, Vault, read_number

HARRIET = "+447700900123"
HER_LANDLINE = "+442079460999"
SHOPS_OWN = "+442079460000"
TOKEN = "a token of the gateway's"
HOUR_MS = 3_600_000
POLICY = load_config(Path(bridge.__file__).parent.parent / "config.yaml").policy()
CALLED_OUT = Wording(SHIPPED, "en", "Example Shop", SHOPS_OWN)


class Operator(Listener):
    """What takes texts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Path(__file__).with_name("text_receiver.py"), folder / "taken")

    def taken(self) -> list[Kept]:
        return [Kept(**line) for line in self.lines()]


@dataclass
class TextShop:
    """Order 1042 of Harriet, who is Anna's customer, and has a landline and a mobile."""

    database: Database
    vault: Vault | None
    operator: Operator
    anna: int
    clock_ms: int = field(default_factory=now_ms)
    allowed: bool = True

    def __post_init__(self) -> None:
        self.sender = self.sending("/ok")

    def settings(self, path: str, **options: Any) -> Settings:
        told = TextsHttp(**options).model_dump()
        return Settings(self.operator.url(path), TOKEN, frozenset(LOOPBACK), told)

    def sending(
        self, path: str, *, wording: Wording = CALLED_OUT, gateway: Any = None, **options: Any
    ) -> TextSender:
        """As the daemon does after a start, by a gateway that behaves as its path says."""
        self.sender = TextSender(
            self.database,
            lambda: self.vault,
            gateway or HttpGateway(self.settings(path, **options)),
            lambda: wording,
            lambda _: self.allowed,
            clock=lambda: self.clock_ms,
            chance=lambda: 0.5,
        )
        return self.sender

    async def ask(self, template: str = "tried-to-reach", code: str = "1042", most_a_day: int = 3) -> None:
        asked = TextAsked(code, template, self.anna, self.anna, "desk:101")
        await ask_for_text(self.database, asked, POLICY, most_a_day=most_a_day, now_ms=self.clock_ms)

    async def sealed_anew_with(self, vault: Vault) -> None:
        """The same shop with other keys, which another process has, too."""
        data_key = vault.new_data_key(1)
        number = read_number(HARRIET, "GB").number
        sealed = vault.seal(number, customer_id=1, contact_id=12, kind="phone", data_key=data_key)
        async with self.database.write() as connection:
            await connection.exec_driver_sql("UPDATE customers SET data_key = ?", (data_key,))
            await connection.exec_driver_sql("UPDATE contacts SET sealed = ? WHERE id = 12", (sealed,))
        self.vault = vault

    async def look(self) -> None:
        await self.sender.look()

    async def look_for(self, hours: float) -> None:
        """Look once a minute, for so long."""
        for _ in range(round(hours * 60)):
            await self.look()
            self.clock_ms += 60_000

    async def rows(self, of: str = "attempts, next_ms, sent_ms, failed_ms, answer") -> list[tuple[Any, ...]]:
        return await self.query(f"SELECT {of} FROM texts ORDER BY id")

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.database.read() as connection:
            return [tuple(row) for row in await connection.exec_driver_sql(statement)]

    async def run(self, statement: str) -> None:
        async with self.database.write() as connection:
            await connection.exec_driver_sql(statement)


async def fill(database: Database, vault: Vault, numbers: Mapping[int, str], customer_id: int = 1) -> int:
    """Anna, her customer with these numbers by contact id, and order 1042; returns Anna's id."""
    data_key = vault.new_data_key(customer_id)
    read = {contact_id: read_number(number, "GB") for contact_id, number in numbers.items()}
    anna = await add_manager(database, "Anna", "101", actor="cli:test")
    contacts = [
        NewContact(
            contact_id,
            customer_id,
            "phone",
            place,
            vault.seal(
                each.number, customer_id=customer_id, contact_id=contact_id, kind="phone", data_key=data_key
            ),
            vault.blind_index(each.number),
            each.region,
            each.line_type,
        )
        for place, (contact_id, each) in enumerate(read.items(), start=1)
    ]
    batch = Batch(
        new_customers=[NewCustomer(customer_id, "Harriet Vane", None, data_key)],
        new_contacts=contacts,
        new_orders=[
            KnownOrder("1042", customer_id, "Two shelves"),
            KnownOrder("1043", customer_id, "A lamp"),
        ],
        assigned={customer_id: anna.id},
    )
    async with database.write() as connection:
        await write_batch(connection, batch)
    return anna.id


@asynccontextmanager
async def open_text_shop(folder: Path) -> AsyncIterator[TextShop]:
    operator = Operator(folder)
    await operator.start()
    try:
        async with await Database.open(folder / "shop.db", migrate=True) as database:
            vault = Vault(KeyRing.new())
            anna = await fill(database, vault, {11: HER_LANDLINE, 12: HARRIET})
            yield TextShop(database, vault, operator, anna)
    finally:
        operator.stop()
