"""May this call be placed? The rules decide; the decision is on disk before anything is dialled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.calls.model import Message, Result
from bridge.rules import (
    Caller,
    ContactFacts,
    DialRequest,
    GuessBook,
    LockOut,
    OrderFacts,
    Policy,
    Reason,
    Role,
    Usage,
    Verdict,
    decide,
)
from bridge.rules.hours import minute_on_the_wall
from bridge.rules.own_limits import policy_of
from bridge.store.alarms import AlarmKind, add_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database, now_ms
from bridge.store.misses import REFUSE, actor_of, misses_since
from bridge.store.records import (
    ContactChange,
    Decision,
    DialFacts,
    Dialled,
    NewCall,
    SealedContact,
    change_contact,
    decide_call,
    dial_facts,
)
from bridge.switchboard import metrics
from bridge.switchboard.tolls import TollBook

log = structlog.get_logger()

_SHORTEST_NUMBER: Final = 7

MESSAGES: Final = {
    Reason.UNKNOWN_MANAGER: Message.NOT_ALLOWED,
    Reason.MANAGER_DISABLED: Message.NOT_ALLOWED,
    Reason.NOT_YOURS: Message.NOT_YOURS,
    Reason.DO_NOT_CALL: Message.NOT_ALLOWED,
    Reason.PANIC: Message.OUT_OF_SERVICE,
    Reason.OUTSIDE_HOURS: Message.NOT_NOW,
    Reason.CONTACT_HOURS: Message.NOT_NOW,
    Reason.DAILY_LIMIT: Message.LIMIT_REACHED,
    Reason.DAILY_LIMIT_IN_ALL: Message.TRY_LATER,
    Reason.MINUTES_LIMIT: Message.LIMIT_REACHED,
    Reason.MINUTES_LIMIT_IN_ALL: Message.TRY_LATER,
    Reason.SPEND_LIMIT: Message.LIMIT_REACHED,
    Reason.SPEND_LIMIT_IN_ALL: Message.TRY_LATER,
    Reason.HOURLY_LIMIT: Message.LIMIT_REACHED,
    Reason.ALREADY_TALKING: Message.LIMIT_REACHED,
    Reason.SYSTEM_FULL: Message.TRY_LATER,
    Reason.SEALED: Message.OUT_OF_SERVICE,
    Reason.STOPPING: Message.TRY_LATER,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call somebody asks for, with how many others are live: the manager's own, and everybody's.

    `kind` is a `Kind`, or DIALPLAN_CALL. `contact_id` is the contact that they want to be dialled; None for
    the one in this `place` of those that may be, in the order of trying.
    """

    call_id: str
    kind: str
    extension: str
    code: str
    manager_channel: str
    managers_live_calls: int
    live_calls: int
    contact_id: int | None = None
    place: int = 1


@dataclass(frozen=True, slots=True)
class Admitted:
    """`talk_seconds` is what the day's allowances leave for this call.

    `on_its_way` is it on its way to the disk, None where all is on record already.
    """

    contact: SealedContact
    language: str
    talk_seconds: int
    on_its_way: OnItsWay | None


@dataclass(frozen=True, slots=True)
class OnItsWay:
    """An admitted call that goes on record; `on_disk` raises a DBAPIError where that fails."""

    call: NewCall
    on_disk: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Refused:
    """`reason` is None where the database, not the rules, said no.

    `audit_reason` says more than the manager may know.
    """

    reason: Reason | None
    audit_reason: str
    message: Message
    language: str

    @property
    def told_reason(self) -> str:
        """The reason as metrics and traces have it: no more than the manager may know."""
        return self.reason.value if self.reason else metrics.DATABASE


@dataclass(frozen=True, slots=True)
class Looked:
    """What would be decided of a call now; `refused` is None where it would be placed.

    `state` is the order's, None for whoever may not know of it.
    """

    refused: Refused | None
    state: str | None


