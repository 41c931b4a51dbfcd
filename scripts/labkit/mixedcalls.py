"""Customers who call and are called, side by side, at many managers' at once.

Each manager has customers of their own, each customer two orders. A manager's next call is one that they
dial, or one in which a customer of theirs calls the shop; they talk, or either side ends it before that. Of
every call is checked who has reached whom, at the sockets and on record, and that no byte that came to the
phone meanwhile holds the customer's number.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bridge.api.client import ApiClient
from bridge.asterisk.ari import AriClient
from bridge.proof.capture import Recording
from bridge.proof.scan import Scanner
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Uri
from bridge.proof.sip.phone import Phone
from labkit import ports
from labkit.daemonfiles import NO_LIMITS
from labkit.lab import Lab
from labkit.plan import CARRIER_HOST, UDP
from labkit.progress import StatusLine
from labkit.results import rows

SHOPS_NUMBER: Final = "442079460000"
NUMBER_PREFIX: Final = "+447700900"
FIRST_CODE: Final = 5000
CUSTOMERS_EACH: Final = 5
_TALK_SECONDS: Final = 0.15
"""Long enough for some packets of sound in each direction."""

_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "callbacks": {"first_seconds": 1, "ring_seconds": 10, "stand_ins": "nobody", "ask_code": False},
    "rules": {"limits": NO_LIMITS},
}
_PJSIP: Final = "\n[trunk](+)\ncontext=call-bridge-callers\n"


@dataclass
class Customer:
    """`about` is the order of the last call with them, or the newest: what a call of theirs is about."""

    number: str
    codes: tuple[str, str]
    about: str


class NumberedCarrier(Carrier):
    """Keeps each call by the number that is called; a number that nobody waits for is a wrong person."""

    def __init__(self, bind: tuple[str, int], server: tuple[str, int]) -> None:
        super().__init__(bind, server=server)
        self.awaited: dict[str, asyncio.Future[Call]] = {}
        self.wrong: list[str] = []

    def on_invite(self, call: Call) -> None:
        awaited = self.awaited.pop(Uri.parse(call.invite.uri).user, None)
        if awaited is None:
            self.wrong.append("a customer whom nobody had dialled was called")
            call.respond(486)
        else:
            awaited.set_result(call)


@dataclass
class Tally:
    """What came of all calls. `wrong`, `leaks` and `silent` say what was seen, a line each."""

    made: Counter[str] = field(default_factory=Counter)
    expected: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Kind, order, extension and result that have to be on record, and how often."""
    wrong: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    left: int = 0
    numbers_in_files: list[str] = field(default_factory=list)
    on_record: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def calls(self) -> int:
        return self.made.total()

    def faults(self) -> list[str]:
        """Each promise that was not kept."""
        different = (self.on_record - self.expected) + (self.expected - self.on_record)
        return [
            *self.wrong,
            *self.leaks,
            *self.silent,
            *(f"a number stands in {name}" for name in self.numbers_in_files),
            *(f"on record in another way: {', '.join(record)}" for record in different),
            *([f"{self.left} channels are left"] if self.left else []),
        ]


