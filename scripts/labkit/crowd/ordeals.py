"""What is done to call-bridge while a crowd talks, and what came of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from labkit.crowd.shop import Crowd, locked_database
from labkit.crowd.sound import Heard
from labkit.readiness import answers_ok

SECONDS_WITHOUT_LINK = 2.0
SECONDS_LOCKED = 3.0
SECONDS_OF_BOTH = 1.0
STARTING = "starting"
TAKEN_OVER = "calls of a daemon before this one are taken over"


@dataclass(frozen=True)
class Takeover:
    """How long a new daemon took until the last conversation was its own, in seconds.

    That is `from_start` of its process, and `from_link`, the moment when it asked Asterisk for events.
    `limits_from_link` is when it had also renewed the last conversation's limit of time at Asterisk.
    """

    from_start: float
    from_link: float
    limits_from_link: float


@dataclass(frozen=True)
class Ordeal:
    """`name` is for the command line and for programs, `title` for people."""

    name: str
    title: str
    undergo: Callable[[Crowd], Awaitable[Takeover | None]]


@dataclass(frozen=True)
class Passage:
    """A stretch of time in the crowd's life. `conversations` and `on_board` are from its end: those that have
    both their ends still, and those that the daemon knows to be talking.
    """

    name: str
    heard: Heard
    conversations: int
    on_board: int
    takeover: Takeover | None


async def pass_through(crowd: Crowd, ordeal: Ordeal, *, seconds: float) -> Passage:
    """Undergo it, for `seconds` at least. Raises LabError and TimeoutError of a daemon that is not back."""
    loop = asyncio.get_running_loop()
    crowd.sound.hear()
    began = loop.time()
    takeover = await ordeal.undergo(crowd)
    await asyncio.sleep(began + seconds - loop.time())
    return Passage(
        name=ordeal.name,
        heard=crowd.sound.hear(),
        conversations=crowd.conversations(),
        on_board=crowd.states().count("talking"),
        takeover=takeover,
    )


async def _nothing(crowd: Crowd) -> None:
    """Let them talk."""


async def _kill(crowd: Crowd) -> Takeover:
    await asyncio.to_thread(crowd.lab.kill_daemon)
    return await _successor(crowd)


async def _restart(crowd: Crowd) -> Takeover:
    await asyncio.to_thread(crowd.lab.stop_daemon)
    return await _successor(crowd)


async def _cut_link(crowd: Crowd) -> None:
    await crowd.link.cut()
    await asyncio.sleep(SECONDS_WITHOUT_LINK)
    await crowd.link.open()
    await crowd.until(lambda: _is_ready(crowd), "a daemon that has its link again")


async def _lock_database(crowd: Crowd) -> None:
    with locked_database(crowd.lab.database_path):
        await asyncio.sleep(SECONDS_LOCKED)


async def _all_at_once(crowd: Crowd) -> Takeover:
    """The successor comes to a locked database, and to an Asterisk that it cannot reach at first."""
    began = time.time()

    async def has_begun() -> bool:
        return _latest(crowd.lab.log("daemon"), STARTING) > began

    async with asyncio.TaskGroup() as group:
        await crowd.link.cut()
        with locked_database(crowd.lab.database_path):
            takeover = group.create_task(_kill(crowd))
            await crowd.until(has_begun, "a successor that says it starts")
            await asyncio.sleep(SECONDS_OF_BOTH)
        await asyncio.sleep(SECONDS_WITHOUT_LINK)
        await crowd.link.open()
    return takeover.result()


async def _successor(crowd: Crowd) -> Takeover:
    crowd.link.capped_at.clear()
    began = time.time()
    await asyncio.to_thread(crowd.lab.start_daemon)
    legs = 2 * crowd.conversations()

    async def all_are_capped() -> bool:
        return len(crowd.link.capped_at) >= legs

    await crowd.until(all_are_capped, "conversations whose limits of time the successor has renewed")
    taken_over, attached = _latest(crowd.lab.log("daemon"), TAKEN_OVER), crowd.link.attached_at
    return Takeover(
        from_start=taken_over - began,
        from_link=taken_over - attached,
        limits_from_link=max(crowd.link.capped_at, default=attached) - attached,
    )


def _latest(log: Path, event: str) -> float:
    """When the daemon last said so, by time.time(). Raises LookupError where it never did."""
    for line in reversed(log.read_text().splitlines()):
        said = json.loads(line)
        if said["event"] == event:
            return datetime.fromisoformat(said["timestamp"]).timestamp()
    raise LookupError(f"{log}: {event!r} was never said")


async def _is_ready(crowd: Crowd) -> bool:
    return answers_ok(crowd.lab.api_socket, "/readyz")


UNDISTURBED = Ordeal("undisturbed", "left alone", _nothing)

ORDEALS = (
    Ordeal("kill", "kill -9 of the daemon, and a successor", _kill),
    Ordeal("link", f"the link to Asterisk cut for {SECONDS_WITHOUT_LINK:g} s", _cut_link),
    Ordeal("restart", "a clean restart of the daemon", _restart),
    Ordeal("database", f"the database locked for {SECONDS_LOCKED:g} s", _lock_database),
    Ordeal("together", "all of it at once", _all_at_once),
)