_TELL_NOTHING_OF_THE_ORDER: Final = frozenset(
    {None, Reason.UNKNOWN_MANAGER, Reason.MANAGER_DISABLED, Reason.NOT_YOURS}
)
"""Refusals of those who may not know whether there is such an order; None: the database's."""


async def past_guesses(database: Database, rule: LockOut) -> GuessBook:
    """The misses that the audit knows of, so that a restart frees nobody who is locked out."""
    book, at_ms, clock_ms = GuessBook(rule), now_ms(), _clock_ms()
    since_ms = at_ms - (rule.within_seconds + rule.for_seconds) * 1000
    for miss in await misses_since(database, since_ms, limit=book.capacity * rule.misses):
        # The wall's clock may have been set back since; a miss is never later than now.
        age_ms = max(0, at_ms - miss.at_ms)
        book, _ = book.with_miss(miss.extension, clock_ms - age_ms)
    return book


class Admission:
    """`sealed` says that there is no key to open a number with: then nothing is admitted."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        book: TollBook,
        guesses: GuessBook,
        *,
        language: str,
        sealed: bool,
    ) -> None:
        self._database = database
        self._book = book
        self._guesses = guesses
        self._deciding = asyncio.Lock()
        """Each decision sees the calls that were admitted before it."""
        self._stopping = False
        self.follow(policy, language=language, sealed=sealed)

    def follow(self, policy: Policy, *, language: str, sealed: bool) -> None:
        """Decide by these from now on. Misses that were counted stay counted."""
        self._policy = policy
        self._language = language
        self._sealed = sealed
        self._guesses = replace(self._guesses, rule=policy.lock_out)

    def stop(self) -> None:
        """Admit nothing more: the daemon is about to end."""
        self._stopping = True

    async def ask(self, asked: Asked) -> Admitted | Refused:
        """Decide. A refusal is on disk then; what is admitted is on its way there."""
        try:
            return await self._ask(asked)
        except SQLAlchemyError as error:
            return self._failed(error)

    async def look(self, asked: Asked) -> Looked:
        """Decide as `ask` does, of no call: nothing is admitted or recorded. But a guess is a guess."""
        try:
            return await self._look(asked)
        except SQLAlchemyError as error:
            return Looked(self._failed(error), None)

    async def recorded(self, admitted: Admitted) -> Refused | None:
        """Return when an admitted call is on disk, before which nothing is dialled; a refusal if it fails."""
        going = admitted.on_its_way
        assert going is not None  # noqa: S101 - `ask` has sent it there
        try:
            await asyncio.shield(going.on_disk)
        except SQLAlchemyError as error:
            self._book.withdrawn(going.call.id)
            return self._failed(error)
        return None

    async def find_next(self, asked: Asked, tried: SealedContact, result: Result) -> Admitted | None:
        """Another contact for a call whose first one came to this result; that it is dialled is on disk then.

        None where there is none, where the rules don't let it be dialled now, and where the database fails.
        """
        at_ms = now_ms()
        try:
            another = Dialled(
                asked.extension,
                asked.code,
                at_ms,
                but_contact_id=tried.contact_id,
                minute=self._minute(at_ms),
            )
            facts = await dial_facts(self._database, another)
            contact = self._may_go_on_to(asked, facts, tried, at_ms)
            if contact is None:
                return None
            await change_contact(
                self._database,
                ContactChange(
                    asked.call_id,
                    tried.contact_id,
                    contact.contact_id,
                    result,
                ),
                AuditEntry(
                    at_ms,
                    actor_of(asked.extension),
                    "dial",
                    f"order {asked.code}",
                    f"{_contact(contact)}, after {_contact(tried)}: {result.value}",
                ),
            )
        except SQLAlchemyError as error:
            self._failed(error)
            return None
        language = (facts.manager and facts.manager.language) or self._language
        return Admitted(contact, language, self._book.seconds_left(asked.call_id, at_ms), on_its_way=None)

    def _may_go_on_to(
        self, asked: Asked, facts: DialFacts, tried: SealedContact, at_ms: int
    ) -> SealedContact | None:
        """The contact of these facts, if it may be dialled now. Of itself no call is one too many."""
        self._book.withdrawn(asked.call_id)
        others = replace(
            facts, calls_last_hour=facts.calls_last_hour - 1, calls_last_day=facts.calls_last_day - 1
        )
        allowed = self._known(asked, at_ms).verdict(others).allowed
        dialled = facts.contact if allowed and facts.contact is not None else tried
        self._book.begun(asked.call_id, asked.extension, dialled.region, dialled.line_type)
        return None if dialled is tried else dialled

    def _failed(self, error: SQLAlchemyError) -> Refused:
        log.error("the database failed; no call is placed", error=type(error).__name__)
        return Refused(None, metrics.DATABASE, Message.OUT_OF_SERVICE, self._language)

    async def _ask(self, asked: Asked) -> Admitted | Refused:
        at_ms = now_ms()
        async with self._deciding:
            known = self._known(asked, at_ms)
            decided, on_disk = await decide_call(
                self._database, self._dialled(asked, at_ms), partial(_decide, known)
            )
            contact = decided.contact
            if contact is not None:
                self._book.begun(asked.call_id, asked.extension, contact.region, contact.line_type)
        language = decided.language or self._language
        if contact is not None:
            seconds = self._book.seconds_beside(asked.call_id, known.usage, known.usage_in_all)
            return Admitted(contact, language, seconds, OnItsWay(decided.call, on_disk))
        await asyncio.shield(on_disk)
        if decided.verdict.is_miss:
            await self._count_miss(asked, decided.call.manager_id)
        return _refused(decided.verdict, language)

    async def _look(self, asked: Asked) -> Looked:
        at_ms = now_ms()
        facts = await dial_facts(self._database, self._dialled(asked, at_ms))
        verdict = self._known(asked, at_ms).verdict(facts)
        if verdict.is_miss:
            async with self._database.write() as connection:
                entry = _entry(_code_on_record(asked, facts), at_ms, asked, REFUSE, verdict.audit_reason)
                await write_entry(connection, entry)
            await self._count_miss(asked, facts.manager.id if facts.manager else None)
        refused = None if verdict.allowed else _refused(verdict, self._language)
        hidden = refused is not None and refused.reason in _TELL_NOTHING_OF_THE_ORDER
        return Looked(refused, None if hidden or facts.order is None else facts.order.state)

    def _dialled(self, asked: Asked, at_ms: int) -> Dialled:
        minute = self._minute(at_ms)
        return Dialled(asked.extension, asked.code, at_ms, asked.contact_id, asked.place, minute=minute)

    def _minute(self, at_ms: int) -> int:
        return minute_on_the_wall(at_ms, self._policy.hours.timezone)

    def _known(self, asked: Asked, at_ms: int) -> _Known:
        return _Known(
            asked,
            at_ms,
            policy_of(self._policy, self._book.own_limits(asked.extension)),
            self._hindrance(),
            locked_out=self._guesses.locked_out(asked.extension, _clock_ms()),
            usage=self._book.usage_of(asked.extension, at_ms),
            usage_in_all=self._book.usage_in_all(at_ms),
        )

    def _hindrance(self) -> Reason | None:
        """Why even a call that the rules allow can't be placed."""
        if self._sealed:
            return Reason.SEALED
        return Reason.STOPPING if self._stopping else None

    async def _count_miss(self, asked: Asked, manager_id: int | None) -> None:
        self._guesses, just_locked_out = self._guesses.with_miss(asked.extension, _clock_ms())
        if just_locked_out:
            metrics.lock_outs.inc()
            log.warning("locked out: too many codes that are not theirs", extension=asked.extension)
            detail = f"extension={asked.extension}"
            await add_alarm(
                self._database, AlarmKind.LOCKED_OUT, manager_id=manager_id, order_code=None, detail=detail
            )


