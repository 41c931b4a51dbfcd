"""A shop at work: two managers and a supervisor with customers, and a switchboard whose phones tests play."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from desk_shop import Answer, DeskShop, Person, open_shop

from bridge.api.desk.events import Listeners
from bridge.asterisk import names
from bridge.asterisk.happenings import (
    ChannelAnswered,
    ChannelEntered,
    ChannelGone,
    ChannelJoined,
    ChannelRinging,
    Happening,
)
from bridge.asterisk.pbx import Pbx
from bridge.calls.model import Leg, Timings
from bridge.config import load_config
from bridge.intake.orders import add_order
from bridge.intake.rows import Column
from bridge.rules import GuessBook, Policy, Role, TimeRange
from bridge.store.database import Database
from bridge.store.orders import assign_customer
from bridge.switchboard.admission import Admission
from bridge.switchboard.board import Switchboard
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.live_call import Parts
from bridge.switchboard.reception import Reception
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.tolls import TollBook
from bridge.vault import HiddenNumber, Vault

NUMBER = "+447700900123"
LONG_SESSIONS = """\
desk:
  idle_minutes: 1440
  longest_hours: 168
"""


class MutePbx:
    """Takes every request and lets nothing come of it: tests tell what happens."""

    dials_sealed = False

    def dial_string(self, _number: HiddenNumber) -> str:
        return "PJSIP/token@trunk-sealed"

    async def nothing(self, *_: object, **__: object) -> None:
        pass

    create_manager = create_customer = dial = answer = join = limit = tell = hang_up = nothing
    ring_back = formats_of = release = nothing


class OpenVault:
    def open(self, _sealed: bytes, **_: object) -> HiddenNumber:
        return HiddenNumber(NUMBER)


def board_of(database: Database) -> Switchboard:
    """A real one, with the shipped rules at any hour."""
    policy, tasks, ledger = any_hour(), Tasks(), Ledger(database)
    book = TollBook(policy.tolls, longest_seconds=7200)
    admission = Admission(database, policy, book, GuessBook(policy.lock_out), language="en", sealed=False)
    timings = Timings(refusal=0.01, setup=60, join=60, close=60)
    reception = cast(Reception, None)  # no customer calls
    parts = Parts(
        cast(Pbx, MutePbx()), admission, reception, ledger, book, cast(Vault, OpenVault()), timings, "en"
    )
    tasks.start(ledger.run(), name="ledger")
    return Switchboard(parts, tasks, max_live=100)


def any_hour() -> Policy:
    shipped = load_config(Path(__file__).parents[2] / "config.yaml").policy()
    return replace(
        shipped,
        hours=replace(shipped.hours, days=((TimeRange(0, 24 * 60),),) * 7),
        limits=replace(shipped.limits, calls_per_hour=10_000),
    )


class Shop:
    """Anna (101) and Boris (102) have customers of their own; Clara (100) supervises."""

    def __init__(self, desk: DeskShop, anna: Person, boris: Person, clara: Person) -> None:
        self.desk = desk
        self.anna = anna
        self.boris = boris
        self.clara = clara

    settings = LONG_SESSIONS

    @property
    def listeners(self) -> Listeners:
        return cast(Listeners, self.desk.app.state.work.listeners)

    @property
    def board(self) -> Switchboard:
        return cast(Switchboard, self.desk.switchboard)

    async def order(self, code: str, name: str, phone: str, of: Person | None, **cells: str) -> None:
        """An order that has come in; `cells` are further columns of its row."""
        assert self.desk.vault is not None
        row = {Column.ORDER: code, Column.NAME: name, Column.PHONE: phone}
        row |= {Column(column): cell for column, cell in cells.items()}
        await add_order(self.desk.database, self.desk.vault, row, home_region="GB", actor="cli:test")
        if of is not None:
            await assign_customer(self.desk.database, code, of.manager.extension, actor="cli:test")

    async def signed_in_again(self, person: Person) -> Person:
        return replace(person, token=await self.desk.session(person.manager))

    async def ask(self, of: Person, method: str, path: str, body: Any = None) -> Answer:
        return await self.desk.ask(method, path, body, of=of)

    async def codes(self, of: Person, query: str = "") -> list[str]:
        """What a page of the queue shows, in its order."""
        answer = await self.ask(of, "GET", f"/v1/queue{query}")
        assert answer.status == 200, answer.body
        return [row["code"] for row in answer.body["rows"]]

    async def row(self, of: Person, code: str) -> dict[str, Any]:
        answer = await self.ask(of, "GET", f"/v1/queue?filter=all&q={code}")
        (row,) = [row for row in answer.body["rows"] if row["code"] == code]
        return cast(dict[str, Any], row)

    async def card(self, of: Person, code: str) -> dict[str, Any]:
        answer = await self.ask(of, "GET", f"/v1/orders/{code}")
        assert answer.status == 200, answer.body
        return cast(dict[str, Any], answer.body)

    async def say(self, of: Person, code: str, outcome: str, **more: Any) -> Answer:
        return await self.ask(of, "POST", f"/v1/orders/{code}/outcomes", {"outcome": outcome, **more})

    async def call(self, of: Person, code: str, contact_id: int | None = None) -> str:
        """A call that is placed; returns its id."""
        answer = await self.ask(of, "POST", f"/v1/orders/{code}/calls", {"contact_id": contact_id})
        assert answer.status == 201, answer.body
        await until(lambda: any(call.state == "creating-manager" for call in self.board.live()))
        return str(answer.body["id"])

    async def dialled(self, call_id: str) -> None:
        """The manager has picked up, and the customer's phone is about to ring."""
        for happening in (entered(call_id, Leg.MANAGER), answered(call_id, Leg.MANAGER)):
            self.board.hear(happening)
        await self.is_in("creating-customer", call_id)
        self.board.hear(entered(call_id, Leg.CUSTOMER))
        await self.is_in("dialling", call_id)

    async def talking(self, call_id: str) -> None:
        await self.dialled(call_id)
        self.board.hear(ringing(call_id))
        self.board.hear(answered(call_id, Leg.CUSTOMER))
        for leg in Leg:
            self.board.hear(ChannelJoined(names.channel_id(call_id, leg), names.bridge_id(call_id)))
        await self.is_in("talking", call_id)

    async def ended(self, call_id: str, cause: int | None = None) -> None:
        """Both phones are gone, the customer's for a reason (a cause of Q.850)."""
        self.board.hear(gone(call_id, Leg.CUSTOMER, cause))
        self.board.hear(gone(call_id, Leg.MANAGER, cause))
        await until(lambda: not self.board.is_live(call_id))

    async def is_in(self, state: str, call_id: str) -> None:
        await until(lambda: (call_id, state) in {(call.id, call.state) for call in self.board.live()})


