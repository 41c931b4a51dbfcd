"""One call with its fault, and what must hold whatever the fault was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.api.client import ApiClient
from bridge.api.errors import ApiProblem, ApiUnavailable
from bridge.calls.model import Result
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Behaviour, answer, refuse, ring_for_ever
from labkit.faults.kinds import EventFault, RequestFault
from labkit.faults.passing import Passing
from labkit.faults.shop import POLL_SECONDS, FaultShop, Seat

Fault = RequestFault | EventFault

_ANSWER_WITHIN: Final = 12.0
_TALK_SECONDS: Final = 0.3
_RING_SECONDS: Final = 0.1
_MESSAGE_SECONDS: Final = 4.0
_COARSE_CLOCK_MS: Final = 10
"""time(2), by which Asterisk names channels, is moved on by the kernel's tick, and so late by as much."""


class CallKind(StrEnum):
    """How a call goes when nothing fails."""

    MANAGER_HANGS_UP = "manager-hangs-up"
    CUSTOMER_HANGS_UP = "customer-hangs-up"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    CANCELLED = "cancelled"
    """The manager hangs up while it rings."""
    CLICKED = "clicked"


RESULTS: Final = {
    CallKind.MANAGER_HANGS_UP: Result.TALKED,
    CallKind.CUSTOMER_HANGS_UP: Result.TALKED,
    CallKind.BUSY: Result.BUSY,
    CallKind.NO_ANSWER: Result.NO_ANSWER,
    CallKind.CANCELLED: Result.CANCELLED,
    CallKind.CLICKED: Result.TALKED,
}
"""What a call comes to when nothing fails."""

_CARRIERS: Final[dict[CallKind, Behaviour]] = {
    CallKind.MANAGER_HANGS_UP: answer(after=0.1),
    CallKind.CUSTOMER_HANGS_UP: answer(after=0.1, hang_up_after=_TALK_SECONDS),
    CallKind.BUSY: refuse(486),
    CallKind.NO_ANSWER: ring_for_ever(),
    CallKind.CANCELLED: ring_for_ever(),
    CallKind.CLICKED: answer(after=0.1),
}


@dataclass(frozen=True)
class NthFails:
    """The chooser for one call: its n-th request, or event, fails so."""

    number: int
    fault: Fault

    def __str__(self) -> str:
        what = "event" if isinstance(self.fault, EventFault) else "request"
        return f"{what} {self.number} {self.fault.value}"

    def __call__(self, passing: Passing) -> Fault | None:
        right = passing.is_event is isinstance(self.fault, EventFault)
        return self.fault if right and passing.number == self.number else None


CallChooser = Callable[[Passing], Fault | None]


class PerCall:
    """The proxy's chooser: asks the one of the call, and notes which things were made to fail."""

    def __init__(self) -> None:
        self._choosers: dict[str, CallChooser] = {}
        self.failed: dict[str, list[str]] = {}

    def plan(self, code: str, chooser: CallChooser) -> None:
        self._choosers[code] = chooser
        self.failed[code] = []

    def __call__(self, passing: Passing) -> Fault | None:
        if passing.code is None or passing.code not in self._choosers:
            return None
        fault = self._choosers[passing.code](passing)
        if fault is not None:
            self.failed[passing.code].append(f"{passing.name} {fault.value}")
        return fault


@dataclass(frozen=True)
class Outcome:
    """What became of a call: `broken` names promises that were not kept, `failed` what was made to fail."""

    kind: CallKind
    result: str | None
    dialled: int
    failed: tuple[str, ...]
    broken: tuple[str, ...]


