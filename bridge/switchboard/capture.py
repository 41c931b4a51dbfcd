"""A capture in progress: what `bridge.calls.capture_table` asks for, done at Asterisk and in the database.

The digits are in one `KeyedDigits`, from the key that was pressed until the number is sealed or the capture
over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.asterisk import names
from bridge.asterisk.announcements import AFTER_THE_NUMBER, BEFORE_THE_NUMBER, OUTCOMES, PROMPTS
from bridge.asterisk.ari import AriError
from bridge.asterisk.pbx import Pbx
from bridge.asterisk.voice import PAUSE, digits_in
from bridge.calls.capture import (
    Ask,
    Capture,
    CaptureCommand,
    CaptureEvent,
    CaptureFailed,
    CaptureState,
    CaptureTimer,
    CaptureTimerFired,
    CaptureTimings,
    CloseKeys,
    DigitKeyed,
    Forget,
    Hush,
    JoinManager,
    ManagerApart,
    ManagerJoined,
    NoteOutcome,
    NumberConfirmed,
    NumberDenied,
    NumberKeyed,
    NumberNotSaved,
    NumberRead,
    NumberSaved,
    OpenKeys,
    Outcome,
    OutcomeTold,
    PartManager,
    ReadBack,
    Save,
    StartCaptureTimer,
    StartedOver,
    StopCaptureTimer,
    TellOutcome,
)
from bridge.calls.capture_table import rejoining, step
from bridge.calls.model import Leg
from bridge.rules.keypad import MOST_DIGITS, Meaning, while_asked, while_read_back
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.errors import UnknownOrder
from bridge.store.misses import actor_of
from bridge.store.new_contacts import GIVEN_LABEL, keep_number, spoken_in
from bridge.switchboard import metrics
from bridge.vault import NumberRefused, ReadNumber, Vault, VaultError
from bridge.vault.keyed import KeyedDigits

log = structlog.get_logger()

_SECONDS_OF_A_MESSAGE: Final = 10.0
"""The longest message around the number: after so long it is over, whether or not an event said so."""


class Voices:
    """The channels by which numbers are read: told here when they are ours to command."""

    def __init__(self) -> None:
        self._expected: dict[str, asyncio.Event] = {}

    def __contains__(self, channel_id: str) -> bool:
        return channel_id in self._expected

    @contextmanager
    def expected(self, channel_id: str) -> Iterator[asyncio.Event]:
        self._expected[channel_id] = asyncio.Event()
        try:
            yield self._expected[channel_id]
        finally:
            del self._expected[channel_id]

    def entered(self, channel_id: str) -> None:
        self._expected[channel_id].set()


@dataclass(slots=True)
class Captures:
    """What every capture works with.

    `home_region` is where a number without a country code was dialled ("GB").
    """

    database: Database
    home_region: str
    timings: CaptureTimings
    voices: Voices = field(default_factory=Voices)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The call whose customer is asked. `language` is for customers who have none of their own.

    `extension` is the manager's, and empty where there is none.
    """

    call_id: str
    order: str
    extension: str
    channels: dict[Leg, str]
    manager_language: str
    language: str


