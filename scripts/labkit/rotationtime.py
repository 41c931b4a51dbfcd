"""How long `call-bridge keys rotate` takes, and whether a call fails of it. What scripts/rotation-time does.

Managers go on calling customers from anywhere in the table, so that data keys are opened that are wrapped by
either key. With half of them done the rotating process is killed, and the command is given again.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from benchkit.figures import percentile
from bridge.config import load_config
from bridge.proof.sip.call import CallRefused
from bridge.proof.sip.carrier import Carrier, answer
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.tasks import Tasks
from bridge.rules.policy import LineType
from bridge.store.data_keys import count_others
from bridge.store.database import Database
from bridge.unlock import key_source
from bridge.vault import read_key_ring
from labkit import deskscale, ports
from labkit.daemonfiles import NO_LIMITS
from labkit.errors import INTERRUPTED, LabError
from labkit.lab import CALL_BRIDGE, Lab
from labkit.livepage import filled
from labkit.machine import Machine
from labkit.places import CHECKOUT, LABS
from labkit.plan import CARRIER_HOST, UDP
from labkit.progress import StatusLine
from labkit.results import results_since

PAGE = CHECKOUT / "docs" / "performance.md"
MANAGERS = 20
TALK_SECONDS = 0.5
_POLL_SECONDS = 0.002
_LONGEST_ROTATION = 3600.0


@dataclass
class Calls:
    """Those of one time. `waits`: seconds from the INVITE to its 200; `failures` say what came instead.

    `results` is how many of them the daemon has on record with which result.
    """

    placed: int = 0
    waits: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    results: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """By the phones' account or by the daemon's, whichever is worse."""
        return max(len(self.failures), self.placed - self.results.get("talked", 0))

    def complaints(self) -> list[str]:
        others = {result: count for result, count in self.results.items() if result != "talked"}
        return [*self.failures, *(f"on record as {result}: {count}" for result, count in others.items())]


@dataclass(frozen=True)
class Rotation:
    """`seconds`: of the command until it was killed, and of the one that ended it. `left`: by the first."""

    customers: int
    seconds: tuple[float, float]
    left: int

    @property
    def rows_a_second(self) -> float:
        return self.customers / sum(self.seconds)


@dataclass(frozen=True)
class Found:
    rotation: Rotation
    before: Calls
    meanwhile: Calls


class Managers:
    """Their phones, by turns, and the orders that they dial."""

    def __init__(self, lab: Lab, phones: Sequence[Phone], rate: float) -> None:
        self._lab = lab
        codes = {phone.user: deskscale.codes_of(lab.database_path, phone.user) for phone in phones}
        self._next: Iterator[tuple[Phone, Iterator[str]]] = itertools.cycle(
            (phone, codes[phone.user]) for phone in phones
        )
        self._rate = rate

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[Calls]:
        """Calls are begun all the while; afterwards each has ended, and is on record."""
        calls, enough = Calls(), asyncio.Event()
        began_ms = int(time.time() * 1000)
        tasks = Tasks()
        placing = tasks.start(self._place(calls, enough), "calls")
        try:
            yield calls
        finally:
            enough.set()
            await placing
            await tasks.close()

        def results() -> dict[str, int]:
            return results_since(self._lab.database_path, began_ms)

        await _until(lambda: "" not in results(), "a result of every call")
        calls.results = results()

    async def _place(self, calls: Calls, enough: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as live:
            while not enough.is_set():
                phone, codes = next(self._next)
                calls.placed += 1
                live.create_task(_call(phone, next(codes), calls))
                await asyncio.sleep(began + calls.placed / self._rate - loop.time())


async def _call(phone: Phone, code: str, calls: Calls) -> None:
    began = time.perf_counter()
    call = await phone.dial(f"*{code}")
    try:
        await call.answered()
        calls.waits.append(time.perf_counter() - began)
        await asyncio.sleep(TALK_SECONDS)
        await call.hang_up()
    except (CallRefused, TimeoutError) as error:
        calls.failures.append(str(error))


# --- the rotation ---


async def rotate(lab: Lab, customers: int) -> Rotation:
    """Begin, be killed with half of the data keys done, and be done. Raises LabError."""
    began = time.perf_counter()
    first = await _command(lab)
    await _half(lab, first)
    first.kill()
    await first.wait()
    killed = time.perf_counter()
    left = await _left(lab)
    if not left:
        raise LabError(f"a rotation of {customers} customers is over before it can be killed: take more")
    begun_again = time.perf_counter()
    second = await _command(lab)
    told, complaints = await second.communicate()
    ended = time.perf_counter()
    if second.returncode != 0:
        raise LabError(f"call-bridge keys rotate failed: {complaints.decode().strip()}")
    rewrapped = json.loads(told)["rewrapped"]
    if rewrapped != left or await _left(lab):
        raise LabError(
            f"{left} data keys were left, {rewrapped} were wrapped, and {await _left(lab)} are left"
        )
    return Rotation(customers, (killed - began, ended - begun_again), left)


async def _command(lab: Lab) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(CALL_BRIDGE, "--config", lab.config_path, "keys", "rotate", "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _half(lab: Lab, rotating: asyncio.subprocess.Process) -> None:
    """Until the customer in the middle has the new wrapping: customers are taken in their order."""
    middle = "SELECT data_key FROM customers ORDER BY id LIMIT 1 OFFSET (SELECT count(*) / 2 FROM customers)"
    with closing(sqlite3.connect(f"file:{lab.database_path}?mode=ro", uri=True)) as connection:
        before = connection.execute(middle).fetchone()
        await _until(
            lambda: rotating.returncode is not None or connection.execute(middle).fetchone() != before,
            "half of a rotation",
            within=_LONGEST_ROTATION,
        )


async def _until(condition: Callable[[], bool], what: str, *, within: float = 10.0) -> None:
    """Raises LabError."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > within:
            raise LabError(f"{what}: not within {within:g} s")
        await asyncio.sleep(_POLL_SECONDS)


