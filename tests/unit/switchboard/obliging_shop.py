"""Live calls on a real database; of Asterisk there is only somebody who does at once what is asked."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from bridge.asterisk import names
from bridge.asterisk.ari.models import ChannelInfo
from bridge.asterisk.happenings import (
    ChannelAnswered,
    ChannelEntered,
    ChannelGone,
    ChannelJoined,
    ChannelRinging,
    MessagePlayed,
    OrderDialled,
)
from bridge.asterisk.pbx import Pbx, RunningAgi
from bridge.asterisk.trunk import Blank
from bridge.calls.capture import CaptureTimings
from bridge.calls.model import Timings
from bridge.config import load_config
from bridge.rules import GuessBook, Policy, TimeRange
from bridge.rules.keypad import Codes
from bridge.store.database import Database
from bridge.store.managers import add_manager
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch
from bridge.store.records import recent_calls
from bridge.switchboard.admission import Admission
from bridge.switchboard.board import Switchboard
from bridge.switchboard.capture import Captures
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.live_call import Parts
from bridge.switchboard.reception import Reception
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.tolls import TollBook
from bridge.vault import HiddenNumber, Vault, read_number


@dataclass
class ObligingPbx:
    """Does what it is asked at once; the customer answers, and nobody hangs up unasked.

    Like the redirect server it lets whoever dials a blank wait until that is filled or void.
    """

    hear: Callable[[Any], None] = lambda _: None
    on_dial: Callable[[], None] = lambda: None
    dialled: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    hung_up: set[str] = field(default_factory=set)
    running: dict[str, RunningAgi] = field(default_factory=dict)
    """What AGI() each channel of a dialplan is in."""
    dials_sealed: bool = True
    leads: dict[str, bool | None] = field(default_factory=dict)
    """Whether a token leads to somebody; None while that is not known."""
    tokens: dict[str, str] = field(default_factory=dict)
    """What each customer's channel dials."""
    waiting: dict[str, str] = field(default_factory=dict)
    """The channel that has dialled a token that leads nowhere yet."""
    asked_ahead: list[str] = field(default_factory=list)
    """The channels that have been told to dial such a one, or one that led nowhere any more."""

    def blank(self) -> Blank:
        token = f"PJSIP/token{len(self.leads)}@trunk-sealed"
        self.leads[token] = None
        return Blank(token, fill=lambda _number: self._lead_on(token), void=lambda: self._lead_nowhere(token))

    def dial_string(self, number: HiddenNumber) -> str:
        blank = self.blank()
        blank.fill(number)
        return blank.dial_string

    def _lead_on(self, token: str) -> None:
        self.leads[token] = True
        if (channel_id := self.waiting.pop(token, None)) is not None:
            self._ring(channel_id)

    def _lead_nowhere(self, token: str) -> None:
        self.leads[token] = False
        if (channel_id := self.waiting.pop(token, None)) is not None:
            self.hear(ChannelGone(channel_id, 19))

    async def create_customer(
        self, channel_id: str, dial_string: str, *_: object, formats: str | None
    ) -> None:
        self.tokens[channel_id] = dial_string
        self.hear(ChannelEntered(channel_id))

    async def create_manager(self, channel_id: str, *_: object) -> None:
        self.hear(ChannelEntered(channel_id))

    async def dial(self, channel_id: str, _seconds: float) -> None:
        token = self.tokens.get(channel_id)
        leads = True if token is None else self.leads[token]
        if leads or token is None:
            self._ring(channel_id)
            return
        self.asked_ahead.append(channel_id)
        if leads is None:
            self.waiting[token] = channel_id
        else:
            self.hear(ChannelGone(channel_id, 1))

    def _ring(self, channel_id: str) -> None:
        self.dialled.append(channel_id)
        self.on_dial()
        self.hear(ChannelRinging(channel_id))
        self.hear(ChannelAnswered(channel_id))

    async def join(self, call_id: str, *channels: str) -> None:
        for channel_id in channels:
            self.hear(ChannelJoined(channel_id, names.bridge_id(call_id)))

    async def tell(
        self, call_id: str, _channel: str, message: str, _language: str, *, then: str | None
    ) -> None:
        self.told += [message] if then is None else [message, then]
        self.hear(MessagePlayed(names.playback_id(call_id, goes_on=then is not None)))

    async def hang_up(self, channel_id: str) -> None:
        self.hung_up.add(channel_id)
        self.hear(ChannelGone(channel_id, 16))

    async def agi_of(self, channel_id: str) -> RunningAgi | None:
        return self.running.get(channel_id)

    async def channels(self) -> list[ChannelInfo]:
        now = datetime.now(UTC)
        return [ChannelInfo(each, agi.channel_name, "Up", now) for each, agi in self.running.items()]

    async def nothing(self, *_: object) -> None:
        """Ring, answer, limit and release bring nothing about."""

    ring_back = formats_of = answer = limit = release = nothing


