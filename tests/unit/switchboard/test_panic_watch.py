"""A panic ends what may yet become a call, and lets refusals be told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from obliging_shop import ObligingPbx, open_shop, until

from bridge.calls.model import Message
from bridge.store.database import now_ms
from bridge.store.panic import Panic, begin_panic
from bridge.store.records import SealedContact
from bridge.switchboard.admission import Admission, Admitted, Asked, Refused
from bridge.switchboard.panic_watch import PanicWatch


@dataclass
class SlowGate:
    """Decides as Admission does, and tells no decision before it is let."""

    admission: Admission
    decided: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, asked: Asked) -> Admitted | Refused:
        decision = await self.admission.ask(asked)
        self.decided.set()
        await self.told.wait()
        return decision

    async def recorded(self, admitted: Admitted, /) -> Refused | None:
        return await self.admission.recorded(admitted)

    async def find_next(self, asked: Asked, tried: SealedContact, result: object, /) -> Admitted | None:
        return None


class RingingPbx(ObligingPbx):
    """Whose customers do not answer."""

    async def dial(self, channel_id: str, _seconds: float) -> None:
        self.dialled.append(channel_id)


async def test_a_manager_whose_call_is_being_refused_as_a_panic_begins_is_told(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        gate = SlowGate(shop.parts.admission)  # type: ignore[arg-type]
        shop.parts.admission = gate
        await begin_panic(shop.database, Panic(now_ms(), "cli:alice", "a test"))
        shop.dial()
        await gate.decided.wait()
        await PanicWatch(shop.database, shop.board).look()
        gate.told.set()
        await shop.over()
        assert shop.pbx.told == [Message.OUT_OF_SERVICE]


async def test_a_call_that_was_allowed_just_before_the_panic_rings_for_no_second(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pbx=RingingPbx()) as shop:
        gate = SlowGate(shop.parts.admission)  # type: ignore[arg-type]
        shop.parts.admission = gate
        shop.dial()
        await gate.decided.wait()
        await begin_panic(shop.database, Panic(now_ms(), "cli:alice", "a test"))
        watch = PanicWatch(shop.database, shop.board)
        await watch.look()
        gate.told.set()
        await until(lambda: bool(shop.pbx.dialled))
        await watch.look()
        await shop.over()
        assert await shop.ledger.flush(5)
        assert await shop.results() == ["cancelled"]
