"""The daemon's real API on a real socket, with a scripted switchboard behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bridge.api.app import ConfigStatus, Readiness, Status, make_app
from bridge.api.server import serve_on_socket
from bridge.pulling.puller import Pulled
from bridge.rules import Reason
from bridge.store.database import now_ms
from bridge.switchboard.admission import MESSAGES, Refused
from bridge.switchboard.board import CallView, Placed, SwitchboardFull
from bridge.switchboard.proofs import ProofCall
from bridge.switchboard.tasks import Tasks

WELL = Status(
    version="1.2.3",
    started_ms=1_767_225_600_000,
    link_since_ms=1_767_225_601_000,
    carrier_up=True,
    calls=3,
    conversations=2,
    backlog=0,
    last_error=None,
    config=ConfigStatus(
        path="/etc/call-bridge/config.yaml",
        loaded_ms=1_767_225_600_000,
        changed_on_disk=False,
        reload_ms=None,
        problems=(),
        restart_for=(),
    ),
)


@dataclass
class ScriptedSwitchboard:
    """Places every call, unless `answer` says how it is refused."""

    answer: Reason | type[Exception] | None = None
    calls: list[CallView] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def live(self) -> list[CallView]:
        return self.calls

    async def click(self, code: str, extension: str, contact_id: int | None = None, place: int = 1) -> Placed:
        self.places.append(place)
        if self.answer is SwitchboardFull:
            raise SwitchboardFull
        call = CallView("bcdfghjk", "click-to-call", code, extension, "ringing-manager", now_ms(), None)
        if isinstance(self.answer, Reason):
            return Placed(call, Refused(self.answer, "", MESSAGES[self.answer], language="en"))
        self.calls.append(call)
        return Placed(call, None)  # type: ignore[arg-type]  # what was admitted is not told to the API

    def hang_up(self, call_id: str) -> bool:
        found = [call for call in self.calls if call.id == call_id]
        self.calls = [call for call in self.calls if call.id != call_id]
        return bool(found)


@dataclass
class ScriptedProofs:
    """Expects every proof, unless `refusal` says why not."""

    refusal: Exception | None = None

    async def expect(self, extension: str, carrier: str, transport: str) -> ProofCall:
        if self.refusal is not None:
            raise self.refusal
        return ProofCall("000000123456", seconds=30)


@dataclass
class ScriptedPuller:
    """Tells these pages, one after the other, and the last of them from then on."""

    pages: list[Pulled | Exception | None] = field(default_factory=lambda: [Pulled("arrived", arrived=True)])
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def pull(self, name: str) -> Pulled | None:
        self.asked.append(("pull", name))
        page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(page, Exception):
            raise page
        return page

    async def try_out(self, name: str) -> Pulled | None:
        self.asked.append(("try", name))
        page = self.pages[0]
        assert not isinstance(page, Exception)
        return page


@dataclass
class ScriptedDaemon:
    switchboard: ScriptedSwitchboard = field(default_factory=ScriptedSwitchboard)
    proofs: ScriptedProofs = field(default_factory=ScriptedProofs)
    puller: ScriptedPuller = field(default_factory=ScriptedPuller)
    readiness: Readiness = field(default_factory=lambda: Readiness(link=True, sealed=False))
    status: Status = WELL

    reloads: int = 0

    def measure(self) -> None: ...

    async def reload(self) -> None:
        self.reloads += 1


@contextmanager
def serving(daemon: ScriptedDaemon, socket: Path) -> Iterator[None]:
    """Serve the API in a thread of its own, as the command's process has a loop of its own."""
    up, loop = threading.Event(), asyncio.new_event_loop()
    down = asyncio.Event()

    async def serve() -> None:
        tasks = Tasks()
        async with serve_on_socket(make_app(daemon), socket, tasks):  # type: ignore[arg-type]
            up.set()
            await down.wait()
        await tasks.finish(seconds=5)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert up.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join(10)
        loop.close()
