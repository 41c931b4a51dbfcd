"""One live call: its events come through one queue, and one task carries out what the call then asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.asterisk import names
from bridge.asterisk.ari import AllocationFailed, AriError, Conflict, UnusableId
from bridge.asterisk.pbx import ChannelGoneAlready, Pbx
from bridge.asterisk.trunk import CarrierDown, NotDiallable
from bridge.calls.commands import (
    Admit,
    AnswerManager,
    Close,
    Command,
    CreateLeg,
    DialLeg,
    HangUpLeg,
    JoinLegs,
    LimitLegs,
    RecordAnswer,
    RecordResult,
    RingBack,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallRefused,
    Event,
    Failure,
    LegEnded,
    LegFailed,
    TimerFired,
)
from bridge.calls.machine import step
from bridge.calls.model import Call, Leg, State, Timer, Timings
from bridge.store.database import now_ms
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admission, Admitted, Asked, Refused
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.tolls import TollBook
from bridge.vault import HiddenNumber, SealBroken, Vault

log = structlog.get_logger()

# A call has a few dozen events in its life. More than this waiting is a PBX gone mad: the newest are let go.
_MOST_WAITING: Final = 200


@dataclass(frozen=True, slots=True)
class Parts:
    """What every live call works with; `vault` is None while the daemon is sealed."""

    pbx: Pbx
    admission: Admission
    ledger: Ledger
    book: TollBook
    vault: Vault | None
    timings: Timings
    language: str


class LiveCall:
    """A call in progress. `channels` names the channel of each leg that has, or is about to have, one.

    `call` is its state, another than NEW for a call that is taken over from a daemon that is gone.
    """

    def __init__(
        self,
        asked: Asked,
        parts: Parts,
        channels: dict[Leg, str],
        call: Call,
        *,
        started_ms: int | None = None,
        answered_ms: int | None = None,
    ) -> None:
        self.asked = asked
        self.channels = channels
        self.started_ms = now_ms() if started_ms is None else started_ms
        self.answered_ms = answered_ms
        self.decided: asyncio.Future[Admitted | Refused] = asyncio.get_running_loop().create_future()
        self._parts = parts
        self._call = call
        self._events: asyncio.Queue[Event] = asyncio.Queue(_MOST_WAITING)
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._outcome: Admitted | Refused | None = None
        self._bridged = call.state is not State.NEW
        self._log = log.bind(call=asked.call_id)

    @property
    def state(self) -> State:
        return self._call.state

    def post(self, event: Event) -> None:
        """Hand an event over. Returns at once."""
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            self._log.error("too many events; this one is let go", happened=type(event).__name__)

    async def run(self, first: tuple[Command, ...] = ()) -> None:
        """Live the call to its end, beginning with the commands of `first`."""
        try:
            await self._carry_out_all(first)
            while self._call.state is not State.CLOSED:
                await self._handle(await self._events.get())
        finally:
            for timer in list(self._timers):
                self._stop(timer)
            self.decided.cancel()

    async def _handle(self, event: Event) -> None:
        before = self._call.state
        moved = step(self._call, event)
        self._call = moved.call
        if not moved.known:
            metrics.late_events.inc()
            self._log.debug("an event changes nothing", happened=type(event).__name__, state=before.value)
        elif moved.call.state is not before:
            self._log.debug("moved", was=before.value, state=moved.call.state.value)
        await self._carry_out_all(moved.commands)

    async def _carry_out_all(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            await self._carry_out(command)

    async def _carry_out(self, command: Command) -> None:  # noqa: PLR0912 - one branch a command
        match command:
            case Admit():
                await self._admit()
            case RingBack():
                await self._try(Leg.MANAGER, self._pbx.ring_back(self.channels[Leg.MANAGER]), fatal=False)
            case CreateLeg(Leg.MANAGER):
                await self._create_manager()
            case CreateLeg(Leg.CUSTOMER):
                await self._create_customer()
            case DialLeg(leg, seconds):
                await self._try(leg, self._pbx.dial(self.channels[leg], seconds))
            case AnswerManager():
                await self._try(Leg.MANAGER, self._pbx.answer(self.channels[Leg.MANAGER]))
            case JoinLegs():
                await self._try(Leg.CUSTOMER, self._join())
            case LimitLegs(seconds):
                for leg in Leg:
                    await self._try(leg, self._pbx.limit(self.channels[leg], seconds), fatal=False)
            case TellManager(message):
                channel, language = self.channels[Leg.MANAGER], self._language()
                await self._try(Leg.MANAGER, self._pbx.tell(self.asked.call_id, channel, message, language))
            case HangUpLeg(leg):
                await self._hang_up(leg)
            case StartTimer(timer, seconds):
                self._start(timer, seconds)
            case StopTimer(timer):
                self._stop(timer)
            case RecordAnswer():
                self.answered_ms = now_ms()
                self._parts.ledger.answered(self.asked.call_id, self.answered_ms)
                self._parts.book.answered(self.asked.call_id, self.answered_ms)
            case RecordResult(result, cause):
                metrics.calls.labels(result.value).inc()
                self._log.info("call ended", order=self.asked.code, result=result.value, cause=cause)
                self._parts.ledger.finished(self.asked.call_id, result, cause)
            case Close():
                await self._release_bridge()

    async def _admit(self) -> None:
        outcome = await self._parts.admission.ask(self.asked)
        self._outcome = outcome
        self.decided.set_result(outcome)
        match outcome:
            case Admitted(talk_seconds=seconds):
                self.post(CallAdmitted(seconds))
            case Refused(reason, message):
                self._log.info(
                    "call refused",
                    extension=self.asked.extension,
                    reason=reason.value if reason else "database",
                )
                metrics.refusals.labels(reason.value if reason else "database").inc()
                self.post(CallRefused(message))

    async def _create_manager(self) -> None:
        self.channels[Leg.MANAGER] = names.channel_id(self.asked.call_id, Leg.MANAGER)
        extension, code = self.asked.extension, self.asked.code
        await self._try(Leg.MANAGER, self._pbx.create_manager(self.asked.call_id, extension, code))

    async def _create_customer(self) -> None:
        self.channels[Leg.CUSTOMER] = names.channel_id(self.asked.call_id, Leg.CUSTOMER)
        try:
            request = self._pbx.create_customer(self.asked.call_id, self._open_number(), self.asked.code)
        except SealBroken:
            self._log.error("a contact's number does not open; the customer can't be called")
            self.post(LegFailed(Leg.CUSTOMER, Failure.PBX))
        else:
            await self._try(Leg.CUSTOMER, request)

    def _open_number(self) -> HiddenNumber:
        """Raises SealBroken."""
        if not isinstance(self._outcome, Admitted) or self._parts.vault is None:
            raise SealBroken("Nothing was admitted that could be opened.")
        contact = self._outcome.contact
        return self._parts.vault.open(
            contact.sealed,
            customer_id=contact.customer_id,
            contact_id=contact.contact_id,
            kind=contact.kind,
            data_key=contact.data_key,
        )

    async def _join(self) -> None:
        self._bridged = True
        await self._pbx.join(self.asked.call_id, self.channels[Leg.MANAGER], self.channels[Leg.CUSTOMER])

    async def _release_bridge(self) -> None:
        if self._bridged:
            await self._try(Leg.CUSTOMER, self._pbx.release(self.asked.call_id), fatal=False)

    async def _hang_up(self, leg: Leg) -> None:
        channel = self.channels.get(leg)
        if channel is None:
            self.post(LegEnded(leg))
            return
        try:
            await self._try(leg, self._pbx.hang_up(channel), fatal=False)
        except ChannelGoneAlready:
            self.post(LegEnded(leg))

    async def _try(self, leg: Leg, request: Awaitable[None], *, fatal: bool = True) -> None:
        """Carry a request out; a failed one that the call cannot live without becomes the leg's failure."""
        try:
            await request
        except (AriError, UnusableId, NotDiallable, CarrierDown) as error:
            self._log.warning(
                "a request failed",
                leg=leg.value,
                error=type(error).__name__,
                operation=getattr(error, "operation", None),
                status=getattr(error, "status", None),
            )
            if fatal:
                self.post(LegFailed(leg, _failure_of(error)))

    def _language(self) -> str:
        return self._outcome.language if self._outcome else self._parts.language

    def _start(self, timer: Timer, seconds: float) -> None:
        self._stop(timer)
        loop = asyncio.get_running_loop()
        self._timers[timer] = loop.call_later(seconds, self._fire, timer)

    def _stop(self, timer: Timer) -> None:
        if (running := self._timers.pop(timer, None)) is not None:
            running.cancel()

    def _fire(self, timer: Timer) -> None:
        self._timers.pop(timer, None)
        self.post(TimerFired(timer))

    @property
    def _pbx(self) -> Pbx:
        return self._parts.pbx


def _failure_of(error: Exception) -> Failure:
    """Nobody registered, a trunk that is down: Asterisk can't allocate a channel, and says 500 or 409."""
    unreachable = isinstance(error, AllocationFailed | Conflict | CarrierDown)
    return Failure.UNREACHABLE if unreachable else Failure.PBX