class OpenVault:
    def open(self, _sealed: bytes, **_: object) -> HiddenNumber:
        return read_number("+447700900123", "GB").number


@dataclass
class Shop:
    database: Database
    pbx: ObligingPbx
    board: Switchboard
    ledger: Ledger
    parts: Parts
    calls: int = 0

    def dial(self) -> str:
        """A manager dials the order; returns the manager's channel."""
        self.calls += 1
        channel = f"1732.{self.calls}"
        self.board.hear(OrderDialled(channel, "101", "1042"))
        return channel

    async def talking(self) -> None:
        await until(lambda: [call.state for call in self.board.live()] == ["talking"])

    async def over(self) -> None:
        await until(lambda: len(self.board) == 0)
        assert not self.pbx.waiting, "whoever has dialled a token has been told where it leads"

    async def call(self) -> None:
        """A whole call, if it is placed."""
        placed = len(self.pbx.dialled)
        channel = self.dial()
        await until(lambda: len(self.pbx.dialled) > placed or len(self.board) == 0)
        if len(self.pbx.dialled) > placed:
            await self.talking()
            self.board.hear(ChannelGone(channel, None))
        await self.over()

    async def results(self) -> list[str | None]:
        """Newest first."""
        return [call.result for call in await recent_calls(self.database, limit=1000)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_shop(
    folder: Path,
    *,
    max_live: int = 5,
    pbx: ObligingPbx | None = None,
    captures: CaptureTimings | None = None,
) -> AsyncIterator[Shop]:
    """A manager, 101, with an order, 1042. Without `captures` customers can't be asked for a number."""
    async with await Database.open(folder / "shop.db", migrate=True) as database:
        manager = await add_manager(database, "Anna", "101", actor="cli:alice")
        async with database.write() as connection:
            await write_batch(
                connection,
                Batch(
                    new_customers=[NewCustomer(1, "Harriet Vane", "en", b"wrapped")],
                    new_contacts=[NewContact(1, 1, "phone", 1, b"sealed", b"index", "GB", "mobile")],
                    new_orders=[KnownOrder("1042", 1, "Two shelves")],
                    assigned={1: manager.id},
                ),
            )
        tasks, ledger, policy = Tasks(), Ledger(database), any_hour()
        book = TollBook(policy.tolls, longest_seconds=7200)
        guesses = GuessBook(policy.lock_out)
        admission = Admission(database, policy, book, guesses, language="en", sealed=False)
        pbx, vault = pbx or ObligingPbx(), cast(Vault, OpenVault())
        parts = Parts(
            cast(Pbx, pbx),
            admission,
            cast(Reception, None),
            ledger,
            book,
            vault,
            Timings(refusal=0.01),
            "en",
            captures=captures and Captures(database, "GB", captures),
            codes=Codes("*5", "*9", "*7"),
        )
        board = Switchboard(parts, tasks, max_live=max_live)
        pbx.hear = board.hear
        tasks.start(ledger.run(), name="ledger")
        yield Shop(database, pbx, board, ledger, parts)
        await ledger.flush(5)
        await tasks.finish(seconds=0)


def any_hour() -> Policy:
    shipped = load_config(Path(__file__).parents[3] / "config.yaml").policy()
    return replace(
        shipped,
        hours=replace(shipped.hours, days=((TimeRange(0, 24 * 60),),) * 7),
        limits=replace(shipped.limits, calls_per_hour=10_000),
    )


class LateCommits:
    """SQLite's connection, whose commits wait until they may go on."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.may_go_on = threading.Event()
        self._connection = connection

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            self.may_go_on.wait()
        return self._connection.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@contextmanager
def late_disk(shop: Shop) -> Iterator[None]:
    """What is decided of calls gets to the disk afterwards."""
    session = shop.database._commits._session
    assert session is not None
    connection = session._connection
    late = LateCommits(connection)
    session._connection = cast(sqlite3.Connection, late)
    try:
        yield
    finally:
        session._connection = connection
        late.may_go_on.set()
