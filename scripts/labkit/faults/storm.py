"""Calls in a storm: at random, requests and events fail, the link breaks, the daemon and its database fail.

Everything is a function of the seed: what befalls the n-th call's m-th request is drawn from those three
alone, so that a call that went wrong can be made again with the same faults.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from typing import Final

from labkit.faults.campaign import Campaign, Tally, Watcher
from labkit.faults.kinds import EventFault, RequestFault
from labkit.faults.passing import Passing
from labkit.faults.shop import FaultShop
from labkit.faults.trial import CallKind, Fault

_SHARE_OF_FAULTS: Final = 0.04
"""Of what passes; a call has about twenty requests and events."""

_PAUSE_SECONDS: Final = (5.0, 15.0)
_PROMISE_SECONDS: Final = 30.0
"""How long after a call its promises must be kept: the longest outage, and what the daemon needs after it."""


class Dice:
    """The chooser for the n-th call of a storm."""

    def __init__(self, seed: int, call: int) -> None:
        self._seed = f"{seed}/{call}"

    def __call__(self, passing: Passing) -> Fault | None:
        dice = random.Random(f"{self._seed}/{passing.is_event}/{passing.number}")
        if dice.random() >= _SHARE_OF_FAULTS:
            return None
        faults: list[Fault] = list(EventFault) if passing.is_event else list(RequestFault)
        return dice.choice(faults)


async def storm(
    shop: FaultShop, *, calls: int, rate: float, seed: int, watch: Watcher
) -> tuple[Tally, Counter[str]]:
    """So many calls, at most `rate` begun in a second. Returns also how often the weather was what."""
    campaign = Campaign(shop, watch, within=_PROMISE_SECONDS)
    dice, weather = random.Random(seed), Weather(shop, seed)
    clock = asyncio.get_running_loop().time
    async with weather:
        began = clock()
        for number in range(calls):
            await asyncio.sleep(began + number / rate - clock())
            kind = dice.choice(list(CallKind))
            await campaign.start(kind, Dice(seed, number), f"call {number}, {kind.value}")
        tally = await campaign.finish()
    return tally, weather.seen


class Weather:
    """What befalls the shop as a whole, one thing after another, while the context is open."""

    def __init__(self, shop: FaultShop, seed: int) -> None:
        self.seen: Counter[str] = Counter()
        self._shop = shop
        self._dice = random.Random(f"{seed}/weather")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._change(), name="weather")

    async def __aexit__(self, *_: object) -> None:
        """Raises what broke the weather itself."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._clear_up()

    async def _change(self) -> None:
        kinds: Mapping[str, Callable[[], Awaitable[None]]] = {
            "the link is cut": self._cut,
            "the link is silent": self._silence,
            "Asterisk refuses connections": self._refusal,
            "Asterisk answers 404, then 503": self._start_of_asterisk,
            "the link is slow": self._slowness,
            "the daemon is killed": self._kill,
            "the database is locked": self._locked_database,
        }
        while True:
            await asyncio.sleep(self._dice.uniform(*_PAUSE_SECONDS))
            name = self._dice.choice(list(kinds))
            await kinds[name]()
            self.seen[name] += 1

    async def _clear_up(self) -> None:
        proxy = self._shop.proxy
        proxy.heal()
        proxy.answer_all_with, proxy.delay_seconds = None, 0.0
        await proxy.refuse()
        await proxy.accept()
        await self._shop.ready()

    async def _kill(self) -> None:
        await self._shop.kill_daemon()
        await self._shop.start_daemon()

    async def _cut(self) -> None:
        self._shop.proxy.cut()

    async def _silence(self) -> None:
        self._shop.proxy.fall_silent()
        await asyncio.sleep(self._dice.uniform(1, 10))
        self._shop.proxy.heal()

    async def _refusal(self) -> None:
        await self._shop.proxy.refuse()
        await asyncio.sleep(self._dice.uniform(0, 4))
        await self._shop.proxy.accept()

    async def _start_of_asterisk(self) -> None:
        proxy = self._shop.proxy
        for status in (404, 503):
            proxy.answer_all_with = status
            proxy.cut()
            await asyncio.sleep(self._dice.uniform(0, 2))
        proxy.answer_all_with = None

    async def _slowness(self) -> None:
        self._shop.proxy.delay_seconds = self._dice.uniform(0, 0.2)
        await asyncio.sleep(self._dice.uniform(1, 5))
        self._shop.proxy.delay_seconds = 0.0

    async def _locked_database(self) -> None:
        with closing(sqlite3.connect(self._shop.lab.database_path, isolation_level=None)) as database:
            with suppress(sqlite3.OperationalError):  # the daemon was quicker, and for long
                database.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(self._dice.uniform(0, 8))