async def run(shop: FaultShop, seat: Seat, kind: CallKind, *, within: float = 5.0) -> Outcome:
    """Make the call. All its promises must be kept `within` seconds of the moment the manager has gone."""
    invites, recorded = shop.carrier.invites[seat.number], len(shop.results(seat.code))
    shop.carrier.treatment[seat.number] = _CARRIERS[kind]
    shop.carrier.latest.pop(seat.number, None)
    shop.proxy.register.count_anew(seat.code)
    began_ms = time.time_ns() // 1_000_000
    broken = [await _play_the_manager(shop, seat, kind)]
    broken += await _left_after(shop, seat, within)
    dialled = shop.carrier.invites[seat.number] - invites
    if dialled > 1:
        broken.append(f"the customer was dialled {dialled} times")
    # A phone's INVITE that is sent again to a busy Asterisk can be a second call, which the rules refuse.
    found = shop.results_since(seat.code, recorded, (began_ms - _COARSE_CLOCK_MS) // 1000)
    results = [each for each in found if each != Result.REFUSED]
    if fault := _fault_of_record(results, dialled):
        broken.append(f"{fault}; begun at {began_ms}: {shop.told_of(seat.code, recorded)}")
    chooser = shop.proxy.choose
    failed = chooser.failed.get(seat.code, []) if isinstance(chooser, PerCall) else []
    result = results[0] if results else None
    return Outcome(kind, result, dialled, tuple(failed), tuple(filter(None, broken)))


def _fault_of_record(results: list[str | None], dialled: int) -> str:
    if not results:
        return "dialled, and not on record" if dialled else ""
    if len(results) > 1:
        return f"{len(results)} calls on record: {', '.join(map(str, results))}"
    return "" if results[0] in set(Result) else "no result on record"


async def _left_after(shop: FaultShop, seat: Seat, within: float) -> list[str]:
    """What is still there of a call after so many seconds: nothing, if all is well."""
    deadline = asyncio.get_running_loop().time() + within
    while left := await _left(shop, seat):
        if asyncio.get_running_loop().time() > deadline:
            return [f"after {within:g} s: {each}" for each in left]
        await asyncio.sleep(POLL_SECONDS)
    return []


async def _left(shop: FaultShop, seat: Seat) -> list[str]:
    now = await shop.look()
    code_of = shop.proxy.register.code_of
    left = [f"a channel {each}" for each in now.channels if code_of(each) == seat.code]
    left += [f"a bridge {each}" for each in now.bridges if code_of(each) == seat.code]
    if now.live_orders is None or seat.code in now.live_orders:
        left.append("a live call in the daemon")
    customer = shop.carrier.latest.get(seat.number)
    if customer is not None and customer.established:
        left.append("a customer who holds the line")
    if None in shop.results(seat.code):
        left.append("a record without a result")
    return left


# --- the people ---


async def _play_the_manager(shop: FaultShop, seat: Seat, kind: CallKind) -> str:
    """Returns when the manager has hung up; what was wrong with that, or nothing."""
    call = await (_pick_up(shop, seat) if kind is CallKind.CLICKED else seat.phone.dial(f"*{seat.code}"))
    if call is None:
        return ""
    with suppress(TimeoutError):
        if kind is CallKind.CANCELLED:
            await _ringing_at(shop, seat)
        else:
            await call.settled(within=_ANSWER_WITHIN)
            await _listen(call, kind)
    try:
        await call.hang_up()
    except TimeoutError:
        return "the manager's phone was not let go"
    return ""


async def _listen(call: Call, kind: CallKind) -> None:
    if kind in {CallKind.MANAGER_HANGS_UP, CallKind.CLICKED}:
        await asyncio.sleep(_TALK_SECONDS)
    else:
        await call.ended(within=_MESSAGE_SECONDS)


async def _ringing_at(shop: FaultShop, seat: Seat) -> None:
    """Raises TimeoutError where the customer's phone does not ring."""
    async with asyncio.timeout(3):
        while seat.number not in shop.carrier.latest:
            await asyncio.sleep(0.02)
    await asyncio.sleep(_RING_SECONDS)


async def _pick_up(shop: FaultShop, seat: Seat) -> Call | None:
    """Click, and take the call that comes, if any does."""
    arriving: Awaitable[Call] = seat.phone.incoming(within=4)
    with suppress(ApiProblem, ApiUnavailable):
        async with ApiClient(shop.lab.api_socket) as api:
            await api.place_call(seat.code, seat.phone.user)
    try:
        call = await arriving
    except TimeoutError:
        return None
    await call.answer()
    return call
