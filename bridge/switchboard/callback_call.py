"""A live call that a customer has begun: as any other, but that managers are rung one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import replace
from functools import partial

import structlog

from bridge.asterisk import names
from bridge.calls.commands import (
    Admit,
    AdmitByCode,
    AnswerCustomer,
    AskForCode,
    Command,
    CreateLeg,
    ForgetCode,
    HushCustomer,
    PassOn,
)
from bridge.calls.events import (
    CallAdmitted,
    CallerToBeAsked,
    CallerUnknown,
    CallRecorded,
    CodeAnew,
    CodeBegun,
    CodeComplete,
    LegEnded,
    NobodyFree,
)
from bridge.calls.model import MOST_MANAGERS_RUNG, Call, Leg, State
from bridge.rules.callbacks import Attendant, NotRung, Ringing, first_name, next_to_ring
from bridge.rules.keypad import MOST_CODE_DIGITS, Meaning, while_asked
from bridge.switchboard import metrics
from bridge.switchboard.admission import Asked
from bridge.switchboard.live_call import Happened, LiveCall, Parts, Pressed
from bridge.switchboard.reception import Unrecognised
from bridge.switchboard.strangers import SealedCaller
from bridge.vault.keyed import KeyedDigits

log = structlog.get_logger()


class CallbackCall(LiveCall):
    """`busy` tells the extensions that are in a call now.

    Not `confirmed` is a caller who has keyed an order's code in, by which nothing is known of who they are.

    `asked` has neither order nor extension before the caller is recognised; the extension is that of the
    manager who is being rung, or was last.
    """

    def __init__(
        self,
        asked: Asked,
        parts: Parts,
        channels: dict[Leg, str],
        call: Call,
        *,
        busy: Callable[[], Set[str]],
        confirmed: bool = True,
        started_ms: int | None = None,
        answered_ms: int | None = None,
    ) -> None:
        super().__init__(asked, parts, channels, call, started_ms=started_ms, answered_ms=answered_ms)
        self._busy = busy
        self._waiting: tuple[Attendant, ...] = ()
        """Who may still be rung."""
        self._first_name = ""
        self._customers_language: str | None = None
        self._attempts = 0
        self._manager_gone = False
        self._confirmed = confirmed
        self._unrecognised: Unrecognised | None = None
        """Somebody who may be asked, until it is known whether that leads to anybody."""
        self._number: SealedCaller | None = None
        """Of somebody whom nobody knows by it."""
        self._keyed = KeyedDigits(MOST_CODE_DIGITS)
        self._question: str | None = None
        """The id of what the caller is being asked."""

    @property
    def confirmed(self) -> bool:
        return self._confirmed

    @property
    def may_capture(self) -> bool:
        """What is keyed in becomes the customer's number: so the caller has to be the customer."""
        return super().may_capture and self._confirmed

    async def run(self, first: tuple[Command, ...] = ()) -> None:
        try:
            await super().run(first)
        finally:
            self._keyed.forget()
            if self._unrecognised is not None:  # they have keyed in nothing
                metrics.callers_not_rung.labels(self._unrecognised.reason.value).inc()

    def possible_channels(self) -> Iterator[tuple[Leg, str]]:
        yield from super().possible_channels()
        for attempt in range(2, MOST_MANAGERS_RUNG + 1):
            yield Leg.MANAGER, names.channel_id(self.asked.call_id, Leg.MANAGER, attempt)

    def post(self, event: Happened) -> None:
        """As of every call; but once a manager's leg has ended, nothing of it counts for the next one's."""
        if getattr(event, "leg", None) is Leg.MANAGER:
            if self._manager_gone:
                return
            self._manager_gone = isinstance(event, LegEnded)
        super().post(event)

    async def _carry_out(self, command: Command) -> None:
        match command:
            case Admit():
                await self._recognise()
            case CreateLeg(Leg.MANAGER):
                await self._ring_next()
            case AnswerCustomer():
                answering = self._pbx.answer_customer(
                    self._customer, self.asked.code, confirmed=self._confirmed
                )
                await self._try(Leg.CUSTOMER, answering)
            case AskForCode():
                await self._try(Leg.CUSTOMER, self._ask())
            case HushCustomer():
                await self._hush()
            case ForgetCode():
                self._keyed.forget()
            case AdmitByCode():
                await self._try(Leg.CUSTOMER, self._pbx.ring_back(self._customer), fatal=False)
                await self._recognise_by_code()
            case PassOn():
                await self._parts.reception.pass_on(
                    self._customer,
                    self.asked.code,
                    self._customers_language,
                    confirmed=self._confirmed,
                    number=self._number,
                )
            case _:
                await super()._carry_out(command)

    async def _recognise(self) -> None:
        found = await self._parts.reception.recognise(self._customer, self._parts.vault)
        match found:
            case Ringing():
                self._ring_for(found)
            case Unrecognised():
                self._number = found.number
                if found.may_key:
                    self._unrecognised = found
                    self.post(CallerToBeAsked())
                else:
                    self._ring_nobody(found.reason)
            case NotRung():
                self._ring_nobody(found)

    def _ring_for(self, found: Ringing) -> None:
        order = found.order
        self.asked = replace(self.asked, code=order.code)
        self._waiting, self._confirmed = found.attendants, found.confirmed
        if found.confirmed:
            self._first_name, self._customers_language = first_name(order.customer_name), order.language
        self.post(CallAdmitted())
        self._recording = self._beside("record", self._record_callback(found))

    # --- an order's code ---

    async def _press(self, pressed: Pressed) -> None:
        if pressed.leg is not Leg.CUSTOMER or self.state is not State.ASKING_CODE:
            await super()._press(pressed)
            return
        match while_asked(pressed.key):
            case Meaning.DIGIT:
                self._keyed.add(pressed.key)
                await self._step(CodeBegun())
            case Meaning.ANEW:
                await self._step(CodeAnew())
            case Meaning.COMPLETE:
                await self._step(CodeComplete())

    async def _ask(self) -> None:
        """In the shop's language: of whoever is asked nothing is known."""
        await self._pbx.answer(self._customer)
        self._question = names.capture_playback_id(self.asked.call_id, next(self._capture_names))
        prompt = self._parts.reception.code_prompt
        await self._pbx.say(self._customer, self._question, prompt, self._parts.language)

    async def _hush(self) -> None:
        if (question := self._question) is not None:
            self._question = None
            await self._try(Leg.CUSTOMER, self._pbx.hush(question), fatal=False)

    async def _recognise_by_code(self) -> None:
        code, unrecognised = self._keyed.as_code(), self._unrecognised
        self._keyed.forget()
        self._unrecognised = None
        assert unrecognised is not None  # noqa: S101 - nobody else is asked
        match await self._parts.reception.recognise_by_code(code, unrecognised):
            case Ringing() as found:
                self._ring_for(found)
            case reason:
                self._ring_nobody(reason)

    # --- on record, and one manager after the other ---

    async def _record_callback(self, ringing: Ringing) -> None:
        """Beside the making of the manager's channel, which is not dialled before CallRecorded."""
        channel = self.channels[Leg.CUSTOMER]
        with self._on_trace():
            recorded = await self._parts.reception.record(self.asked.call_id, channel, ringing)
        if recorded:
            self.post(CallRecorded())
        else:
            self._ring_nobody(NotRung.FAILED)

    def _ring_nobody(self, reason: NotRung) -> None:
        self._log.info("a caller is not put through", reason=reason.value)
        metrics.callers_not_rung.labels(reason.value).inc()
        self.post(CallerUnknown())

    async def _ring_next(self) -> None:
        # A phone that is known not to be there would be tried in vain, while somebody waits.
        attendant = next_to_ring(self._waiting, self._busy() | self._parts.reception.phones.away())
        if attendant is None:
            self.post(NobodyFree())
            return
        # Before anything is awaited: from here on this manager is busy, to every other call.
        self.asked = replace(self.asked, extension=attendant.extension)
        self.stepped()
        self._waiting = tuple(each for each in self._waiting if each != attendant)
        self._attempts += 1
        self._manager_gone = False
        channel = names.channel_id(self.asked.call_id, Leg.MANAGER, self._attempts)
        self.channels[Leg.MANAGER] = channel
        self._note(partial(self._parts.ledger.rung, self.asked.call_id, attendant.manager_id))
        request = self._pbx.create_manager(
            channel,
            attendant.extension,
            self.asked.code,
            first_name=self._first_name,
            confirmed=self._confirmed,
        )
        await self._try(Leg.MANAGER, request)

    @property
    def _customer(self) -> str:
        """The caller's channel."""
        return self.channels[Leg.CUSTOMER]
