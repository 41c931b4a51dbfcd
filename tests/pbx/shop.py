"""What tests of calls ask a lab: its phones, its records, its Asterisk."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.asterisk.ari import AriClient
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab
from labkit.pbxfiles import CARRIER_ASKED_SECONDS
from labkit.readiness import get
from labkit.results import rows

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Record:
    order: str
    kind: str
    result: str | None
    cause: int | None
    answered: bool
    seconds: float | None


def records(lab: Lab) -> list[Record]:
    """Every call on record, oldest first."""
    query = (
        "SELECT order_code, kind, result, cause, answered_ms, started_ms, ended_ms FROM calls ORDER BY rowid"
    )
    return [
        Record(
            order=order,
            kind=kind,
            result=result,
            cause=cause,
            answered=answered is not None,
            seconds=None if ended is None else (ended - started) / 1000,
        )
        for order, kind, result, cause, answered, started, ended in rows(lab.database_path, query)
    ]


async def until(condition: Callable[[], Any], what: str, *, within: float = 10.0) -> Any:
    """Wait for a condition's first true value. Raises TimeoutError that names what was waited for."""
    deadline = asyncio.get_running_loop().time() + within
    while not (value := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"{what}: not within {within:g} s")
        await asyncio.sleep(POLL_SECONDS)
    return value


async def until_async(condition: Callable[[], Awaitable[Any]], what: str, *, within: float = 10.0) -> Any:
    """As `until`, for a condition that has to be awaited."""
    deadline = asyncio.get_running_loop().time() + within
    while not (value := await condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"{what}: not within {within:g} s")
        await asyncio.sleep(POLL_SECONDS)
    return value


async def next_result(lab: Lab, before: list[Record], *, within: float = 10.0) -> Record:
    """The record of the one call made since `before`, once it has its result."""

    def finished() -> list[Record]:
        return [record for record in records(lab)[len(before) :] if record.result is not None]

    new: list[Record] = await until(finished, "a result on record", within=within)
    assert len(new) == 1, f"one call was made, {len(new)} are on record"
    return new[0]


@asynccontextmanager
async def registered_phone(lab: Lab, extension: str = "101") -> AsyncIterator[Phone]:
    async with Phone(extension, lab.managers[extension].password, server=lab.sip_address) as phone:
        await phone.register()
        yield phone


@asynccontextmanager
async def ari(lab: Lab) -> AsyncIterator[AriClient]:
    """Commands to the lab's Asterisk, beside the daemon's own client."""
    async with AriClient(lab.ari_url, lab.ari_user, lab.ari_password, app="call-bridge") as client:
        yield client


def gauge(lab: Lab, name: str) -> float:
    metrics = get(lab.api_socket, "/metrics")
    found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
    assert found is not None, f"the metric {name} is gone"
    return float(found[1])


async def trunk_is(lab: Lab, state: str) -> bool:
    """Whether Asterisk takes the carrier for "online" or "offline", by its answers to OPTIONS."""
    async with ari(lab) as client:
        return (await client.endpoints.get("PJSIP", "trunk")).state == state


_no_carrier_since: dict[tuple[str, int], float] = {}
"""By address: when its carrier was let go of, on the monotonic clock."""


@asynccontextmanager
async def carrier_of(lab: Lab) -> AsyncIterator[Carrier]:
    """A carrier that answers, and that both Asterisk and the daemon know to be alive."""
    async with Carrier(lab.carrier_address) as carrier:
        await asyncio.to_thread(lab.asterisk.rx, "pjsip qualify trunk")
        await no_question_is_open(lab, carrier)
        await until_async(lambda: trunk_is(lab, "online"), "a trunk that is up", within=40)
        await until(lambda: gauge(lab, "callbridge_carrier_up") == 1, "a daemon that knows of it")
        yield carrier
    _no_carrier_since[lab.carrier_address] = time.monotonic()


async def no_question_is_open(lab: Lab, carrier: Carrier) -> None:
    """Wait until no question that nobody was there to hear can make the trunk dead any more.

    Asterisk waits three seconds for an answer, and repeats its question after half a second and one more (RFC
    3261, timer E): a carrier that is back by then hears it. Else two later questions must have been heard.
    """
    away = time.monotonic() - _no_carrier_since.get(lab.carrier_address, 0.0)
    asks = f"qualify_frequency={CARRIER_ASKED_SECONDS}" in (lab.asterisk.etc / "pjsip.conf").read_text()
    if asks and away > 1.0:
        heard_by_hand = 1
        await until(lambda: _questions(carrier) >= heard_by_hand + 2, "a carrier that is asked", within=20)


def _questions(carrier: Carrier) -> int:
    return len({request.call_id for request in carrier.requests if request.method == "OPTIONS"})


def sound_folder(lab: Lab) -> Path:
    """Where the lab's Asterisk keeps its recordings: a folder for each language."""
    found = re.search(r"^\s*Data directory:\s*(\S+)", lab.asterisk.rx("core show settings"), re.MULTILINE)
    assert found is not None, "Asterisk tells its data directory"
    return Path(found[1]) / "sounds"


async def leftovers(lab: Lab) -> list[str]:
    """Channels and bridges that exist now."""
    async with ari(lab) as client:
        channels = [channel.name for channel in await client.channels.list()]
        return channels + [bridge.id for bridge in await client.bridges.list()]


async def nothing_left(lab: Lab) -> None:
    """Wait until Asterisk has neither channel nor bridge. Raises TimeoutError."""

    async def empty() -> bool:
        return not await leftovers(lab)

    await until_async(empty, "an Asterisk without channels and bridges")


@contextmanager
def settings(lab: Lab, changes: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Let the lab's daemon run with other settings, and then with its own again."""
    own = lab.config_path.read_text()
    lab.stop_daemon()
    lab.configure(changes)
    lab.start_daemon()
    try:
        yield
    finally:
        lab.stop_daemon()
        lab.config_path.write_text(own)
        lab.start_daemon()
