"""Who calls the shop, and whom to ring for them. The number is read, looked up and forgotten in here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.asterisk.ari import AriError
from bridge.asterisk.callers import CallerLine
from bridge.asterisk.pbx import ChannelGoneAlready, Onward, Pbx, order_label
from bridge.calls.model import Kind
from bridge.rules.callbacks import ROLES_OF, NotRung, OpenOrder, Ringing, StandIns, order_meant, whom_to_ring
from bridge.rules.code_entry import CodeTries
from bridge.rules.opening import OpeningHours, is_open
from bridge.store.audit import AuditEntry
from bridge.store.callbacks import CallerFacts, caller_facts, code_facts
from bridge.store.database import Database, now_ms
from bridge.store.records import NewCall, begin_call
from bridge.switchboard.answering_machine import AnsweringMachine
from bridge.switchboard.phones import Phones
from bridge.switchboard.strangers import SealedCaller, Stranger, Strangers
from bridge.vault import ReadNumber, Vault

log = structlog.get_logger()

_CALLERS_BEFORE_ONE_AGAIN: Final = 999


@dataclass(frozen=True, slots=True)
class Identified:
    """The order that somebody calls about; `extension` of who serves it, empty where nobody does."""

    order: OpenOrder
    extension: str


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """Somebody whom nobody knows by their number, for this reason.

    `may_key` says that they may be asked for an order's code.
    `caller` is a keyed hash of the number, and None, as `number`, where there is none.
    """

    reason: NotRung
    may_key: bool
    caller: str | None = field(repr=False)
    number: SealedCaller | None


@dataclass(slots=True)
class CodeEntry:
    """How callers are asked for an order's code: by which recordings, and how often."""

    prompt: tuple[str, ...]
    tries: CodeTries