class LiveCapture:
    """`post` hands an event to the call's own queue, from which `handle` gets it."""

    def __init__(
        self,
        conversation: Conversation,
        captures: Captures,
        pbx: Pbx,
        vault: Vault | None,
        post: Callable[[CaptureEvent], None],
        numbering: Iterator[int],
    ) -> None:
        self._of = conversation
        self._captures = captures
        self._pbx = pbx
        self._vault = vault
        self._post = post
        self._numbering = numbering
        self._log = log.bind(call=conversation.call_id)
        self._capture = Capture(captures.timings)
        self._digits = KeyedDigits(MOST_DIGITS)
        self._number: ReadNumber | None = None
        self._customers_language: str | None = None
        self._timers: dict[CaptureTimer, asyncio.TimerHandle] = {}
        self._beside: asyncio.Task[None] | None = None
        self._heard_by_customer: str | None = None
        """The id of what the customer hears, and below that of what the manager is told."""
        self._told: str | None = None
        self._played: dict[str, asyncio.Event] = {}

    @property
    def state(self) -> CaptureState:
        return self._capture.state

    @property
    def outcome(self) -> Outcome | None:
        return self._capture.outcome

    async def handle(self, event: CaptureEvent) -> None:
        before = self._capture.state
        self._capture, commands = step(self._capture, event)
        if self._capture.state is not before:
            self._log.debug("capture moved", was=before.value, state=self._capture.state.value)
        await self._carry_out_all(commands)

    async def rejoin(self) -> None:
        """Bring together two whom a daemon before us has left apart."""
        self._capture, commands = rejoining(self._captures.timings)
        await self._carry_out_all(commands)

    async def press(self, key: str) -> None:
        """A key of the customer's."""
        match self._capture.state:
            case CaptureState.ASKING:
                await self._key_in(key)
            case CaptureState.CONFIRMING:
                match while_read_back(key):
                    case Meaning.YES:
                        await self.handle(NumberConfirmed())
                    case Meaning.NO:
                        await self.handle(NumberDenied())

    async def _key_in(self, key: str) -> None:
        match while_asked(key):
            case Meaning.DIGIT:
                self._digits.add(key)
                await self.handle(DigitKeyed())
            case Meaning.ANEW:
                await self.handle(StartedOver())
            case Meaning.COMPLETE:
                self._number = self._read()
                await self.handle(NumberKeyed(valid=self._number is not None))

    def _read(self) -> ReadNumber | None:
        try:
            return self._digits.read(self._captures.home_region)
        except NumberRefused:
            return None

    def played(self, playback_id: str) -> None:
        """A message is over."""
        if playback_id == self._told:
            self._post(OutcomeTold())
        if (waiting := self._played.get(playback_id)) is not None:
            waiting.set()

    def close(self) -> None:
        """Whatever is going on: leave nothing behind, neither timers nor digits."""
        for timer in list(self._timers):
            self._stop(timer)
        self._forget()
        if self._beside is not None:
            self._beside.cancel()

    # --- what the table asks for ---

    async def _carry_out_all(self, commands: tuple[CaptureCommand, ...]) -> None:
        for command in commands:
            try:
                await self._carry_out(command)
            except AriError as error:
                self._log.warning(
                    "a request of a capture failed", operation=error.operation, status=error.status
                )
                if isinstance(command, PartManager | OpenKeys | TellOutcome):
                    self._post(CaptureFailed())

    async def _carry_out(self, command: CaptureCommand) -> None:  # noqa: PLR0912 - one branch a command
        match command:
            case PartManager():
                await self._part()
            case OpenKeys():
                await self._pbx.open_keys(self._customer)
            case CloseKeys():
                await self._pbx.close_keys(self._customer)
            case Ask(prompt):
                self._heard_by_customer = self._new_playback()
                await self._pbx.say(self._customer, self._heard_by_customer, PROMPTS[prompt], self._language)
            case Hush():
                await self._hush()
            case ReadBack():
                self._start_beside(self._read_back())
            case Save():
                self._start_beside(self._save())
            case Forget():
                self._forget()
            case TellOutcome(outcome):
                await self._tell(outcome)
            case JoinManager():
                await self._join()
            case StartCaptureTimer(timer, seconds):
                self._start(timer, seconds)
            case StopCaptureTimer(timer):
                self._stop(timer)
            case NoteOutcome(outcome):
                metrics.captures.labels(outcome.value).inc()
                self._log.info("capture ended", order=self._of.order, result=outcome.value)

    async def _part(self) -> None:
        if await self._knows_language():
            await self._pbx.part(self._of.call_id, self._of.channels[Leg.MANAGER])
            self._post(ManagerApart())

    async def _knows_language(self) -> bool:
        """Before anything else it is found out what the customer speaks, and that the database is there."""
        try:
            language = await spoken_in(self._captures.database, self._of.order, self._of.call_id)
        except (SQLAlchemyError, UnknownOrder) as error:
            self._log.error("no number can be captured", error=type(error).__name__)
            self._post(CaptureFailed())
            return False
        self._customers_language = language
        return True

    async def _tell(self, outcome: Outcome) -> None:
        self._told = self._new_playback()
        manager, language = self._of.channels[Leg.MANAGER], self._of.manager_language
        await self._pbx.say(manager, self._told, OUTCOMES[outcome], language)

    async def _join(self) -> None:
        manager = self._of.channels[Leg.MANAGER]
        if await self._pbx.rejoin(self._of.call_id, manager, self._customer):
            self._post(ManagerJoined())

    async def _hush(self) -> None:
        """What is said to the customer ends, and so does the reading of their number."""
        if self._beside is not None:
            self._beside.cancel()
            self._beside = None
        if (heard := self._heard_by_customer) is not None:
            self._heard_by_customer = None
            await self._pbx.hush(heard)

    async def _read_back(self) -> None:
        sound = self._digits.spoken(digits_in(self._language), PAUSE)
        channel_id = names.voice_id(self._of.call_id, next(self._numbering))
        try:
            await self._say_to_its_end(BEFORE_THE_NUMBER)
            with self._captures.voices.expected(channel_id) as entered:
                await self._pbx.speak(self._of.call_id, channel_id, sound, entered)
            await self._say_to_its_end(AFTER_THE_NUMBER)
        except (AriError, TimeoutError) as error:
            self._log.warning("a number could not be read back", error=type(error).__name__)
            self._post(CaptureFailed())
        else:
            self._post(NumberRead())

    async def _say_to_its_end(self, recordings: tuple[str, ...]) -> None:
        playback_id = self._new_playback()
        self._played[playback_id] = over = asyncio.Event()
        self._heard_by_customer = playback_id
        await self._pbx.say(self._customer, playback_id, recordings, self._language)
        try:
            async with asyncio.timeout(_SECONDS_OF_A_MESSAGE):
                await over.wait()
        except TimeoutError:
            self._log.debug("no event has told the end of a message")
        finally:
            del self._played[playback_id]

    async def _save(self) -> None:
        number, vault, order = self._number, self._vault, self._of.order
        kept = False
        if number is not None and vault is not None:
            entry = AuditEntry(now_ms(), self._actor, "contact-capture", f"order {order}")
            try:
                kept = await keep_number(
                    self._captures.database, vault, order, number, label=GIVEN_LABEL, entry=entry
                )
            except (SQLAlchemyError, VaultError, UnknownOrder) as error:
                self._log.error("a number was not saved", error=type(error).__name__)
        self._post(NumberSaved() if kept else NumberNotSaved())

    def _forget(self) -> None:
        self._digits.forget()
        self._number = None

    # --- helpers ---

    @property
    def _actor(self) -> str:
        """Who has had the number asked for: a manager, or else the customer alone."""
        return actor_of(self._of.extension) if self._of.extension else "customer"

    @property
    def _customer(self) -> str:
        return self._of.channels[Leg.CUSTOMER]

    @property
    def _language(self) -> str:
        """The customer's."""
        return self._customers_language or self._of.language

    def _new_playback(self) -> str:
        return names.capture_playback_id(self._of.call_id, next(self._numbering))

    def _start_beside(self, work: Coroutine[Any, Any, None]) -> None:
        self._beside = asyncio.get_running_loop().create_task(work, name=f"capture {self._of.call_id}")

    def _start(self, timer: CaptureTimer, seconds: float) -> None:
        self._stop(timer)
        self._timers[timer] = asyncio.get_running_loop().call_later(seconds, self._fire, timer)

    def _stop(self, timer: CaptureTimer) -> None:
        if (running := self._timers.pop(timer, None)) is not None:
            running.cancel()

    def _fire(self, timer: CaptureTimer) -> None:
        self._timers.pop(timer, None)
        self._post(CaptureTimerFired(timer))