@dataclass(frozen=True, slots=True)
class _Known:
    """All that a verdict needs besides the database's facts, at one moment."""

    asked: Asked
    at_ms: int
    policy: Policy
    hindrance: Reason | None
    locked_out: bool
    usage: Usage
    usage_in_all: Usage

    def verdict(self, facts: DialFacts) -> Verdict:
        verdict = decide(self._request(facts), self.policy)
        if verdict.allowed and self.hindrance is not None:
            return Verdict(self.hindrance, audit_reason=self.hindrance.value)
        return verdict

    def _request(self, facts: DialFacts) -> DialRequest:
        return DialRequest(
            caller=self._caller(facts),
            order=_order(facts),
            live_calls=self.asked.live_calls,
            usage=self.usage_in_all,
            panic=facts.panic,
            at_ms=self.at_ms,
        )

    def _caller(self, facts: DialFacts) -> Caller | None:
        if facts.manager is None:
            return None
        return Caller(
            manager_id=facts.manager.id,
            role=Role(facts.manager.role),
            disabled=facts.manager.disabled,
            locked_out=self.locked_out,
            live_calls=self.asked.managers_live_calls,
            calls_last_hour=facts.calls_last_hour,
            calls_last_day=facts.calls_last_day,
            usage=self.usage,
        )


