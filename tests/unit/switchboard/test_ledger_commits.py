"""What became of calls waits for more of it, so that calls that are being placed wait for few commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest

from bridge.store.database import Database
from bridge.store.records import Note
from bridge.switchboard import ledger as module
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.tasks import Tasks


class Clockwork:
    """Sleeps end when they are let; `asked` are their seconds. `written` has the calls of each commit."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.written: list[list[str]] = []
        self._alarm = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._alarm.wait()
        self._alarm.clear()

    async def note(self, _db: Database, notes: Sequence[Note]) -> None:
        self.written.append([each.call_id for each in notes])

    def wake(self) -> None:
        self._alarm.set()


@pytest.fixture
def clockwork(monkeypatch: pytest.MonkeyPatch) -> Clockwork:
    clockwork = Clockwork()
    monkeypatch.setattr(module, "note", clockwork.note)
    monkeypatch.setattr(module, "asyncio", _Asyncio(clockwork))
    monkeypatch.setattr(module, "_SECONDS_BETWEEN", 60.0)
    return clockwork


class _Asyncio:
    """asyncio, but for its sleep."""

    def __init__(self, clockwork: Clockwork) -> None:
        self.sleep = clockwork.sleep

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)


@pytest.fixture
async def ledger(clockwork: Clockwork) -> AsyncIterator[Ledger]:
    tasks, ledger = Tasks(), Ledger(cast(Database, None))
    tasks.start(ledger.run(), name="ledger")
    yield ledger
    await tasks.finish(seconds=0)


async def write(ledger: Ledger, clockwork: Clockwork, *calls: str) -> None:
    for call in calls:
        ledger.answered(call, 0)
    clockwork.wake()
    assert await ledger.flush(5)


async def test_what_comes_after_a_rest_is_written_within_a_moment(
    ledger: Ledger, clockwork: Clockwork
) -> None:
    await write(ledger, clockwork, "one")
    assert clockwork.asked == [0.02]


async def test_what_keeps_coming_shares_commits(ledger: Ledger, clockwork: Clockwork) -> None:
    await write(ledger, clockwork, "one")
    await write(ledger, clockwork, "two", "three", "four")
    assert clockwork.written == [["one"], ["two", "three", "four"]]
    assert clockwork.asked[1] > 1, "it waits for the next moment to write, not for the next entry"


async def test_no_commit_is_so_large_that_a_call_has_to_wait_for_it(
    ledger: Ledger, clockwork: Clockwork
) -> None:
    for number in range(150):
        ledger.answered(str(number), 0)
    clockwork.wake()
    while len(clockwork.written) < 1:
        await asyncio.sleep(0)
    clockwork.wake()
    assert await ledger.flush(5)
    assert [len(commit) for commit in clockwork.written] == [100, 50]