class Desk:
    """One manager with their phone and customers, in one call at a time."""

    def __init__(
        self,
        phone: Phone,
        carrier: NumberedCarrier,
        customers: Sequence[Customer],
        tally: Tally,
        api: ApiClient,
    ) -> None:
        self._api = api
        self._phone = phone
        self._carrier = carrier
        self._customers = customers
        self._tally = tally

    async def make(self, chance: random.Random) -> None:
        """One call of a kind, a customer and an end that chance takes."""
        customer = chance.choice(self._customers)
        ways: list[Callable[[Customer, random.Random], Awaitable[None]]] = [
            self._dial_and_talk,
            self._dial_and_talk,
            self._dial_busy,
            self._dial_and_cancel,
            self._pick_up,
            self._pick_up,
            self._pick_up,
            self._miss,
        ]
        way = chance.choice(ways)
        began_us = time.monotonic_ns() // 1000
        await way(customer, chance)
        await self._over(customer)
        self._tally.made[way.__name__.strip("_").replace("_", " ")] += 1
        self._search(customer, began_us)

    # --- the manager dials ---

    async def _dial(self, customer: Customer, chance: random.Random) -> tuple[Call, Call]:
        """The manager's side and the customer's, while it rings at neither."""
        code = chance.choice(customer.codes)
        arrives: asyncio.Future[Call] = asyncio.get_running_loop().create_future()
        self._carrier.awaited[customer.number] = arrives
        call = await self._phone.dial(f"*{code}")
        async with asyncio.timeout(15):
            called = await arrives
        customer.about = code
        return call, called

    async def _dial_and_talk(self, customer: Customer, chance: random.Random) -> None:
        call, called = await self._dial(customer, chance)
        called.ring()
        await called.answer()
        await call.answered()
        await self._talk(call, called, chance)
        self._expect("dial-order", customer, "talked")

    async def _dial_busy(self, customer: Customer, chance: random.Random) -> None:
        call, called = await self._dial(customer, chance)
        called.respond(486)
        await call.settled(within=20)
        if call.established:  # the reason is said, and then it is over
            await call.ended(within=20)
        self._expect("dial-order", customer, "busy")

    async def _dial_and_cancel(self, customer: Customer, chance: random.Random) -> None:
        call, called = await self._dial(customer, chance)
        called.ring()
        await call.hang_up()
        await called.ended(within=10)
        self._expect("dial-order", customer, "cancelled")

    # --- the customer calls ---

    async def _ring(self, customer: Customer) -> tuple[Call, Call]:
        """The customer's side and the manager's, which rings."""
        calling = await self._carrier.call(SHOPS_NUMBER, from_=customer.number)
        call = await self._phone.incoming(within=15)
        if not call.remote.display.startswith(f"Order {customer.about} "):
            self._tally.wrong.append(
                f"{self._phone.user} was shown {call.remote.display}, not {customer.about}"
            )
        call.ring()
        return calling, call

    async def _pick_up(self, customer: Customer, chance: random.Random) -> None:
        calling, call = await self._ring(customer)
        await call.answer()
        await calling.answered()
        await self._talk(call, calling, chance)
        self._expect("callback", customer, "talked")

    async def _miss(self, customer: Customer, chance: random.Random) -> None:
        calling, call = await self._ring(customer)
        await calling.hang_up()
        await call.ended(within=10)
        self._expect("callback", customer, "missed")

    # --- what is true of both ---

    async def _talk(self, ours: Call, theirs: Call, chance: random.Random) -> None:
        """Sound passes both ways; and when one hangs up, it is this other one who is told."""
        try:
            async with asyncio.timeout(10):
                while not (ours.received_audio and theirs.received_audio):  # noqa: ASYNC110 - arrives by UDP
                    await asyncio.sleep(0.02)
        except TimeoutError:
            self._tally.silent.append(f"no sound in a call of {self._phone.user}")
        await asyncio.sleep(chance.uniform(0, _TALK_SECONDS))
        first, then = (ours, theirs) if chance.random() < 0.5 else (theirs, ours)
        await first.hang_up()
        await then.ended(within=10)

    async def _over(self, customer: Customer) -> None:
        """Until the daemon, too, has seen the end, the manager is in a call."""
        async with asyncio.timeout(10):
            while customer.about in {call.order for call in await self._api.calls()}:  # noqa: ASYNC110 - asked
                await asyncio.sleep(0.02)

    def _expect(self, kind: str, customer: Customer, result: str) -> None:
        self._tally.expected[kind, customer.about, self._phone.user, result] += 1

    def _search(self, customer: Customer, since_us: int) -> None:
        """Every datagram that came to the phone during the call, for the number that it was about."""
        heard = Recording()
        for datagram in self._phone.recording:
            if datagram.monotonic_us >= since_us:
                heard.add(datagram)
        if heard.dropped or self._phone.recording.dropped:
            self._tally.leaks.append("a recording was too long to be searched whole")
        findings = Scanner(customer.number, "GB").scan_recording(heard)
        self._tally.leaks += [f"a number at {self._phone.user}: {finding.form}" for finding in findings]


async def mixed(folder: Path, *, managers: int, calls: int, seed: int, show: Callable[[str], None]) -> Tally:
    """Make so many calls in a new lab. Raises LabError, and TimeoutError for a call that does not go on."""
    tally = Tally()
    lab = await asyncio.to_thread(_shop, folder, managers)
    try:
        async with AsyncExitStack() as stack:
            carrier = await stack.enter_async_context(NumberedCarrier(lab.carrier_address, lab.sip_address))
            desks = []
            for index, (extension, manager) in enumerate(lab.managers.items()):
                phone = Phone(extension, manager.password, server=lab.sip_address)
                await stack.enter_async_context(phone)
                await phone.register()
                api = await stack.enter_async_context(ApiClient(lab.api_socket))
                desks.append(Desk(phone, carrier, customers_of(index), tally, api))
            began = time.monotonic()
            await _all_at_once(desks, calls, seed, lambda: show(f"{tally.calls} of {calls} calls"))
            tally.seconds = time.monotonic() - began
            tally.wrong += carrier.wrong
            tally.left = await _channels_left(lab)
        tally.on_record = await _on_record(lab, calls)
    finally:
        await asyncio.to_thread(lab.down)
    tally.numbers_in_files = _numbers_in_files(lab)
    return tally


