"""May this manager call the customer of this order, now?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.rules.hours import within_hours
from bridge.rules.policy import Policy, WorkingHours
from bridge.rules.tolls import TollLimit, Usage, no_minutes_left, too_dear


class Role(StrEnum):
    """What a manager is to the shop. Supervisors and owners may call every customer."""

    MANAGER = "manager"
    SUPERVISOR = "supervisor"
    OWNER = "owner"


class Reason(StrEnum):
    """Why a call is refused, as far as the manager may know."""

    UNKNOWN_MANAGER = "unknown_manager"
    MANAGER_DISABLED = "manager_disabled"
    LOCKED_OUT = "locked_out"
    NOT_YOURS = "not_yours"  # no such code, or somebody else's: nobody is told which
    PANIC = "panic"  # somebody has stopped all calls until they say otherwise
    OUTSIDE_HOURS = "outside_hours"
    DAILY_LIMIT = "daily_limit"
    DAILY_LIMIT_IN_ALL = "daily_limit_in_all"
    MINUTES_LIMIT = "minutes_limit"
    MINUTES_LIMIT_IN_ALL = "minutes_limit_in_all"
    SPEND_LIMIT = "spend_limit"
    SPEND_LIMIT_IN_ALL = "spend_limit_in_all"
    HOURLY_LIMIT = "hourly_limit"
    ALREADY_TALKING = "already_talking"
    SYSTEM_FULL = "system_full"
    NO_CONTACT = "no_contact"
    COUNTRY = "country"
    LINE_TYPE = "line_type"
    SEALED = "sealed"  # never of `decide`: an allowed call whose number the vault then can't open


_OF_TOLLS: Final = {
    TollLimit.MINUTES: Reason.MINUTES_LIMIT,
    TollLimit.MINUTES_IN_ALL: Reason.MINUTES_LIMIT_IN_ALL,
    TollLimit.SPEND: Reason.SPEND_LIMIT,
    TollLimit.SPEND_IN_ALL: Reason.SPEND_LIMIT_IN_ALL,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The manager who dials. The calls are their own: live now, begun in the last hour, the last day.

    `usage` is the manager's own, too.
    """

    manager_id: int
    role: Role
    disabled: bool
    locked_out: bool
    live_calls: int
    calls_last_hour: int
    calls_last_day: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What the rules may know of a number: not the number."""

    region: str
    line_type: str


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The dialled order: who serves its customer, and the contact to call. None: nobody, nothing."""

    assigned_manager_id: int | None
    contact: ContactFacts | None


@dataclass(frozen=True, slots=True)
class DialRequest:
    """A dialled code, with all that is known when it is dialled.

    `caller` is None for an endpoint that is no manager's, `order` for a code that does not exist.
    `live_calls` and `usage` count everybody's calls; `at_ms` is milliseconds since the epoch, UTC.
    `panic` says that somebody has stopped all calls.
    """

    caller: Caller | None
    order: OrderFacts | None
    live_calls: int
    usage: Usage
    panic: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is for the manager (None: allowed), `audit_reason` is the whole truth, for the audit alone."""

    reason: Reason | None
    audit_reason: str

    @property
    def allowed(self) -> bool:
        return self.reason is None


def decide(request: DialRequest, policy: Policy) -> Verdict:
    """Allow or refuse a call. The order of the checks is itself a rule, for a refusal is an answer too.

    1. Who dials. A disabled manager and a stranger learn that, whatever they dial.
    2. Locked out. Before any order is looked at: whoever has guessed too often gets one answer for
       every code, their own included, or they would go on guessing.
    3. Is it theirs to know of. A code that does not exist and somebody else's end here alike, so no
       later reason can ever tell about such an order. And it comes before hours and limits: the lock-out
       counts every NOT_YOURS, so guesses at night or beyond the limit are misses like all others.
    4. Panic, hours and limits, which are about the caller and the shop.
    5. The contact comes last: only whoever may call the customer at all learns anything about it, were it
       only that a minute with them costs more than is left to spend.
    """
    caller, order = request.caller, request.order
    if caller is None:
        return _refused(Reason.UNKNOWN_MANAGER)
    if caller.disabled:
        return _refused(Reason.MANAGER_DISABLED)
    if caller.locked_out:
        return _refused(Reason.LOCKED_OUT)
    if order is None:
        return Verdict(Reason.NOT_YOURS, audit_reason="unknown_code")
    if not _may_know_of(order, caller):
        return Verdict(Reason.NOT_YOURS, audit_reason="not_assigned")
    reason = (
        _stopped(request)
        or _bad_moment(request.at_ms, policy.hours)
        or _limit_reached(caller, request, policy)
        or _unfit_contact(order.contact, policy)
        or _too_dear(order.contact, caller, request, policy)
    )
    return _refused(reason) if reason else Verdict(None, audit_reason="allowed")


def _refused(reason: Reason) -> Verdict:
    return Verdict(reason, audit_reason=reason.value)


def _may_know_of(order: OrderFacts, caller: Caller) -> bool:
    """An order can be dialled by its customer's manager, and by supervisors and owners."""
    return caller.role in {Role.SUPERVISOR, Role.OWNER} or order.assigned_manager_id == caller.manager_id


def _stopped(request: DialRequest) -> Reason | None:
    return Reason.PANIC if request.panic else None


def _bad_moment(at_ms: int, hours: WorkingHours) -> Reason | None:
    return None if within_hours(at_ms, hours) else Reason.OUTSIDE_HOURS


def _limit_reached(caller: Caller, request: DialRequest, policy: Policy) -> Reason | None:
    """The longest wait first: nobody is told to try again in a moment and then to come back tomorrow."""
    limits, tolls = policy.limits, policy.tolls
    if caller.calls_last_day >= tolls.manager.calls:
        return Reason.DAILY_LIMIT
    if request.usage.calls >= tolls.in_all.calls:
        return Reason.DAILY_LIMIT_IN_ALL
    if (limit := no_minutes_left(caller.usage, request.usage, tolls)) is not None:
        return _OF_TOLLS[limit]
    if caller.calls_last_hour >= limits.calls_per_hour:
        return Reason.HOURLY_LIMIT
    if caller.live_calls >= limits.live_per_manager:
        return Reason.ALREADY_TALKING
    if request.live_calls >= limits.live_in_all:
        return Reason.SYSTEM_FULL
    return None


def _unfit_contact(contact: ContactFacts | None, policy: Policy) -> Reason | None:
    if contact is None:
        return Reason.NO_CONTACT
    if contact.region not in policy.countries.allowed:
        return Reason.COUNTRY
    if contact.line_type not in policy.line_types.allowed:
        return Reason.LINE_TYPE
    return None


def _too_dear(
    contact: ContactFacts | None, caller: Caller, request: DialRequest, policy: Policy
) -> Reason | None:
    if contact is None:
        return None
    price = policy.tolls.prices.of(contact.region, contact.line_type)
    limit = too_dear(caller.usage, request.usage, price, policy.tolls)
    return None if limit is None else _OF_TOLLS[limit]
