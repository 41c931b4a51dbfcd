"""One live call: its events come through one queue, and one task carries out what the call then asks for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from bridge.asterisk import names
from bridge.asterisk.announcements import LEFT_ALONE, NOT_LEFT_ALONE
from bridge.asterisk.ari import (
    AllocationFailed,
    AriError,
    BadRequest,
    Conflict,
    Unprocessable,
    UnusableId,
)
from bridge.asterisk.pbx import ChannelGoneAlready, Pbx
from bridge.asterisk.trunk import Blank, CarrierDown, NotDiallable
from bridge.calls.capture import (
    CaptureCancelled,
    CaptureEvent,
    CaptureRequested,
    CaptureState,
    ConversationOver,
    ManagerJoined,
    Outcome,
)
from bridge.calls.commands import (
    Admit,
    AnswerManager,
    Close,
    Command,
    CreateLeg,
    DialAhead,
    DialLeg,
    FindNextContact,
    HangUpLeg,
    JoinLegs,
    LimitLegs,
    PrepareCustomer,
    RecordAnswer,
    RecordResult,
    RejoinLegs,
    RingBack,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.comparison import Compared, ComparisonEvent, KeyOverdue
from bridge.calls.events import (
    CallAdmitted,
    CallRecorded,
    CallRefused,
    Event,
    Failure,
    LegEnded,
    LegFailed,
    LegJoined,
    ManagerTold,
    NextContactFound,
    NoNextContact,
    TimerFired,
)
from bridge.calls.machine import step
from bridge.calls.model import MOST_NUMBERS_DIALLED, Call, Leg, Result, State, Timer, Timings
from bridge.rules.keypad import Codes, ManagersKeys, Wish
from bridge.store.database import now_ms
from bridge.store.records import SealedContact
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admitted, Asked, Refused
from bridge.switchboard.capture import Captures, Conversation, LiveCapture
from bridge.switchboard.keyed_comparison import Compare, KeyedComparison
from bridge.switchboard.ledger import Ledger
from bridge.switchboard.prepared import PreparedCustomer
from bridge.switchboard.reception import Reception
from bridge.switchboard.setup_clock import SetupClock
from bridge.switchboard.tolls import TollBook
from bridge.switchboard.traces import Tracer, Tracing
from bridge.vault import HiddenNumber, SealBroken, Vault

log = structlog.get_logger()

T = TypeVar("T")

# Asterisk has its hands full with dialling, and nobody misses so little of a phone's ringing.
_SECONDS_BEFORE_RING_BACK: Final = 0.05

# A call has a few dozen events in its life. More than this waiting is a PBX gone mad: the newest are let go.
_MOST_WAITING: Final = 200


class Gate(Protocol):
    """Decides whether a call may be placed, and puts it on record."""

    async def ask(self, asked: Asked) -> Admitted | Refused: ...

    async def recorded(self, admitted: Admitted, /) -> Refused | None: ...

    async def find_next(self, asked: Asked, tried: SealedContact, result: Result, /) -> Admitted | None: ...


@dataclass(slots=True)
class Parts:
    """What every live call works with; `vault` is None while the daemon is sealed.

    A reload replaces `vault`, `timings`, `language`, `codes` and `next_contact_after`, the results of a
    customer's first number after which another one is tried; a call keeps the timings and codes that it began
    with.
    `counted` says whether the call counts: in metrics, and against anybody's limit.
    """

    pbx: Pbx
    admission: Gate
    reception: Reception
    ledger: Ledger
    book: TollBook
    vault: Vault | None
    timings: Timings
    language: str
    next_contact_after: frozenset[Result] = frozenset()
    counted: bool = True
    captures: Captures | None = None
    """None where no customer is to be asked for a number."""
    codes: Codes = field(default_factory=Codes)
    tracer: Tracer | None = None
    """None where no traces are wanted."""
    leave_alone: Callable[[str, str], Awaitable[bool]] | None = None
    """Lets nobody call the customer of a call, by its id and the manager's extension, any more."""
    compare: Compare | None = None
    """Compares what a manager has keyed in with the number that a call goes to."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key on one of the two phones."""

    leg: Leg
    key: str = field(repr=False)


Happened = Event | CaptureEvent | ComparisonEvent | Pressed
"""All that comes to a live call's queue."""