async def _all_at_once(desks: Sequence[Desk], calls: int, seed: int, told: Callable[[], None]) -> None:
    """Every desk makes one call after the other until there have been enough."""
    left = iter(range(calls))

    async def work(desk: Desk, chance: random.Random) -> None:
        for _ in left:
            await desk.make(chance)
            told()

    async with asyncio.TaskGroup() as group:
        for index, desk in enumerate(desks):
            group.create_task(work(desk, random.Random(f"{seed} {index}")))


def customers_of(index: int) -> list[Customer]:
    """Those of the manager with this index."""
    places = range(index * CUSTOMERS_EACH, (index + 1) * CUSTOMERS_EACH)
    return [_customer(place) for place in places]


def _customer(place: int) -> Customer:
    codes = (str(FIRST_CODE + 2 * place), str(FIRST_CODE + 2 * place + 1))
    return Customer(f"{NUMBER_PREFIX}{place:03}", codes, about=codes[1])


def _shop(folder: Path, managers: int) -> Lab:
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder / "lab", managers=managers, carrier=carrier)
    with (lab.asterisk.etc / "pjsip.conf").open("a") as file:
        file.write(_PJSIP)
    try:
        lab.start_asterisk()
        lab.prepare(_orders(folder / "older.csv", lab, 0))
        lab.call_bridge("orders", "import", str(_orders(folder / "newer.csv", lab, 1)))
        lab.configure(_SETTINGS)
        lab.start_daemon()
    except BaseException:
        lab.down()
        raise
    return lab


def _orders(path: Path, lab: Lab, which: int) -> Path:
    """A file with each customer's first order, or with their second, which is the newer one then."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "manager"])
        for index, extension in enumerate(lab.managers):
            for customer in customers_of(index):
                writer.writerow([customer.codes[which], "Customer", customer.number, extension])
    return path


async def _channels_left(lab: Lab) -> int:
    """After the last call; those that are about to end are waited for."""
    async with AriClient(lab.ari_url, lab.ari_user, lab.ari_password, app="of-the-observer") as client:
        for _ in range(100):
            left = len(await client.channels.list())
            if not left:
                break
            await asyncio.sleep(0.1)
        return left


async def _on_record(lab: Lab, calls: int) -> Counter[tuple[str, str, str, str]]:
    """Kind, order, extension and result of each call, once all have one."""
    query = (
        "SELECT kind, order_code, extension, coalesce(result, 'none') FROM calls"
        " LEFT JOIN managers ON managers.id = manager_id"
    )
    for _ in range(100):
        found = Counter(rows(lab.database_path, query))
        if found.total() >= calls and not any(record[3] == "none" for record in found):
            break
        await asyncio.sleep(0.1)
    return Counter({(kind, code, by, result): count for (kind, code, by, result), count in found.items()})


def _numbers_in_files(lab: Lab) -> list[str]:
    """Whatever the lab's processes wrote in which the beginning of all customers' numbers stands."""
    digits = NUMBER_PREFIX.lstrip("+").encode()
    folders = (lab.record.log_folder, Path(lab.asterisk.log_folder), lab.record.var)
    return sorted(
        {
            path.name
            for folder in folders
            for path in folder.rglob("*")
            if path.is_file() and digits in path.read_bytes()
        }
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/mixed-calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, metavar="N", help="how many in all (1000)")
    parser.add_argument("--managers", type=int, default=8, metavar="N", help="how many at once (8)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="for another mixture (1)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="mixed-calls-") as folder, StatusLine() as line:
        tally = asyncio.run(
            mixed(
                Path(folder),
                managers=options.managers,
                calls=options.calls,
                seed=options.seed,
                show=line.show,
            )
        )
    print(f"{tally.calls} calls of {options.managers} managers in {tally.seconds:.0f} s, seed {options.seed}")
    for way, count in sorted(tally.made.items()):
        print(f"  {count:5}  {way}")
    faults = tally.faults()
    print(f"wrong persons: {len(tally.wrong)}")
    print(f"numbers at the phones: {len(tally.leaks)}, in files: {len(tally.numbers_in_files)}")
    print(f"conversations without sound: {len(tally.silent)}, channels left: {tally.left}")
    print("each on record as it was" if tally.on_record == tally.expected else "NOT each on record as it was")
    for fault in faults:
        print(f"  {fault}")
    return 1 if faults else 0
