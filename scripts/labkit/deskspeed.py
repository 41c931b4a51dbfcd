"""How fast the desk's pages are: with many orders, while many managers work. What scripts/desk-speed does."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchkit.figures import percentile
from bridge.desk import cookies
from bridge.rules import Role
from labkit import deskscale
from labkit.deskapi import DeskApi
from labkit.deskpeople import admit, follow, invitation_of_owner, sign_in
from labkit.errors import INTERRUPTED, LabError
from labkit.lab import Lab
from labkit.livepage import filled
from labkit.machine import Machine
from labkit.places import CHECKOUT, LABS
from labkit.plan import FIRST_EXTENSION
from labkit.progress import StatusLine

PAGE = CHECKOUT / "docs" / "desk.md"
SECONDS_BETWEEN_PAGES = 10.0
"""Of one person, on average: an order, its call and a result take half a minute even where nobody answers."""
TARGET_SECONDS = 0.1
SETTINGS = {
    # Codes of an app are of use once in half a minute, and nobody reads as fast as this.
    "desk": {"second_factor": [], "reading": {"cards_per_minute": 10_000, "cards_per_hour": 100_000}}
}


@dataclass(frozen=True)
class Page:
    """`path` makes an address, from a code of one of the reader's orders; `role` is whose page it is."""

    title: str
    path: Callable[[str], str]
    role: Role = Role.MANAGER


PAGES = (
    Page("queue", lambda _: "/"),
    Page("queue, those for later", lambda _: "/queue?filter=later"),
    Page("queue, all", lambda _: "/queue?filter=all"),
    Page("search by name", lambda code: f"/queue?filter=all&q=grace+{'bcdefghi'[int(code) % 8]}"),
    Page("search by code", lambda code: f"/queue?filter=all&q={code[:5]}"),
    Page("order", lambda code: f"/orders/{code}"),
    Page("call bar", lambda _: "/call"),
    Page("account", lambda _: "/account"),
    Page("everybody's queue", lambda _: "/", Role.SUPERVISOR),
    Page("everybody's queue, done", lambda _: "/queue?filter=done", Role.SUPERVISOR),
    Page("search by name, of all", lambda _: "/queue?filter=all&q=grace", Role.SUPERVISOR),
    Page("any order", lambda code: f"/orders/{code}", Role.SUPERVISOR),
    Page("live calls", lambda _: "/wall", Role.SUPERVISOR),
    Page("managers", lambda _: "/managers", Role.SUPERVISOR),
    Page("report on a manager", lambda _: "/managers/101", Role.SUPERVISOR),
    Page("results of 30 days", lambda _: "/results?days=30", Role.SUPERVISOR),
    Page("alarms", lambda _: "/alarms", Role.SUPERVISOR),
    Page("audit", lambda _: "/audit", Role.SUPERVISOR),
    Page("audit of an order", lambda code: f"/audit?order={code}", Role.SUPERVISOR),
    Page("proposals", lambda _: "/proposals", Role.SUPERVISOR),
)


@dataclass
class Reader:
    """Somebody at the desk; `codes` are orders that they may see."""

    token: str
    codes: Iterator[str]


@dataclass
class Measured:
    """Seconds from the request to the answer's last byte: asked alone, and while all managers work."""

    alone: list[float] = field(default_factory=list)
    at_work: list[float] = field(default_factory=list)


class Desks:
    """The managers' and supervisors' browsers: what they ask for, without what a browser does with it."""

    def __init__(self, http: aiohttp.ClientSession, url: str, readers: dict[Role, list[Reader]]) -> None:
        self._http = http
        self._url = url
        self._readers = readers
        self.found = {page: Measured() for page in PAGES}

    async def alone(self, samples: int, progress: Callable[[str], None]) -> None:
        """One request at a time, round all readers."""
        for page in PAGES:
            progress(f"{page.title}: alone")
            readers = self._readers[page.role]
            for number in range(samples + 1):
                seconds = await self._fetch(page, readers[number % len(readers)])
                if number:  # the first one warms what a running desk has warm
                    self.found[page].alone.append(seconds)

    async def at_work(self, seconds: float, progress: Callable[[str], None]) -> None:
        """Everybody has a stream of events open, and opens a page every few seconds, as it comes."""
        end = time.monotonic() + seconds
        dice = random.Random(deskscale.SEED)
        everybody = [(role, reader) for role, readers in self._readers.items() for reader in readers]
        async with asyncio.TaskGroup() as group:
            streams = [group.create_task(self._listen(reader)) for _, reader in everybody]
            clicking = [
                group.create_task(self._click(role, reader, random.Random(dice.random()), end))
                for role, reader in everybody
            ]
            while not all(task.done() for task in clicking):
                progress(f"all at work: {max(0, end - time.monotonic()):.0f} s to go")
                await asyncio.wait(clicking, timeout=1)
            for stream in streams:
                stream.cancel()

    async def _click(self, role: Role, reader: Reader, dice: random.Random, end: float) -> None:
        pages = [page for page in PAGES if page.role is role]
        while (pause := dice.expovariate(1 / SECONDS_BETWEEN_PAGES)) < end - time.monotonic():
            await asyncio.sleep(pause)
            page = dice.choice(pages)
            self.found[page].at_work.append(await self._fetch(page, reader))

    async def _fetch(self, page: Page, reader: Reader) -> float:
        path = page.path(next(reader.codes))
        began = time.perf_counter()
        # Whoever is not signed in is sent on to a page that is quick: it would be measured instead.
        request = self._http.get(self._url + path, headers=_signed_in(reader), allow_redirects=False)
        async with request as answer:
            await answer.read()
            taken = time.perf_counter() - began
        if answer.status != 200:
            raise LabError(f"{page.title}: the desk answers {answer.status}")
        return taken

    async def _listen(self, reader: Reader) -> None:
        async with self._http.get(f"{self._url}/events", headers=_signed_in(reader)) as stream:
            async for _ in stream.content.iter_any():
                pass


