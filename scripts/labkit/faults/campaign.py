"""Many trials side by side, and what they came to."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bridge.proof.sip.tasks import Tasks
from labkit.errors import LabError
from labkit.faults.kinds import EventFault, RequestFault
from labkit.faults.shop import FaultShop
from labkit.faults.trial import RESULTS, CallChooser, CallKind, NthFails, Outcome, PerCall, run

_ATTEMPTS = 3


@dataclass
class Tally:
    """What has become of calls so far. `broken` has a line for each promise that was not kept."""

    results: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    calls_with_a_fault: int = 0
    dialled: int = 0
    dialled_twice: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, title: str, outcome: Outcome) -> None:
        self.calls += 1
        self.calls_with_a_fault += bool(outcome.failed)
        self.faults.update(failed.rpartition(" ")[2] for failed in outcome.failed)
        self.dialled += outcome.dialled > 0
        self.dialled_twice += outcome.dialled > 1
        self.results[outcome.result or "none: nobody was dialled"] += 1
        if outcome.broken:
            failed = ", ".join(outcome.failed) or "nothing"
            self.broken.append(f"{title}: {'; '.join(outcome.broken)} [made to fail: {failed}]")


Watcher = Callable[[Tally], None]


class Campaign:
    """Starts calls as seats become free, adds up what they come to, and tells `watch` after each."""

    def __init__(self, shop: FaultShop, watch: Watcher, *, within: float = 5.0) -> None:
        self.tally = Tally()
        self._shop = shop
        self._watch = watch
        self._within = within
        self._chooser = PerCall()
        self._tasks = Tasks()
        self._running = 0
        self._idle = asyncio.Event()
        shop.proxy.choose = self._chooser

    async def start(self, kind: CallKind, chooser: CallChooser, title: str) -> None:
        """Wait for a free seat and begin a call there."""
        seat = await self._shop.free.get()
        self._chooser.plan(seat.code, chooser)
        self._running += 1
        self._idle.clear()

        async def call() -> None:
            try:
                self.tally.add(title, await run(self._shop, seat, kind, within=self._within))
                self._watch(self.tally)
            finally:
                self._shop.free.put_nowait(seat)
                self._running -= 1
                if not self._running:
                    self._idle.set()

        self._tasks.start(call(), title)

    async def finish(self) -> Tally:
        """Wait for every call. Raises ExceptionGroup where the trial itself, not a promise, broke."""
        if self._running:
            await self._idle.wait()
        await self._tasks.close()
        return self.tally


async def one_fault_each(
    shop: FaultShop, kinds: Sequence[CallKind], watch: Watcher, *, every: int = 1
) -> Tally:
    """In calls of each kind, each request and each event fails in each way: a call for each fault.

    With `every` 3 only every third of them. Raises LabError where a call fails without any fault.
    """
    campaign = Campaign(shop, watch)
    plans = [(kind, plan) for kind in kinds for plan in _faults_of_a_call(*await _lengths(shop, kind))]
    for kind, plan in plans[::every]:
        await campaign.start(kind, plan, f"{kind.value}, {plan}")
    return await campaign.finish()


def _faults_of_a_call(requests: int, events: int) -> Iterator[NthFails]:
    for number, fault in itertools.product(range(1, requests + 1), RequestFault):
        yield NthFails(number, fault)
    for number, event_fault in itertools.product(range(1, events + 1), EventFault):
        yield NthFails(number, event_fault)


async def _lengths(shop: FaultShop, kind: CallKind) -> tuple[int, int]:
    """How many requests, and how many events, a call of this kind has.

    Right after a start the rules may refuse it: then another one tells.
    """
    for _ in range(_ATTEMPTS):
        async with shop.free_seat() as seat:
            outcome = await run(shop, seat, kind)
        if outcome.result is not None:
            break
    if outcome.broken or outcome.result != RESULTS[kind]:
        raise LabError(f"without any fault {kind.value} is {outcome.result}: {'; '.join(outcome.broken)}")
    return shop.proxy.register.counts(seat.code)