@dataclass(frozen=True, slots=True)
class _Decided(Decision):
    """`contact` is whom to dial, None where the call is refused; `language` the manager's own, if any."""

    verdict: Verdict
    contact: SealedContact | None
    language: str | None


def _decide(known: _Known, facts: DialFacts) -> _Decided:
    """What goes on record of a call of which this is known."""
    asked, verdict = known.asked, known.verdict(facts)
    contact = facts.contact if verdict.allowed else None
    call = NewCall(
        id=asked.call_id,
        kind=str(asked.kind),
        order_code=_code_on_record(asked, facts),
        manager_id=facts.manager.id if facts.manager else None,
        contact_id=contact.contact_id if contact else None,
        manager_channel=asked.manager_channel,
        started_ms=known.at_ms,
    )
    if contact is None:
        entry = _entry(call.order_code, known.at_ms, asked, REFUSE, verdict.audit_reason)
    else:
        entry = _entry(call.order_code, known.at_ms, asked, "dial", _contact(contact))
    language = facts.manager.language if facts.manager else None
    return _Decided(call, entry, contact is None, verdict, contact, language)


def _code_on_record(asked: Asked, facts: DialFacts) -> str:
    return asked.code if facts.order else _masked_guess(asked.code)


def _refused(verdict: Verdict, language: str) -> Refused:
    reason = verdict.reason or Reason.NOT_YOURS
    return Refused(reason, verdict.audit_reason, MESSAGES[reason], language)


def _entry(code: str, at_ms: int, asked: Asked, act: str, detail: str) -> AuditEntry:
    return AuditEntry(at_ms, actor_of(asked.extension), act, f"order {code}", detail)


def _order(facts: DialFacts) -> OrderFacts | None:
    if facts.order is None:
        return None
    contact = facts.contact
    known = None
    if contact is not None:
        known = ContactFacts(contact.region, contact.line_type, within_hours=facts.contact_within_hours)
    return OrderFacts(facts.assigned_manager_id, known, do_not_call=facts.do_not_call)


def _masked_guess(code: str) -> str:
    """A code that is no order's may be a customer's number, typed by somebody who has it from elsewhere."""
    return code if len(code) < _SHORTEST_NUMBER else "*" * len(code)


def _contact(contact: SealedContact) -> str:
    return f"contact {contact.contact_id}"


def _clock_ms() -> int:
    """For lock-outs: a clock that nobody can set back."""
    return int(monotonic() * 1000)