def _signed_in(reader: Reader) -> dict[str, str]:
    return {"Cookie": f"{cookies.SESSION}={reader.token}"}


# --- the shop ---


def build(folder: Path, options: argparse.Namespace, progress: Callable[[str], None]) -> Lab:
    """Orders, managers and a past; the daemon and the desk run afterwards. Raises LabError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    first = FIRST_EXTENSION + options.managers
    supervisors = [str(first + number) for number in range(options.supervisors)]
    roles = {**dict.fromkeys(supervisors, Role.SUPERVISOR), supervisors[0]: Role.OWNER}
    lab = Lab.create(folder, managers=options.managers + options.supervisors, roles=roles)
    progress(f"{options.orders} orders: import")
    extensions = [extension for extension in lab.managers if extension not in supervisors]
    lab.prepare(deskscale.write_orders(folder / "orders.csv", orders=options.orders, extensions=extensions))
    progress(f"{options.orders} orders: what has become of them")
    deskscale.live_through(lab.database_path)
    lab.configure(SETTINGS)
    lab.start_asterisk()
    lab.start_daemon()
    lab.start_desk()
    return lab


async def readers_of(lab: Lab, progress: Callable[[str], None]) -> dict[Role, list[Reader]]:
    """By whose pages they read; the owner, who lets all others in, reads those of supervisors."""
    readers: dict[Role, list[Reader]] = {Role.MANAGER: [], Role.SUPERVISOR: []}
    (owner,) = (extension for extension, manager in lab.managers.items() if manager.role == Role.OWNER)
    others = {extension: manager for extension, manager in lab.managers.items() if extension != owner}
    async with DeskApi(lab.desk_socket) as api:
        boss = await sign_in(api, await admit(lab, api, owner))
        readers[Role.SUPERVISOR].append(Reader(boss, deskscale.codes_of(lab.database_path, None)))
        for number, (extension, manager) in enumerate(others.items(), start=1):
            progress(f"{number} of {len(others)} people sign in")
            link = await invitation_of_owner(api, boss, extension)
            token = await sign_in(api, await follow(api, link, extension))
            role = Role(manager.role)
            own = deskscale.codes_of(lab.database_path, extension if role is Role.MANAGER else None)
            readers[role].append(Reader(token, own))
    return readers


async def measure(
    lab: Lab, options: argparse.Namespace, progress: Callable[[str], None]
) -> dict[Page, Measured]:
    readers = await readers_of(lab, progress)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_read=60),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        )
        desks = Desks(http, lab.desk_url, readers)
        await desks.alone(options.samples, progress)
        await desks.at_work(options.seconds, progress)
    return desks.found


# --- what came of it ---


def report(found: dict[Page, Measured], options: argparse.Namespace, machine: Machine) -> list[str]:
    """A table, in milliseconds."""
    lines = [
        f"{options.orders} orders, {options.managers} managers, {options.supervisors} supervisors,"
        f" a page each {SECONDS_BETWEEN_PAGES:g} s",
        str(machine),
        "",
        f"{'':26}{'alone':>15}{'all at work':>24}",
        f"{'page, ms':26}{'p50':>7}{'p95':>8}{'p50':>8}{'p95':>8}{'pages':>8}",
    ]
    for page, measured in found.items():
        alone, at_work = measured.alone, measured.at_work
        lines.append(
            f"{page.title:26}{_ms(alone, 50):>7}{_ms(alone, 95):>8}"
            f"{_ms(at_work, 50):>8}{_ms(at_work, 95):>8}{len(at_work):>8}"
        )
    return lines


def _ms(seconds: list[float], percent: int) -> str:
    return f"{percentile(seconds, percent) * 1000:.0f}" if seconds else "-"


def too_slow(found: dict[Page, Measured]) -> list[str]:
    """The pages that miss the target, alone or at work."""
    return [
        page.title
        for page, measured in found.items()
        if any(
            times and percentile(times, 95) > TARGET_SECONDS for times in (measured.alone, measured.at_work)
        )
    ]


def main(arguments: Sequence[str]) -> int:
    """0: every page is within the target. 1: some are not, or nothing could be measured."""
    options = _parser().parse_args(arguments)
    try:
        with StatusLine(sys.stderr) as status:
            lab = build(options.dir, options, status.show)
            try:
                found = asyncio.run(measure(lab, options, status.show))
                lines = report(found, options, Machine.of(lab))
            finally:
                lab.down()
    except LabError as error:
        print(f"desk-speed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        shutil.rmtree(options.dir, ignore_errors=True)
    print("\n".join(lines))
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), "desk-speed", lines))
    missed = too_slow(found)
    if missed:
        print(f"above {TARGET_SECONDS * 1000:.0f} ms: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/desk-speed",
        description="How long the desk's pages take, with many orders and while many managers work.",
    )
    parser.add_argument("--orders", type=int, default=100_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--managers", type=int, default=50, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--supervisors", type=int, default=2, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--samples", type=int, default=100, metavar="N", help="of each page alone (%(default)s)"
    )
    parser.add_argument(
        "--seconds", type=float, default=120, metavar="S", help="of all at work (%(default)s)"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/desk.md")
    parser.add_argument(
        "--dir", type=Path, default=LABS / "desk-speed", help="removed (default: %(default)s)"
    )
    return parser
