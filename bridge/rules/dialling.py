"""May this manager call the customer of this order, now?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.rules.hours import within_hours
from bridge.rules.policy import Policy
from bridge.rules.tolls import TollLimit, Usage, no_minutes_left, too_dear

LAST_PLACE: Final = 9
"""Of a customer's contacts, in the order of trying, those up to this place have a code of their own."""


def dialled_as(code: str, place: int | None) -> str | None:
    """What is dialled, behind the prefix, for an order's contact in this place; None where nothing is."""
    if place is None or place > LAST_PLACE:
        return None
    return code if place == 1 else f"{code}*{place}"


class Role(StrEnum):
    """What a manager is to the shop. Supervisors and owners may call every customer."""

    MANAGER = "manager"
    SUPERVISOR = "supervisor"
    OWNER = "owner"


class Reason(StrEnum):
    """Why a call is refused, as far as the manager may know."""

    UNKNOWN_MANAGER = "unknown_manager"
    MANAGER_DISABLED = "manager_disabled"
    NOT_YOURS = "not_yours"  # there is nothing for you to call under this code: `Untold` says why, to others
    DO_NOT_CALL = (
        "do_not_call"  # the customer has asked not to be called: told to whoever may know of the order
    )
    PANIC = "panic"  # somebody has stopped all calls until they say otherwise
    OUTSIDE_HOURS = "outside_hours"
    CONTACT_HOURS = "contact_hours"  # at this number, the customer is called at another time of day
    DAILY_LIMIT = "daily_limit"
    DAILY_LIMIT_IN_ALL = "daily_limit_in_all"
    MINUTES_LIMIT = "minutes_limit"
    MINUTES_LIMIT_IN_ALL = "minutes_limit_in_all"
    SPEND_LIMIT = "spend_limit"
    SPEND_LIMIT_IN_ALL = "spend_limit_in_all"
    HOURLY_LIMIT = "hourly_limit"
    ALREADY_TALKING = "already_talking"
    SYSTEM_FULL = "system_full"
    # Never of `decide`, but of calls that it has allowed:
    SEALED = "sealed"  # the vault can't open the number
    STOPPING = "stopping"  # the daemon is about to end


class Untold(StrEnum):
    """Why a code is answered with NOT_YOURS: for the audit and the log. All of them are told alike."""

    LOCKED_OUT = "locked_out"
    UNKNOWN_CODE = "unknown_code"
    NOT_ASSIGNED = "not_assigned"
    NO_CONTACT = "no_contact"
    COUNTRY = "country"
    LINE_TYPE = "line_type"


MISSES: Final = frozenset({Untold.UNKNOWN_CODE, Untold.NOT_ASSIGNED})
"""Reasons that a code which was guessed would have."""

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
    """What the rules may know of a number: not the number. `within_hours`: it may be called at this hour."""

    region: str
    line_type: str
    within_hours: bool = True


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The dialled order: who serves its customer, and the contact to call. None: nobody, nothing.

    `do_not_call`: the customer has asked not to be called.
    """

    assigned_manager_id: int | None
    contact: ContactFacts | None
    do_not_call: bool = False


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

    @property
    def is_miss(self) -> bool:
        """Whether the code may have been a guess: misses lead to a lock-out."""
        return self.audit_reason in MISSES


def decide(request: DialRequest, policy: Policy) -> Verdict:
    """Allow or refuse a call. The order of the checks is itself a rule, for a refusal is an answer too.

    1. Who dials. A disabled manager and a stranger learn that, whatever they dial.
    2. Locked out. Before any order is looked at: whoever has guessed too often gets one answer for
       every code, their own included, or they would go on guessing.
    3. Is it theirs to know of. A code that does not exist and somebody else's end here alike, so no
       later reason can ever tell about such an order. And it comes before hours and limits, so guesses at
       night or beyond the limit are misses like all others.
    4. Has the customer asked not to be called. Whoever may know of the order is told so, and dials no more.
    5. Is there a contact to call. If not, the answer is that of 2 and 3 once more, at any hour: whatever is
       wrong with a number is a fact about the number. But it is no miss, for the manager did not guess.
    6. Panic, hours and limits, which are about the caller and the shop.
    7. What a minute with this customer costs comes last: only whoever may call them at all learns that it is
       more than is left to spend.
    """
    caller, order = request.caller, request.order
    if caller is None:
        return _refused(Reason.UNKNOWN_MANAGER)
    if caller.disabled:
        return _refused(Reason.MANAGER_DISABLED)
    if (untold := _nothing_to_call(caller, order, policy)) is not None:
        return Verdict(Reason.NOT_YOURS, audit_reason=untold.value)
    reason = (
        _unwanted(order)
        or _stopped(request)
        or _bad_moment(request.at_ms, policy)
        or _bad_moment_there(order)
        or _limit_reached(caller, request, policy)
        or _too_dear(caller, request, policy)
    )
    return _refused(reason) if reason else Verdict(None, audit_reason="allowed")


def _refused(reason: Reason) -> Verdict:
    return Verdict(reason, audit_reason=reason.value)


def _nothing_to_call(caller: Caller, order: OrderFacts | None, policy: Policy) -> Untold | None:
    if caller.locked_out:
        return Untold.LOCKED_OUT
    if order is None:
        return Untold.UNKNOWN_CODE
    if not _may_know_of(order, caller):
        return Untold.NOT_ASSIGNED
    return None if order.do_not_call else _unfit_contact(order.contact, policy)


def _may_know_of(order: OrderFacts, caller: Caller) -> bool:
    """An order can be dialled by its customer's manager, and by supervisors and owners."""
    return caller.role in {Role.SUPERVISOR, Role.OWNER} or order.assigned_manager_id == caller.manager_id


def _unwanted(order: OrderFacts | None) -> Reason | None:
    return Reason.DO_NOT_CALL if order is not None and order.do_not_call else None


def _stopped(request: DialRequest) -> Reason | None:
    return Reason.PANIC if request.panic else None


def _bad_moment(at_ms: int, policy: Policy) -> Reason | None:
    both = (policy.hours, policy.own_hours)
    is_good = all(within_hours(at_ms, hours) for hours in both if hours is not None)
    return None if is_good else Reason.OUTSIDE_HOURS


def _bad_moment_there(order: OrderFacts | None) -> Reason | None:
    """No limit is told before it: at another hour it is another one, if any."""
    contact = order.contact if order is not None else None
    return Reason.CONTACT_HOURS if contact is not None and not contact.within_hours else None


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


def _unfit_contact(contact: ContactFacts | None, policy: Policy) -> Untold | None:
    if contact is None:
        return Untold.NO_CONTACT
    if contact.region not in policy.countries.allowed:
        return Untold.COUNTRY
    if contact.line_type not in policy.line_types.allowed:
        return Untold.LINE_TYPE
    return None


def _too_dear(caller: Caller, request: DialRequest, policy: Policy) -> Reason | None:
    if request.order is None or request.order.contact is None:
        return None
    contact = request.order.contact
    price = policy.tolls.prices.of(contact.region, contact.line_type)
    limit = too_dear(caller.usage, request.usage, price, policy.tolls)
    return None if limit is None else _OF_TOLLS[limit]
