"""May this call be placed? The rules decide; the decision is on disk before anything else happens."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError

from bridge.calls.model import Kind, Message
from bridge.rules import (
    Caller,
    ContactFacts,
    DialRequest,
    GuessBook,
    OrderFacts,
    Policy,
    Reason,
    Role,
    Verdict,
    decide,
)
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.records import DialFacts, NewCall, SealedContact, begin_call, dial_facts, refuse_call
from bridge.switchboard.tolls import TollBook

log = structlog.get_logger()

_SHORTEST_NUMBER: Final = 7

MESSAGES: Final = {
    Reason.UNKNOWN_MANAGER: Message.NOT_ALLOWED,
    Reason.MANAGER_DISABLED: Message.NOT_ALLOWED,
    Reason.LOCKED_OUT: Message.NOT_ALLOWED,
    Reason.NOT_YOURS: Message.NOT_YOURS,
    Reason.PANIC: Message.OUT_OF_SERVICE,
    Reason.OUTSIDE_HOURS: Message.NOT_NOW,
    Reason.DAILY_LIMIT: Message.LIMIT_REACHED,
    Reason.DAILY_LIMIT_IN_ALL: Message.TRY_LATER,
    Reason.MINUTES_LIMIT: Message.LIMIT_REACHED,
    Reason.MINUTES_LIMIT_IN_ALL: Message.TRY_LATER,
    Reason.SPEND_LIMIT: Message.LIMIT_REACHED,
    Reason.SPEND_LIMIT_IN_ALL: Message.TRY_LATER,
    Reason.HOURLY_LIMIT: Message.LIMIT_REACHED,
    Reason.ALREADY_TALKING: Message.LIMIT_REACHED,
    Reason.SYSTEM_FULL: Message.TRY_LATER,
    Reason.NO_CONTACT: Message.INVALID_NUMBER,
    Reason.COUNTRY: Message.NOT_ALLOWED,
    Reason.LINE_TYPE: Message.NOT_ALLOWED,
    Reason.SEALED: Message.OUT_OF_SERVICE,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call somebody asks for, with how many others are live: the manager's own, and everybody's."""

    call_id: str
    kind: Kind
    extension: str
    code: str
    manager_channel: str
    managers_live_calls: int
    live_calls: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """`talk_seconds` is what the day's allowances leave for this call."""

    contact: SealedContact
    language: str
    talk_seconds: int


@dataclass(frozen=True, slots=True)
class Refused:
    """`reason` is None where the database, not the rules, said no."""

    reason: Reason | None
    message: Message
    language: str


class Admission:
    """`sealed` says that there is no key to open a number with: then nothing is admitted."""

    def __init__(
        self, database: Database, policy: Policy, book: TollBook, *, language: str, sealed: bool
    ) -> None:
        self._database = database
        self._policy = policy
        self._book = book
        self._language = language
        self._sealed = sealed
        self._guesses = GuessBook(policy.lock_out)

    async def ask(self, asked: Asked) -> Admitted | Refused:
        """Decide, and put the decision on disk."""
        try:
            return await self._ask(asked)
        except DBAPIError as error:
            log.error("the database failed; no call is placed", error=type(error.orig).__name__)
            return Refused(None, Message.OUT_OF_SERVICE, self._language)

    async def _ask(self, asked: Asked) -> Admitted | Refused:
        at_ms = now_ms()
        facts = await dial_facts(self._database, asked.extension, asked.code, at_ms)
        verdict = decide(self._request(asked, facts, at_ms), self._policy)
        if verdict.allowed and self._sealed:
            verdict = Verdict(Reason.SEALED, audit_reason="sealed")
        code = asked.code if facts.order else _masked_guess(asked.code)
        call = NewCall(
            id=asked.call_id,
            kind=asked.kind.value,
            order_code=code,
            manager_id=facts.manager.id if facts.manager else None,
            contact_id=facts.contact.contact_id if facts.contact and verdict.allowed else None,
            manager_channel=asked.manager_channel,
            started_ms=at_ms,
        )
        language = (facts.manager and facts.manager.language) or self._language
        if verdict.reason is None and facts.contact is not None:
            # Counted before anything is awaited: the next call that is decided sees this one.
            self._book.begun(call.id, asked.extension, facts.contact.region, facts.contact.line_type)
            seconds = self._book.seconds_left(call.id, at_ms)
            await self._begin(call, _entry(call, asked, "dial", _contact(facts.contact)))
            return Admitted(facts.contact, language, seconds)
        reason = verdict.reason or Reason.NO_CONTACT
        await refuse_call(self._database, call, _entry(call, asked, "refuse", verdict.audit_reason))
        self._count_miss(asked, reason)
        return Refused(reason, MESSAGES[reason], language)

    async def _begin(self, call: NewCall, entry: AuditEntry) -> None:
        try:
            await begin_call(self._database, call, entry)
        except DBAPIError:
            self._book.withdrawn(call.id)
            raise

    def _request(self, asked: Asked, facts: DialFacts, at_ms: int) -> DialRequest:
        return DialRequest(
            caller=self._caller(asked, facts, at_ms),
            order=_order(facts),
            live_calls=asked.live_calls,
            usage=self._book.usage_in_all(at_ms),
            panic=facts.panic,
            at_ms=at_ms,
        )

    def _caller(self, asked: Asked, facts: DialFacts, at_ms: int) -> Caller | None:
        if facts.manager is None:
            return None
        return Caller(
            manager_id=facts.manager.id,
            role=Role(facts.manager.role),
            disabled=facts.manager.disabled,
            locked_out=self._guesses.locked_out(asked.extension, _clock_ms()),
            live_calls=asked.managers_live_calls,
            calls_last_hour=facts.calls_last_hour,
            calls_last_day=facts.calls_last_day,
            usage=self._book.usage_of(asked.extension, at_ms),
        )

    def _count_miss(self, asked: Asked, reason: Reason) -> None:
        if reason is not Reason.NOT_YOURS:
            return
        self._guesses, just_locked_out = self._guesses.with_miss(asked.extension, _clock_ms())
        if just_locked_out:
            log.warning("locked out: too many codes that are not theirs", extension=asked.extension)


def _entry(call: NewCall, asked: Asked, act: str, detail: str) -> AuditEntry:
    actor, subject = f"extension {asked.extension}", f"order {call.order_code}"
    return AuditEntry(call.started_ms, actor, act, subject, detail)


def _order(facts: DialFacts) -> OrderFacts | None:
    if facts.order is None:
        return None
    contact = facts.contact
    known = None if contact is None else ContactFacts(contact.region, contact.line_type)
    return OrderFacts(facts.assigned_manager_id, known)


def _masked_guess(code: str) -> str:
    """A code that is no order's may be a customer's number, typed by somebody who has it from elsewhere."""
    return code if len(code) < _SHORTEST_NUMBER else "*" * len(code)


def _contact(contact: SealedContact) -> str:
    return f"contact {contact.contact_id}"


def _clock_ms() -> int:
    """For lock-outs: a clock that nobody can set back."""
    return int(monotonic() * 1000)