class Reception:
    """Recognises callers. `language` is what those hear who have none of their own, `hours` when phones ring.

    `code_entry` is None where nobody is asked for a code.
    """

    def __init__(
        self,
        database: Database,
        pbx: Pbx,
        line: CallerLine,
        stand_ins: StandIns,
        code_entry: CodeEntry | None = None,
        *,
        language: str,
        hours: OpeningHours,
        phones: Phones | None = None,
    ) -> None:
        self.phones = phones or Phones()
        self._database = database
        self._pbx = pbx
        self._line = line
        self._roles = ROLES_OF[stand_ins]
        self._code_entry = code_entry
        self._callers = itertools.cycle(range(1, _CALLERS_BEFORE_ONE_AGAIN + 1))
        self.strangers = Strangers()
        self.machine: AnsweringMachine | None = None
        """None where nobody is asked for a message."""
        self._stopping = False
        self.follow(language=language, hours=hours)

    def follow(self, *, language: str, hours: OpeningHours) -> None:
        self._language, self._hours = language, hours

    def stop(self) -> None:
        """Let every caller go on in the dialplan: the daemon is about to end."""
        self._stopping = True
        if self.machine is not None:
            self.machine.stop()

    @property
    def code_prompt(self) -> tuple[str, ...]:
        """The recordings by which somebody is asked for an order's code."""
        return self._code_entry.prompt if self._code_entry else ()

    async def recognise(self, channel_id: str, vault: Vault | None) -> Ringing | Unrecognised | NotRung:
        """Find out who calls; `vault` is None while the daemon is sealed. `record` is to follow a yes."""
        if (hindrance := self._hindrance(vault)) is not None:
            return hindrance
        assert vault is not None  # noqa: S101 - that would be a hindrance
        number = await self._number_on(channel_id)
        if isinstance(number, NotRung):
            return self._unrecognised(number, None, None) if number is NotRung.WITHHELD else number
        index = vault.blind_index(number.number)
        facts = await self._known_by(index)
        if isinstance(facts, NotRung):
            return facts
        found = self._whom_to_ring(facts)
        if found is not NotRung.UNKNOWN:
            return found
        return self._unrecognised(found, index.hex(), SealedCaller.of(number, vault))

    def _unrecognised(self, reason: NotRung, caller: str | None, number: SealedCaller | None) -> Unrecognised:
        entry = self._code_entry
        # Behind a closed door there is nobody to whom a code could lead.
        may_key = entry is not None and self._open_now() and not entry.tries.used_up(caller, _clock_ms())
        return Unrecognised(reason, may_key, caller, number)

    async def recognise_by_code(self, code: str | None, unrecognised: Unrecognised) -> Ringing | NotRung:
        """Whom to ring for somebody who has keyed this code in, None for what is none; `record` is to follow.

        Whatever is asked, the same is looked up: nobody is to find out what there is by how long it takes.
        """
        too_many = self._count_code(unrecognised.caller)
        if self._stopping:
            return NotRung.STOPPING
        try:
            facts = await code_facts(self._database, code or "", self._roles)
        except SQLAlchemyError as error:
            self._tell_failed(error)
            return NotRung.FAILED
        if too_many:
            return NotRung.TOO_MANY_CODES
        found = self._whom_to_ring(facts)
        return NotRung.WRONG_CODE if found is NotRung.UNKNOWN else found

    def _count_code(self, caller: str | None) -> bool:
        """Whether it is one too many: several may be asked at once."""
        entry, clock_ms = self._code_entry, _clock_ms()
        if entry is None:
            return True
        too_many = entry.tries.used_up(caller, clock_ms)
        entry.tries = entry.tries.with_another(caller, clock_ms)
        return too_many

    async def identify(self, channel_id: str, vault: Vault | None) -> Identified | NotRung:
        """Find out who calls, for a dialplan that has somebody of its own to answer: nobody is rung here."""
        if (hindrance := self._hindrance(vault)) is not None:
            return hindrance
        assert vault is not None  # noqa: S101 - that would be a hindrance
        number = await self._number_on(channel_id)
        if isinstance(number, NotRung):
            return number
        facts = await self._known_by(vault.blind_index(number.number))
        if isinstance(facts, NotRung):
            return facts
        if facts.panic:
            return NotRung.PANIC
        order = order_meant(facts.orders)
        if order is None:
            return NotRung.UNKNOWN
        serving = (each for each in facts.attendants if each.manager_id == order.manager_id)
        return Identified(order, next((each.extension for each in serving), ""))

    def next_caller(self) -> int:
        """The running number by which somebody is called who is not known."""
        label = next(self._callers)
        self.strangers.forget(label)
        return label

    def _hindrance(self, vault: Vault | None) -> NotRung | None:
        """Why nobody can be recognised now."""
        if self._stopping:
            return NotRung.STOPPING
        return NotRung.SEALED if vault is None else None

    def _whom_to_ring(self, facts: CallerFacts) -> Ringing | NotRung:
        return whom_to_ring(facts.orders, facts.attendants, panic=facts.panic, shop_open=self._open_now())

    def _open_now(self) -> bool:
        return is_open(now_ms(), self._hours)

    async def _number_on(self, channel_id: str) -> ReadNumber | NotRung:
        try:
            number = await self._pbx.caller(channel_id, self._line)
        except AriError as error:
            log.error("who calls can't be read", operation=error.operation, status=error.status)
            return NotRung.FAILED
        return NotRung.WITHHELD if number is None else number

    async def _known_by(self, index: bytes) -> CallerFacts | NotRung:
        try:
            return await caller_facts(self._database, index, self._roles)
        except SQLAlchemyError as error:
            self._tell_failed(error)
            return NotRung.FAILED

    async def record(self, call_id: str, channel_id: str, ringing: Ringing) -> bool:
        """Put the call on disk: no phone may ring before. False where that failed."""
        order, at_ms = ringing.order, now_ms()
        call = NewCall(
            id=call_id,
            kind=Kind.CALLBACK.value,
            order_code=order.code,
            manager_id=ringing.manager_id,
            contact_id=order.contact_id,
            manager_channel=None,
            started_ms=at_ms,
            customer_channel=channel_id,
        )
        entry = AuditEntry(
            at_ms,
            "customer",
            "callback" if ringing.confirmed else "callback-code",
            f"order {order.code}",
            f"contact {order.contact_id}" if ringing.confirmed else "",
        )
        try:
            await begin_call(self._database, call, entry)
        except SQLAlchemyError as error:
            self._tell_failed(error)
            return False
        return True

    def _tell_failed(self, error: SQLAlchemyError) -> None:
        log.error("the database failed; a caller is passed on", error=type(error).__name__)

    async def pass_on(
        self,
        channel_id: str,
        code: str,
        language: str | None = None,
        *,
        confirmed: bool = True,
        number: SealedCaller | None = None,
    ) -> None:
        """Let a caller go on in the dialplan, named by the order; by a running number where there is none.

        Who may leave a message is asked for it instead, known or not: it tells nobody whether they are.

        One that can't be told to go on, by a fault of Asterisk's, is a channel of no call: a sweep ends it.
        `number` is kept for a while, of somebody who goes on under a running number. Whether the shop is open
        now says where to, of everybody alike.
        """
        if code and confirmed and await self._leaves_message(channel_id, code, language):
            return
        if code and (confirmed or self.machine is None):
            await self._go_on(channel_id, order_label(code, confirmed=confirmed), code, language)
            return
        label = self.next_caller()
        message_id = await self._leaves_strangers_message(channel_id, label)
        if message_id is not None:
            self.strangers.keep(label, Stranger(now_ms(), number, message_id))
        elif code:
            await self._go_on(channel_id, order_label(code, confirmed=confirmed), code, language)
        elif await self._go_on(channel_id, f"Caller {label}", str(label), language):
            self.strangers.keep(label, Stranger(now_ms(), number))

    async def _leaves_message(self, channel_id: str, code: str, language: str | None) -> bool:
        """A customer who is known by their number: the message is sealed as theirs."""
        return self.machine is not None and await self.machine.take(
            channel_id, code, language or self._language
        )

    async def _leaves_strangers_message(self, channel_id: str, label: int) -> str | None:
        """Somebody else, an order's code keyed in or not: it proves nothing of who speaks."""
        if self.machine is None:
            return None
        return await self.machine.take_from_stranger(channel_id, label, self._language)

    async def _go_on(self, channel_id: str, name: str, number: str, language: str | None) -> bool:
        """False where the caller has hung up, or the call could not be passed on."""
        onward = Onward.NOBODY_THERE if self._open_now() else Onward.CLOSED
        try:
            await self._pbx.pass_on(channel_id, name, number, language or self._language, onward)
        except ChannelGoneAlready:
            return False
        except AriError as error:
            log.error("a caller could not be passed on", operation=error.operation, status=error.status)
            return False
        return True


def _clock_ms() -> int:
    """For limits: a clock that nobody can set back."""
    return int(monotonic() * 1000)