async def _left(lab: Lab) -> int:
    """How many data keys the current key does not wrap."""
    current = read_key_ring(key_source(load_config(lab.config_path).keys)).current
    async with await Database.open(lab.database_path) as database, database.read() as connection:
        return await count_others(connection, current.id)


# --- the shop ---


def build(folder: Path, customers: int, progress: Callable[[str], None]) -> Lab:
    """Every customer has one order and a number of their own. Raises LabError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    carrier = f"{CARRIER_HOST}:{ports.free_port(CARRIER_HOST, UDP)}"
    lab = Lab.create(folder, managers=MANAGERS, carrier=carrier)
    progress(f"{customers} customers: import")
    orders = deskscale.write_orders(folder / "orders.csv", orders=customers, extensions=list(lab.managers))
    lab.prepare(orders)
    lab.configure({"rules": rules(lab)})
    return lab


def rules(lab: Lab) -> dict[str, object]:
    """By which anybody may be called, at any rate: fictitious numbers are of many countries and prices."""
    with closing(sqlite3.connect(f"file:{lab.database_path}?mode=ro", uri=True)) as connection:
        countries = [region for (region,) in connection.execute("SELECT DISTINCT region FROM contacts")]
    return {
        "limits": NO_LIMITS,
        "other_countries": sorted(countries),
        "line_types": list(map(str, LineType)),
    }


async def measure(
    lab: Lab, customers: int, rate: float, seconds: float, progress: Callable[[str], None]
) -> Found:
    """Let managers call for `seconds`, and then for as long as the rotation lasts. The lab is running."""
    carrier = Carrier(lab.carrier_address, behaviour=answer(after=0), sends_audio=False)
    phones = [
        Phone(extension, manager.password, server=lab.sip_address, sends_audio=False)
        for extension, manager in lab.managers.items()
    ]
    async with AsyncExitStack() as stack:
        for peer in (carrier, *phones):
            await stack.enter_async_context(peer)
        managers = Managers(lab, phones, rate)
        progress("calls without a rotation")
        async with managers.calling() as before:
            await asyncio.sleep(seconds)
        progress("calls, and a rotation")
        async with managers.calling() as meanwhile:
            rotation = await rotate(lab, customers)
    return Found(rotation, before, meanwhile)


# --- what came of it ---


def report(found: Found, rate: float, machine: Machine) -> list[str]:
    rotation = found.rotation
    until, after = rotation.seconds
    lines = [
        f"{rotation.customers} customers, {MANAGERS} managers, {rate:g} calls a second",
        str(machine),
        "",
        f"killed after {until:.1f} s, with {rotation.left} data keys to go; run again, it took {after:.1f} s",
        f"in all {until + after:.1f} s, {rotation.rows_a_second:.0f} data keys a second",
        "",
        f"{'':20}{'calls':>8}{'failed':>8}{'answered after, ms: p50':>27}{'p99':>7}",
    ]
    for name, calls in (("without a rotation", found.before), ("while it ran", found.meanwhile)):
        p50, p99 = (_ms(calls.waits, percent) for percent in (50, 99))
        lines.append(f"{name:20}{calls.placed:>8}{calls.failed:>8}{p50:>27}{p99:>7}")
    return lines


def _ms(seconds: list[float], percent: int) -> str:
    return f"{percentile(seconds, percent) * 1000:.0f}" if seconds else "-"


def main(arguments: Sequence[str]) -> int:
    """0: no call failed. 1: some did, or nothing could be measured."""
    options = _parser().parse_args(arguments)
    try:
        with StatusLine(sys.stderr) as status:
            lab = build(options.dir, options.customers, status.show)
            try:
                lab.start_asterisk()
                lab.start_daemon()
                found = asyncio.run(
                    measure(lab, options.customers, options.rate, options.seconds, status.show)
                )
                lines = report(found, options.rate, Machine.of(lab))
            finally:
                lab.down()
    except LabError as error:
        print(f"rotation-time: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        shutil.rmtree(options.dir, ignore_errors=True)
    print("\n".join(lines))
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), "rotation", lines))
    for complaint in (*found.before.complaints(), *found.meanwhile.complaints()):
        print(complaint, file=sys.stderr)
    return 1 if found.before.failed or found.meanwhile.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/rotation-time",
        description="How long `call-bridge keys rotate` takes while managers call, killed once midway.",
    )
    parser.add_argument("--customers", type=int, default=100_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=4, metavar="N", help="calls a second (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=60, metavar="S", help="of calls before it begins (%(default)s)"
    )
    parser.add_argument("--write", action="store_true", help="put the result into docs/performance.md")
    parser.add_argument(
        "--dir", type=Path, default=LABS / "rotation-time", help="removed (default: %(default)s)"
    )
    return parser
