"""A lab of many managers behind a fault proxy: a seat for each call that is in progress at the same time."""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import yaml

from bridge.api.client import ApiClient
from bridge.api.errors import ApiUnavailable
from bridge.asterisk.ari import AriClient, LinkDown
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Behaviour, Carrier, answer
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.daemonfiles import NO_LIMITS, merged
from labkit.errors import LabError
from labkit.faults.proxy import HOST, FaultProxy
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.results import rows

FIRST_CODE: Final = 5000
NUMBER_PREFIX: Final = "+447700900"
MOST_SEATS: Final = 90
POLL_SECONDS: Final = 0.25
_SECONDS_TO_LOOK: Final = 30.0

_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "calls": {"ring_seconds": 5, "manager_ring_seconds": 5, "max_live": 500},
    "rules": {"refusal_delay_ms": 2000, "limits": {**NO_LIMITS, "live_per_manager": 1}},
}


@dataclass(frozen=True)
class Seat:
    """A manager with a phone, and the one order they call. `number` is the customer's."""

    code: str
    number: str
    phone: Phone


class CountingCarrier(Carrier):
    """A carrier that treats each number as it is told, and counts how often each was called."""

    def __init__(self, bind: tuple[str, int]) -> None:
        super().__init__(bind, sends_audio=False)
        self.treatment: dict[str, Behaviour] = {}
        self.invites: Counter[str] = Counter()
        self.latest: dict[str, Call] = {}

    def on_invite(self, call: Call) -> None:
        number = Uri.parse(call.invite.uri).user
        self.invites[number] += 1
        self.latest[number] = call
        behave = self.treatment.get(number, answer(after=0))
        self.tasks.start(_behave(behave, call), "behaviour of the carrier")


def _was_before(channel: str | None, began_s: int) -> bool:
    """Whether a phone's channel was made before this second. Those that the daemon makes have other names."""
    born, _, count = (channel or "").partition(".")
    return born.isdigit() and count.isdigit() and int(born) < began_s


async def _behave(behaviour: Behaviour, call: Call) -> None:
    with suppress(TimeoutError):  # of a BYE that nobody answers: the call is over all the same
        await behaviour(call)


@dataclass(frozen=True)
class Snapshot:
    """What Asterisk has, and what the daemon says it has (None while it does not answer)."""

    channels: tuple[str, ...]
    bridges: tuple[str, ...]
    live_orders: frozenset[str] | None