def entered(call_id: str, leg: Leg) -> Happening:
    return ChannelEntered(names.channel_id(call_id, leg))


def answered(call_id: str, leg: Leg) -> Happening:
    return ChannelAnswered(names.channel_id(call_id, leg))


def ringing(call_id: str) -> Happening:
    return ChannelRinging(names.channel_id(call_id, Leg.CUSTOMER))


def gone(call_id: str, leg: Leg, cause: int | None) -> Happening:
    return ChannelGone(names.channel_id(call_id, leg), cause)


async def until(condition: Any) -> None:
    """Wait for a condition, which may have to be awaited. Raises TimeoutError."""
    async with asyncio.timeout(10):
        while True:
            holds = condition()
            if await holds if asyncio.iscoroutine(holds) else holds:
                return
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_work_shop(folder: Path) -> AsyncIterator[Shop]:
    async with open_shop(folder, board_of) as desk:
        desk.configured(LONG_SESSIONS)
        desk.toll_book = desk.switchboard._parts.book
        shop = Shop(
            desk,
            await desk.hire("101", "Anna"),
            await desk.hire("102", "Boris"),
            await desk.hire("100", "Clara", Role.SUPERVISOR),
        )
        yield shop
        desk.switchboard.give_up_unanswered()


@dataclass(frozen=True)
class Event:
    name: str
    data: Any


class Stream:
    """An open stream of events, read as a browser reads it."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self.raw = b""

    async def next(self) -> Event:
        """Raises TimeoutError, and EOFError where the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(10):
            while line := await self._content.readline():
                self.raw += line
                text = line.decode().rstrip("\n")
                if not text and "event" in fields:
                    return Event(fields["event"], json.loads(fields["data"]))
                name, _, value = text.partition(": ")
                fields[name] = value
        raise EOFError

    async def next_call(self) -> Any:
        while (event := await self.next()).name != "call":
            pass
        return event.data


@asynccontextmanager
async def listening(shop: Shop, person: Person) -> AsyncIterator[Stream]:
    """Raises AssertionError where the stream is refused."""
    async with shop.desk.stream("/v1/events", of=person) as response:
        assert response.status == 200
        stream = Stream(response.content)
        assert (await stream.next()).name == "queue"
        yield stream
