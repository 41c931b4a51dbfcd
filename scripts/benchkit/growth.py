"""What grows with the number of orders: the import, the file, the look-up of a number, the daemon's start."""

from __future__ import annotations

import asyncio
import compileall
import csv
import itertools
import os
import random
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import yaml

import bridge
from benchkit import fiction
from benchkit.figures import percentile
from benchkit.site import Site
from bridge.config import Config, load_config
from bridge.store.database import Database, now_ms
from bridge.store.managers import add_manager
from bridge.store.records import Dialled, dial_facts
from bridge.unlock import unlock
from labkit.errors import LabError
from labkit.lab import CALL_BRIDGE
from labkit.pbxfiles import write_private
from labkit.processes import start
from labkit.readiness import answers_ok

ORDERS = (1_000, 10_000, 100_000, 1_000_000)
_EXTENSION = "101"
_LOOKUPS = 2000
_STARTS = 5
_POLL_S = 0.002
_LONGEST_START_S = 60.0


@dataclass(frozen=True)
class Growth:
    """With so many orders in the database. Times are seconds, sizes bytes.

    `rows_a_second` and `import_memory` are of the import that brought the last of them; a look-up is all that
    the daemon reads for a call, with the number opened.
    """

    orders: int
    customers: int
    rows_a_second: float
    import_memory: int
    database: int
    lookup_p50: float
    lookup_p99: float
    start_to_ready: float


def measure(site: Site, *, orders: Sequence[int], progress: Callable[[str], None]) -> list[Growth]:
    """Let one database grow to each of `orders`. Raises LabError."""
    shop = _Shop(site)
    found, before = [], 0
    for count in orders:
        progress(f"{count} orders: import")
        seconds, memory = shop.import_orders(before, count)
        progress(f"{count} orders: look-ups and starts")
        customers, lookups = asyncio.run(shop.look_up(count))
        found.append(
            Growth(
                orders=count,
                customers=customers,
                rows_a_second=(count - before) / seconds,
                import_memory=memory,
                database=shop.database_size,
                lookup_p50=percentile(lookups, 50),
                lookup_p99=percentile(lookups, 99),
                start_to_ready=median(shop.start_once() for _ in range(_STARTS)),
            )
        )
        before = count
    return found


class _Shop:
    """A shop beside the bench's own, at the same Asterisk, with a database and keys of its own."""

    def __init__(self, site: Site) -> None:
        self._folder = site.folder / "growth"
        self._folder.mkdir(mode=0o700)
        self._socket = site.lab.record.run_folder / "growth.sock"
        self._config_path = self._folder / "config.yaml"
        own = yaml.safe_load(site.direct.config.read_text())
        own["asterisk"]["application"] = "call-bridge-growth"
        own["store"] = {"path": str(self._folder / "call-bridge.db")}
        own["keys"] = {"file": str(self._folder / "keys")}
        own["api"] = {"socket": str(self._socket), "desk_socket": str(self._socket.with_suffix(".desk"))}
        write_private(self._config_path, yaml.safe_dump(own))
        # As installed: what is run from a checkout may be compiled anew at each start.
        compileall.compile_dir(Path(bridge.__file__).parent, quiet=2)
        self._run("keys", "new")
        asyncio.run(self._add_manager())

    @property
    def _config(self) -> Config:
        return load_config(self._config_path)

    @property
    def database_size(self) -> int:
        return self._config.store.path.stat().st_size

    def import_orders(self, first: int, end: int) -> tuple[float, int]:
        """Import the orders from `first` up to `end`; seconds, and the command's largest memory in bytes."""
        path = self._folder / "orders.csv"
        _write_orders(path, first, end)
        began = time.monotonic()
        memory = self._run("orders", "import", str(path))
        return time.monotonic() - began, memory

    async def look_up(self, orders: int) -> tuple[int, list[float]]:
        """How many customers there are, and what look-ups of random orders take."""
        config = self._config
        picked = random.Random(orders)
        times = []
        async with await Database.open(config.store.path) as database:
            vault = await unlock(config.keys, database)
            for _ in range(_LOOKUPS):
                code = _code(picked.randrange(orders))
                began = time.perf_counter()
                contact = (await dial_facts(database, Dialled(_EXTENSION, code, now_ms()))).contact
                if contact is None:
                    raise LabError(f"order {code} is not in the database")
                vault.open(
                    contact.sealed,
                    customer_id=contact.customer_id,
                    contact_id=contact.contact_id,
                    kind=contact.kind,
                    data_key=contact.data_key,
                )
                times.append(time.perf_counter() - began)
            async with database.read() as connection:
                customers: int = (
                    await connection.exec_driver_sql("SELECT count(*) FROM customers")
                ).scalar_one()
        return customers, times

    def start_once(self) -> float:
        """Seconds from the start of the process to the first "ready"."""
        command: list[str | Path] = [CALL_BRIDGE, "--config", self._config_path, "serve"]
        log = self._folder / "daemon.log"
        began = time.monotonic()
        process = start(command, log=log, folder=self._folder)
        try:
            while not answers_ok(self._socket, "/readyz"):
                if time.monotonic() > began + _LONGEST_START_S:
                    raise LabError(f"a daemon with many orders is not ready: see {log}")
                time.sleep(_POLL_S)
            return time.monotonic() - began
        finally:
            process.end()

    def _run(self, *arguments: str) -> int:
        """Run `call-bridge`; the most bytes that it had in memory. Raises LabError."""
        with (self._folder / "commands.log").open("a") as log:
            child = subprocess.Popen(
                [CALL_BRIDGE, "--config", self._config_path, *arguments], stdout=log, stderr=log
            )
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise LabError(f"call-bridge {' '.join(arguments[:2])} failed: see {log.name}")
        return used.ru_maxrss * 1024

    async def _add_manager(self) -> None:
        async with await Database.open(self._config.store.path) as database:
            await add_manager(database, "Anna", _EXTENSION, actor="bench")


def _code(index: int) -> str:
    return str(1_000_000 + index)


def _write_orders(path: Path, first: int, end: int) -> None:
    """A customer for each number that there is; beyond that many, they come again with further orders."""
    numbers = list(fiction.numbers())
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "name", "phone", "summary", "manager"])
        for index in itertools.islice(itertools.count(first), end - first):
            who = index % len(numbers)
            writer.writerow([_code(index), f"Customer {who}", numbers[who], "1 parcel", _EXTENSION])