class FaultShop:
    """Made by `open_shop`. `free` holds the seats in which nobody is calling."""

    def __init__(self, lab: Lab, proxy: FaultProxy, carrier: CountingCarrier, client: AriClient) -> None:
        self.lab = lab
        self.proxy = proxy
        self.carrier = carrier
        self.seats: list[Seat] = []
        self.free: asyncio.Queue[Seat] = asyncio.Queue()
        self._client = client
        self._looking = asyncio.Lock()
        self._looked_at = 0.0
        self._seen = Snapshot((), (), None)

    def take(self, seat: Seat) -> None:
        self.seats.append(seat)
        self.free.put_nowait(seat)

    @asynccontextmanager
    async def free_seat(self) -> AsyncIterator[Seat]:
        """One in which nobody is calling, kept from everybody else for as long."""
        seat = await self.free.get()
        try:
            yield seat
        finally:
            self.free.put_nowait(seat)

    async def look(self) -> Snapshot:
        """What there is now, or was at a moment after this was asked: those who wait share one look."""
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        async with self._looking:
            if self._looked_at < asked_at:
                self._looked_at = clock()
                self._seen = await self._look()
            return self._seen

    async def _look(self) -> Snapshot:
        """Asked again where a busy Asterisk takes too long: that is nobody's promise."""
        async with asyncio.timeout(_SECONDS_TO_LOOK):
            while True:
                with suppress(LinkDown):
                    return await self._look_once()
                await asyncio.sleep(POLL_SECONDS)

    async def _look_once(self) -> Snapshot:
        channels = tuple(channel.id for channel in await self._client.channels.list())
        bridges = tuple(bridge.id for bridge in await self._client.bridges.list())
        return Snapshot(channels, bridges, await self._live_orders())

    async def _live_orders(self) -> frozenset[str] | None:
        try:
            async with ApiClient(self.lab.api_socket) as api:
                return frozenset(call.order for call in await api.calls())
        except ApiUnavailable:
            return None

    async def ready(self, *, within: float = 30.0) -> None:
        """Wait until the daemon says that a call could be placed. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not await self._is_ready():
                await asyncio.sleep(POLL_SECONDS)

    async def renew_link(self, *, within: float = 30.0) -> None:
        """Have the daemon connect anew and be ready, with no call left of before. Raises TimeoutError.

        While this process runs something else the proxy stands still, and the daemon may be about to give
        its link up without saying so yet.
        """
        async with asyncio.timeout(within):
            before = self.proxy.event_sockets
            self.proxy.cut()
            while not self.proxy.event_sockets - before:
                await asyncio.sleep(POLL_SECONDS)
            await self.ready(within=within)
            while await self._live_orders() != frozenset():
                await asyncio.sleep(POLL_SECONDS)

    async def _is_ready(self) -> bool:
        try:
            async with ApiClient(self.lab.api_socket) as api:
                return (await api.ready()).ready
        except ApiUnavailable:
            return False

    def results(self, code: str) -> list[str | None]:
        """The result of each call of an order that is on record, oldest first; None of one without an end."""
        query = "SELECT result FROM calls WHERE order_code = ? ORDER BY rowid"
        return [result for (result,) in rows(self.lab.database_path, query, code)]

    def results_since(self, code: str, after: int, began_s: int) -> list[str | None]:
        """Those of each call of an order that is on record but the first so many, begun since `began_s`.

        Seconds since the epoch, as Asterisk has them in a phone's channel. A call before may have been
        made while the link was silent: the daemon hears of it, and has it on record, when the link is back.
        """
        query = (
            "SELECT result, manager_channel FROM calls WHERE order_code = ? ORDER BY rowid LIMIT -1 OFFSET ?"
        )
        found = rows(self.lab.database_path, query, code, after)
        return [result for result, channel in found if not _was_before(channel, began_s)]

    def told_of(self, code: str, after: int) -> str:
        """Each call of an order that is on record but the first so many: what to look for in the logs."""
        query = (
            "SELECT id, kind, started_ms, ended_ms, result FROM calls WHERE order_code = ?"
            " ORDER BY rowid LIMIT -1 OFFSET ?"
        )
        found = rows(self.lab.database_path, query, code, after)
        return ", ".join(f"{id} {kind} {began}-{ended} {result}" for id, kind, began, ended, result in found)

    def open_records(self) -> int:
        """How many calls on record have no result."""
        ((count,),) = rows(self.lab.database_path, "SELECT count(*) FROM calls WHERE result IS NULL")
        return int(count)

    def numbers_in_logs(self) -> list[str]:
        """Every file that the lab's processes wrote in which some customer's number stands."""
        digits = NUMBER_PREFIX.lstrip("+").encode()
        return [
            str(path.relative_to(self.lab.folder))
            for path in sorted(self.lab.record.log_folder.iterdir())
            if digits in path.read_bytes()
        ]

    async def kill_daemon(self) -> None:
        """End the daemon as a crash would."""
        daemon = self.lab.record.processes["daemon"]
        self.lab.kill_daemon()
        while daemon.alive:
            await asyncio.sleep(0.01)

    async def start_daemon(self) -> None:
        await asyncio.to_thread(self.lab.start_daemon)


@asynccontextmanager
async def open_shop(
    folder: Path, *, seats: int, changes: Mapping[str, dict[str, Any]] | None = None
) -> AsyncIterator[FaultShop]:
    """A shop of so many seats in a new lab. `changes` are laid over its config.yaml. Raises LabError."""
    if not 1 <= seats <= MOST_SEATS:
        raise LabError(f"a shop has 1 to {MOST_SEATS} seats")
    folder.mkdir(parents=True, exist_ok=True)
    carrier_port = ports.free_port(CARRIER_HOST, UDP)
    lab = Lab.create(folder, managers=seats, carrier=f"{CARRIER_HOST}:{carrier_port}")
    try:
        await asyncio.to_thread(lab.start_asterisk)
        await asyncio.to_thread(lab.prepare, _orders(folder, lab))
        async with AsyncExitStack() as stack:
            shop = await _open(lab, stack, dict(changes or {}))
            await stack.enter_async_context(_Registered(shop))
            yield shop
    finally:
        lab.down()


async def _open(lab: Lab, stack: AsyncExitStack, changes: dict[str, dict[str, Any]]) -> FaultShop:
    proxy = await stack.enter_async_context(FaultProxy((HOST, lab.record.ari_port)))
    carrier = await stack.enter_async_context(CountingCarrier(lab.carrier_address))
    client = AriClient(lab.ari_url, lab.ari_user, lab.ari_password, app="of-the-observer")
    await stack.enter_async_context(client)
    settings = merged(yaml.safe_load(lab.config_path.read_text()), _SETTINGS)
    settings = merged(settings, changes)
    settings["asterisk"]["ari_url"] = proxy.url
    lab.config_path.write_text(yaml.safe_dump(settings, allow_unicode=True))
    await asyncio.to_thread(lab.start_daemon)
    return FaultShop(lab, proxy, carrier, client)


class _Registered:
    """The managers' phones, while the shop is open."""

    def __init__(self, shop: FaultShop) -> None:
        self._shop = shop
        self._phones = AsyncExitStack()

    async def __aenter__(self) -> Self:
        lab = self._shop.lab
        for index, (extension, manager) in enumerate(lab.managers.items()):
            phone = Phone(extension, manager.password, server=lab.sip_address, sends_audio=False)
            await self._phones.enter_async_context(phone)
            await phone.register()
            self._shop.take(Seat(_code(index), _number(index), phone))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._phones.aclose()


def _orders(folder: Path, lab: Lab) -> Path:
    """One order of one customer for each manager."""
    path = folder / "orders.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager", "language"])
        for index, extension in enumerate(lab.managers):
            writer.writerow([_code(index), f"Customer {index}", _number(index), "", extension, "en"])
    return path


def _code(index: int) -> str:
    return str(FIRST_CODE + index)


def _number(index: int) -> str:
    return f"{NUMBER_PREFIX}{index:03}"