@dataclass(frozen=True, slots=True)
class CaptureView:
    """All that is told of a capture: its steps between would tell when keys are pressed, and how many times.

    `outcome` is there as soon as it is known, which may be while the two are still apart.
    """

    apart: bool
    outcome: Outcome | None


class LiveCall:
    """A call in progress. `channels` names the channel of each leg that has, or is about to have, one.

    `call` is its state, another than NEW for a call that is taken over from a daemon that is gone.
    `formats` are what the manager's phone speaks, None where that has to be asked for.
    """

    def __init__(
        self,
        asked: Asked,
        parts: Parts,
        channels: dict[Leg, str],
        call: Call,
        *,
        formats: str | None = None,
        started_ms: int | None = None,
        answered_ms: int | None = None,
    ) -> None:
        self.asked = asked
        self.channels = channels
        self.started_ms = now_ms() if started_ms is None else started_ms
        self.answered_ms = answered_ms
        self.told: asyncio.Future[Admitted | Refused] = asyncio.get_running_loop().create_future()
        """The decision, once it may be known.

        A yes when the call is on record, a refusal after the delay that all refusals have.
        """
        self.stepped: Callable[[], None] = _nobody_listens
        """Told at once of each change of `state`, and of whom the call engages."""
        self.moved: Callable[[], None] = _nobody_listens
        """Told of each change of `state`, once what it asks for has been asked for."""
        self._parts = parts
        self._call = call
        self._events: asyncio.Queue[Happened] = asyncio.Queue()
        self._flooded = False
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._outcome: Admitted | Refused | None = None
        self._bridged = call.state is not State.NEW
        self._recording: asyncio.Task[None] | None = None
        self._ring_back_to_come: asyncio.TimerHandle | None = None
        self._ringing_back: asyncio.Task[None] | None = None
        self._prepared: PreparedCustomer | None = None
        """Until it is known whom it is to call."""
        self._formats = formats
        self._reading_formats: asyncio.Task[str | None] | None = None
        self._setup = SetupClock()
        self._tracing = Tracing() if parts.tracer is not None and parts.counted else None
        self._capture: LiveCapture | None = None
        self._capture_names = itertools.count(1)
        self._keys = ManagersKeys(parts.codes)
        self._leaving_alone: asyncio.Task[None] | None = None
        self._comparison: KeyedComparison | None = None
        self._numbers_dialled = 0
        self._log = log.bind(call=asked.call_id)

    @property
    def capture(self) -> CaptureView | None:
        """The capture that is going on, or has been the last."""
        capture = self._capture
        if capture is None:
            return None
        return CaptureView(capture.state is not CaptureState.OVER, capture.outcome)

    @property
    def may_capture(self) -> bool:
        return self._parts.captures is not None

    @property
    def confirmed(self) -> bool:
        """Whether the other side is the customer, as far as their number tells."""
        return True

    @property
    def awaits_joining(self) -> bool:
        """Whether a leg is on its way into the bridge."""
        return self.state is State.CONNECTING or self._captures_in(CaptureState.JOINING)

    @property
    def state(self) -> State:
        return self._call.state

    @property
    def result(self) -> Result | None:
        """What it came to, as soon as that is known."""
        return self._call.result

    @property
    def counted(self) -> bool:
        return self._parts.counted

    def possible_channels(self) -> Iterator[tuple[Leg, str]]:
        """Every channel that is, or may come to be, a leg's."""
        for leg in Leg:
            yield leg, names.channel_id(self.asked.call_id, leg)
        yield Leg.CUSTOMER, names.channel_id(self.asked.call_id, Leg.CUSTOMER, MOST_NUMBERS_DIALLED)
        yield from self.channels.items()

    def post(self, event: Happened) -> None:
        """Hand an event over that comes a few times at most, and must not be lost. Returns at once."""
        self._events.put_nowait(event)

    def hear(self, event: Event | Pressed) -> None:
        """Hand an event over that a PBX gone mad may repeat for ever. Returns at once."""
        if self._events.qsize() < _MOST_WAITING:
            self.post(event)
            return
        if not self._flooded:  # once: a line for each would be a flood as well
            self._log.error("too many events; the newest are let go", happened=type(event).__name__)
        self._flooded = True

    def message_played(self, playback_id: str) -> None:
        """A message is over: the call's own to the manager, or one of a capture's."""
        goes_on = self.state is State.SAYING_NEXT
        if playback_id == names.playback_id(self.asked.call_id, goes_on=goes_on):
            self.hear(ManagerTold())
        elif self._capture is not None:
            self._capture.played(playback_id)

    async def run(self, first: tuple[Command, ...] = ()) -> None:
        """Live the call to its end, beginning with the commands of `first`."""
        try:
            await self._carry_out_all(first)
            while self._call.state is not State.CLOSED:
                await self._handle(await self._events.get())
            if self._recording is not None:
                await self._recording
            self._tell_refusal()
            self._tell_trace()
        finally:
            for timer in list(self._timers):
                self._stop(timer)
            self._no_ring_back()
            besides = (self._recording, self._ringing_back, self._reading_formats, self._leaving_alone)
            for beside in besides:
                if beside is not None:
                    beside.cancel()
            if self._prepared is not None:
                self._prepared.close()
            if self._capture is not None:
                self._capture.close()
            self._end_comparison()
            self.told.cancel()

    async def _handle(self, happened: Happened) -> None:
        match happened:
            case Pressed():
                await self._press(happened)
            case LegJoined(Leg.MANAGER) if self._captures_in(CaptureState.JOINING):
                await self._tell_capture(ManagerJoined())
            case CaptureRequested():
                await self._begin_capture()
            case Compared() | KeyOverdue():
                if self._comparison is not None:
                    await self._comparison.handle(happened)
            case _ if isinstance(happened, CaptureEvent):
                await self._tell_capture(happened)
            case _:
                await self._step(happened)

    async def _step(self, event: Event) -> None:
        before = self._call.state
        moved = step(self._call, event)
        self._call = moved.call
        if not moved.known:
            metrics.late_events.inc()
            self._log.debug("an event changes nothing", happened=type(event).__name__, state=before.value)
        elif moved.call.state is not before:
            self.stepped()
            self._log.debug("moved", was=before.value, state=moved.call.state.value)
            if self.counted:
                self._setup.moved(before, moved.call.state)
            if self._tracing is not None:
                self._tracing.moved(before)
        await self._carry_out_all(moved.commands)
        if moved.call.state is not before:
            if before is State.TALKING:
                self._end_comparison()
                await self._tell_capture(ConversationOver())
            self.moved()

    # --- keys, comparisons and captures ---

    async def _press(self, pressed: Pressed) -> None:
        """A customer's keys come only while a capture has opened them; a manager's always."""
        if pressed.leg is Leg.CUSTOMER:
            if self._capture is not None:
                await self._noticed(self._capture.press(pressed.key))
            return
        if self.state is not State.TALKING:
            return
        if self._comparison is not None and await self._comparison.press(pressed.key):
            return
        match self._keys.press(pressed.key, asyncio.get_running_loop().time()):
            case Wish.CAPTURE:
                await self._begin_capture()
            case Wish.CUSTOMER_BACK:
                await self._tell_capture(CaptureCancelled())
            case Wish.DO_NOT_CALL:
                self._leave_alone()
            case Wish.COMPARE:
                await self._begin_comparison()

    async def _begin_comparison(self) -> None:
        """Not while a capture has the manager hear something else, nor of a caller who may be anybody."""
        goes_on = self._comparison is not None and self._comparison.goes_on
        compare = self._parts.compare
        if compare is None or not self.confirmed or self._apart or goes_on:
            return
        self._keys.forget()
        of = self._conversation()
        self._comparison = KeyedComparison(of, compare, self._pbx, self.post, self._capture_names)
        await self._comparison.begin()

    def _end_comparison(self) -> None:
        if self._comparison is not None:
            self._comparison.close()

    @property
    def _apart(self) -> bool:
        return self.capture is not None and self.capture.apart

    def _leave_alone(self) -> None:
        """Beside the conversation. Not while a capture has the manager hear something else."""
        at_it = self._leaving_alone is not None and not self._leaving_alone.done()
        if self._parts.leave_alone is not None and not self._apart and not at_it:
            work = self._leave_customer_alone(self._parts.leave_alone)
            self._leaving_alone = self._beside("leave alone", work)

    async def _leave_customer_alone(self, leave_alone: Callable[[str, str], Awaitable[bool]]) -> None:
        done = await leave_alone(self.asked.call_id, self.asked.extension)
        said = LEFT_ALONE if done else NOT_LEFT_ALONE
        playback_id = names.capture_playback_id(self.asked.call_id, next(self._capture_names))
        saying = self._pbx.say(self.channels[Leg.MANAGER], playback_id, said, self._language())
        await self._try(Leg.MANAGER, saying, fatal=False)

    async def _begin_capture(self) -> None:
        """Pressed twice, the second press changes nothing."""
        over = self._capture is None or self._captures_in(CaptureState.OVER)
        if self.state is State.TALKING and over and self.may_capture:
            self._end_comparison()
            self._capture = self._new_capture()
            await self._tell_capture(CaptureRequested())
            self.moved()

    def _new_capture(self) -> LiveCapture | None:
        parts = self._parts
        if parts.captures is None:
            return None
        of = self._conversation()
        return LiveCapture(of, parts.captures, parts.pbx, parts.vault, self.post, self._capture_names)

    def _conversation(self) -> Conversation:
        return Conversation(
            self.asked.call_id,
            self.asked.code,
            self.asked.extension,
            self.channels,
            manager_language=self._language(),
            language=self._parts.language,
        )

    async def _tell_capture(self, event: CaptureEvent) -> None:
        if self._capture is not None:
            await self._noticed(self._capture.handle(event))

    async def _noticed(self, work: Coroutine[Any, Any, None]) -> None:
        """Whoever watches the call is told where there is something else to see of the capture."""
        before = self.capture
        await work
        if self.capture != before:
            self.moved()

    def _captures_in(self, state: CaptureState) -> bool:
        return self._capture is not None and self._capture.state is state

    async def _carry_out_all(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            await self._carry_out(command)

    async def _carry_out(self, command: Command) -> None:  # noqa: PLR0912 - one branch a command
        match command:
            case Admit():
                await self._admit()
            case PrepareCustomer(seconds):
                await self._prepare_customer(seconds)
            case FindNextContact(result):
                await self._find_next(result)
            case RingBack():
                self._ring_back_in_a_moment()
            case CreateLeg(Leg.MANAGER):
                await self._create_manager()
            case CreateLeg(Leg.CUSTOMER):
                await self._create_customer()
            case DialAhead():
                self._dial_ahead()
            case DialLeg(leg, seconds):
                await self._dial(leg, seconds)
            case AnswerManager():
                await self._rung_back()
                await self._try(Leg.MANAGER, self._pbx.answer(self.channels[Leg.MANAGER]))
            case JoinLegs():
                await self._try(Leg.CUSTOMER, self._join())
            case RejoinLegs():
                self._capture = self._new_capture()
                if self._capture is not None:
                    await self._capture.rejoin()
            case LimitLegs(seconds):
                for leg in Leg:
                    await self._try(leg, self._pbx.limit(self.channels[leg], seconds), fatal=False)
            case TellManager(message, then):
                channel, language = self.channels[Leg.MANAGER], self._language()
                telling = self._pbx.tell(self.asked.call_id, channel, message, language, then=then)
                await self._try(Leg.MANAGER, telling)
            case HangUpLeg(leg):
                await self._rung_back()
                await self._hang_up(leg)
            case StartTimer(timer, seconds):
                self._start(timer, seconds)
            case StopTimer(timer):
                self._stop(timer)
            case RecordAnswer():
                self._record_answer()
            case RecordResult(result, cause):
                self._record_result(result, cause)
            case Close():
                self._tell_refusal()
                await self._rung_back()
                await self._release_bridge()

    def _read_formats(self) -> None:
        """Beside the rules' decision, for a manager's phone of which the dialplan has not told them."""
        channel = self.channels.get(Leg.MANAGER)
        if channel is not None and self._formats is None and self._reading_formats is None:
            self._reading_formats = self._beside("read formats", self._pbx.formats_of(channel))

    async def _admit(self) -> None:
        self._read_formats()
        match await self._parts.admission.ask(self.asked):
            case Admitted(talk_seconds=seconds) as admitted:
                self._outcome = admitted
                self.post(CallAdmitted(seconds))
                self._recording = self._beside("record", self._record(admitted))
            case Refused() as refused:
                self._refuse(refused)

    async def _record(self, admitted: Admitted) -> None:
        """Beside the making of a channel: nothing is dialled before CallRecorded."""
        with self._on_trace():
            refused = await self._parts.admission.recorded(admitted)
        if refused is not None:
            self._refuse(refused)
            return
        self.told.set_result(admitted)
        self.post(CallRecorded())

    def _record_answer(self) -> None:
        self.answered_ms = now_ms()
        self._note(partial(self._parts.ledger.answered, self.asked.call_id, self.answered_ms))
        self._parts.book.answered(self.asked.call_id, self.answered_ms)

    def _record_result(self, result: Result, cause: int | None) -> None:
        if self.counted:
            metrics.calls.labels(result.value).inc()
        self._log.info("call ended", order=self.asked.code, result=result.value, cause=cause)
        self._note(partial(self._parts.ledger.finished, self.asked.call_id, result, cause))

    def _note(self, note: Callable[[], None]) -> None:
        """Have something written of this call when the call itself has been: before, there is no row for it.

        A call that ends while it goes to the disk could have its end there first.
        """
        if self._recording is None or self._recording.done():
            note()
        else:
            self._recording.add_done_callback(lambda _: note())

    async def _find_next(self, result: Result) -> None:
        """By what was admitted; a call that was taken over from another daemon has nothing to go by."""
        found = None
        if isinstance(self._outcome, Admitted):
            found = await self._parts.admission.find_next(self.asked, self._outcome.contact, result)
        if found is None:
            self.post(NoNextContact())
            return
        self._outcome = found
        self._log.info("another number is tried", order=self.asked.code, after=result.value)
        self.post(NextContactFound(found.talk_seconds))

    def _refuse(self, refused: Refused) -> None:
        self._outcome = refused
        self._log.info("call refused", extension=self.asked.extension, reason=refused.audit_reason)
        if self.counted:
            metrics.refusals.labels(refused.told_reason).inc()
        self.post(CallRefused(refused.message))

    def _tell_refusal(self) -> None:
        if isinstance(self._outcome, Refused) and not self.told.done():
            self.told.set_result(self._outcome)

    def _on_trace(self) -> AbstractContextManager[None]:
        """What goes on record within is a step of the call's trace, where there is one."""
        return self._tracing.recording() if self._tracing is not None else nullcontext()

    def _tell_trace(self) -> None:
        if self._tracing is not None and self._parts.tracer is not None:
            reason = self._outcome.told_reason if isinstance(self._outcome, Refused) else None
            trace = self._tracing.over(self.asked.call_id, self.asked.kind, self.result, reason)
            self._parts.tracer(trace)

    def _ring_back_in_a_moment(self) -> None:
        loop = asyncio.get_running_loop()
        self._ring_back_to_come = loop.call_later(_SECONDS_BEFORE_RING_BACK, self._ring_back)

    def _ring_back(self) -> None:
        """Beside the rest: no event waits for the manager's phone to be told that the customer's rings."""
        ringing = self._try(Leg.MANAGER, self._pbx.ring_back(self.channels[Leg.MANAGER]), fatal=False)
        self._ringing_back = self._beside("ring back", ringing)

    async def _rung_back(self) -> None:
        """Asterisk obeys in any order, and ringing after the answer would be a tone in the conversation."""
        self._no_ring_back()
        if self._ringing_back is not None:
            await self._ringing_back
            self._ringing_back = None

    def _no_ring_back(self) -> None:
        if self._ring_back_to_come is not None:
            self._ring_back_to_come.cancel()

    def _beside(self, what: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Work that the call's own task does not wait for at once."""
        return asyncio.get_running_loop().create_task(work, name=f"{what} {self.asked.call_id}")

    async def _create_manager(self) -> None:
        self.channels[Leg.MANAGER] = names.channel_id(self.asked.call_id, Leg.MANAGER)
        extension, code = self.asked.extension, self.asked.code
        channel = self.channels[Leg.MANAGER]
        await self._try(Leg.MANAGER, self._pbx.create_manager(channel, extension, code))

    async def _create_customer(self) -> None:
        prepared = self._prepared
        try:
            if prepared is None:
                asking = self._ask_for_customer(self._name_customer(), self._open_number())
                await self._try(Leg.CUSTOMER, asking)
            else:
                await self._try(Leg.CUSTOMER, prepared.made())
                prepared.is_for(self._open_number())  # not before, as meanwhile Asterisk dials
        except SealBroken:
            self._log.error("a contact's number does not open; the customer can't be called")
            self.post(LegFailed(Leg.CUSTOMER, Failure.PBX))

    async def _dial(self, leg: Leg, seconds: float) -> None:
        if leg is Leg.CUSTOMER and self._prepared is not None:
            prepared, self._prepared = self._prepared, None
            await self._try(leg, prepared.call())
        else:
            await self._try(leg, self._pbx.dial(self.channels[leg], seconds))

    def _name_customer(self) -> str:
        self._numbers_dialled += 1
        channel = names.channel_id(self.asked.call_id, Leg.CUSTOMER, self._numbers_dialled)
        self.channels[Leg.CUSTOMER] = channel
        return channel

    async def _prepare_customer(self, ring_seconds: float) -> None:
        self._read_formats()
        channel = self._name_customer()
        making = self._make_blank_customer(channel)
        self._prepared = PreparedCustomer(self._pbx, channel, making, ring_seconds=ring_seconds)

    def _dial_ahead(self) -> None:
        if self._prepared is not None:
            self._prepared.dial_ahead()

    async def _make_blank_customer(self, channel: str) -> Blank:
        blank = self._pbx.blank()
        await self._make_customer(channel, blank.dial_string)
        return blank

    async def _ask_for_customer(self, channel: str, number: HiddenNumber) -> None:
        await self._make_customer(channel, self._pbx.dial_string(number))

    async def _make_customer(self, channel: str, dial_string: str) -> None:
        """The carrier is asked to speak as the manager's phone does."""
        if self._reading_formats is not None:
            self._formats = await self._reading_formats
        elif self._formats is None:
            self._formats = await self._pbx.formats_of(self.channels[Leg.MANAGER])
        await self._pbx.create_customer(channel, dial_string, self.asked.code, formats=self._formats)

    def _open_number(self) -> HiddenNumber:
        """Raises SealBroken."""
        if not isinstance(self._outcome, Admitted) or self._parts.vault is None:
            raise SealBroken("Nothing was admitted that could be opened.")
        return open_number(self._parts.vault, self._outcome.contact)

    async def _join(self) -> None:
        self._bridged = True
        with suppress(BadRequest, Unprocessable):  # one of them has hung up, as an event is about to tell
            await self._pbx.join(self.asked.call_id, self.channels[Leg.MANAGER], self.channels[Leg.CUSTOMER])

    async def _release_bridge(self) -> None:
        if self._bridged:
            await self._try(Leg.CUSTOMER, self._pbx.release(self.asked.call_id), fatal=False)

    async def _hang_up(self, leg: Leg) -> None:
        channel = self.channels.get(leg)
        if channel is None:
            self.post(LegEnded(leg))
            return
        if leg is Leg.CUSTOMER and self._prepared is not None:
            # Asterisk obeys in any order, and could be told to end what it has not made yet.
            prepared, self._prepared = self._prepared, None
            await self._try(leg, prepared.withdraw(), fatal=False)
        await self._try(leg, self._end(leg, channel), fatal=False)

    async def _end(self, leg: Leg, channel: str) -> None:
        try:
            await self._pbx.hang_up(channel)
        except ChannelGoneAlready:  # perhaps before anybody listened: its end may never be told
            self.post(LegEnded(leg))

    async def _try(self, leg: Leg, request: Awaitable[object], *, fatal: bool = True) -> None:
        """Carry a request out; a failed one that the call cannot live without becomes the leg's failure.

        Whoever has hung up in this moment has not failed: that they have gone an event is about to tell.
        """
        try:
            await request
        except ChannelGoneAlready:
            self._log.debug("a leg has gone already", leg=leg.value)
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


def open_number(vault: Vault, contact: SealedContact) -> HiddenNumber:
    """Raises SealBroken."""
    return vault.open(
        contact.sealed,
        customer_id=contact.customer_id,
        contact_id=contact.contact_id,
        kind=contact.kind,
        data_key=contact.data_key,
    )


def _nobody_listens() -> None:
    pass


def _failure_of(error: Exception) -> Failure:
    """Nobody registered, a trunk that is down: Asterisk can't allocate a channel, and says 500 or 409."""
    unreachable = isinstance(error, AllocationFailed | Conflict | CarrierDown)
    return Failure.UNREACHABLE if unreachable else Failure.PBX
