"""Who may call whom, and what a refusal may tell."""

from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rules import (
    Allowance,
    Caller,
    ContactFacts,
    Countries,
    DialRequest,
    Limits,
    LineType,
    LineTypes,
    LockOut,
    OrderFacts,
    Policy,
    Prices,
    Reason,
    Role,
    TimeRange,
    Tolls,
    Untold,
    Usage,
    Verdict,
    WorkingHours,
    decide,
)

ALWAYS = ((TimeRange(0, 24 * 60),),) * 7
NEVER: tuple[tuple[TimeRange, ...], ...] = ((),) * 7

POLICY = Policy(
    limits=Limits(calls_per_hour=10, live_in_all=5),
    tolls=Tolls(
        manager=Allowance(calls=50, minutes=100, spend=Decimal(10)),
        in_all=Allowance(calls=200, minutes=400, spend=Decimal(40)),
        prices=Prices(default=Decimal("0.50"), by_line={("GB", "fixed_line"): Decimal("0.02")}),
    ),
    hours=WorkingHours(ALWAYS, ZoneInfo("Europe/London")),
    countries=Countries(frozenset({"GB"})),
    line_types=LineTypes(),
    lock_out=LockOut(misses=5, within_seconds=600, for_seconds=900),
    refusal_delay_ms=500,
)
CALLER = Caller(
    manager_id=1,
    role=Role.MANAGER,
    disabled=False,
    locked_out=False,
    live_calls=0,
    calls_last_hour=0,
    calls_last_day=0,
    usage=Usage(),
)
CONTACT = ContactFacts(region="GB", line_type="mobile")
OWN_ORDER = OrderFacts(assigned_manager_id=1, contact=CONTACT)
OTHERS_ORDER = OrderFacts(assigned_manager_id=2, contact=CONTACT)
NOBODYS_ORDER = OrderFacts(assigned_manager_id=None, contact=CONTACT)
REQUEST = DialRequest(
    caller=CALLER, order=OWN_ORDER, live_calls=0, usage=Usage(), panic=False, at_ms=1_780_000_000_000
)


def _used(talked_ms: int = 0, spent: Decimal = Decimal(0)) -> DialRequest:
    """A request of a manager with this behind them."""
    return replace(REQUEST, caller=replace(CALLER, usage=Usage(1, talked_ms, spent)))


counts = st.integers(0, 60)
money = st.decimals(0, 60, places=2)
usages = st.builds(Usage, calls=counts, talked_ms=st.integers(0, 4_000_000), spent=money)
allowances = st.builds(
    Allowance, calls=counts, minutes=counts, spend=st.decimals(Decimal("0.01"), 60, places=2)
)
contacts = st.none() | st.builds(
    ContactFacts, region=st.sampled_from(["GB", "US", "RU"]), line_type=st.sampled_from(list(LineType))
)
orders = st.none() | st.builds(
    OrderFacts, assigned_manager_id=st.none() | st.integers(1, 3), contact=contacts
)
callers = st.builds(
    Caller,
    manager_id=st.integers(1, 3),
    role=st.sampled_from(list(Role)),
    disabled=st.booleans(),
    locked_out=st.booleans(),
    live_calls=st.integers(0, 3),
    calls_last_hour=counts,
    calls_last_day=counts,
    usage=usages,
)
requests = st.builds(
    DialRequest,
    caller=st.none() | callers,
    order=orders,
    live_calls=st.integers(0, 8),
    usage=usages,
    panic=st.booleans(),
    at_ms=st.integers(1_700_000_000_000, 1_900_000_000_000),
)
ranges = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda ends: ends[0] != ends[1])
weeks = st.tuples(*[st.lists(ranges.map(lambda ends: TimeRange(*ends)), max_size=2).map(tuple)] * 7)
policies = st.builds(
    Policy,
    limits=st.builds(
        Limits,
        calls_per_hour=counts,
        live_in_all=st.integers(1, 8),
        live_per_manager=st.integers(1, 3),
    ),
    tolls=st.builds(Tolls, manager=allowances, in_all=allowances, prices=st.just(POLICY.tolls.prices)),
    hours=st.builds(WorkingHours, days=weeks, timezone=st.just(ZoneInfo("Europe/London"))),
    countries=st.builds(Countries, allowed=st.frozensets(st.sampled_from(["GB", "US", "RU"]))),
    line_types=st.builds(LineTypes, allowed=st.frozensets(st.sampled_from(list(LineType)))),
    lock_out=st.just(POLICY.lock_out),
    refusal_delay_ms=st.just(500),
)


def test_a_manager_may_call_the_customer_they_serve() -> None:
    verdict = decide(REQUEST, POLICY)
    assert verdict.allowed
    assert verdict.audit_reason == "allowed"


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.OWNER])
@pytest.mark.parametrize("order", [OWN_ORDER, OTHERS_ORDER, NOBODYS_ORDER])
def test_supervisors_and_owners_may_call_every_customer(role: Role, order: OrderFacts) -> None:
    assert decide(replace(REQUEST, caller=replace(CALLER, role=role), order=order), POLICY).allowed


@pytest.mark.parametrize(
    ("request_", "policy", "reason"),
    [
        (replace(REQUEST, caller=None), POLICY, Reason.UNKNOWN_MANAGER),
        (replace(REQUEST, caller=replace(CALLER, disabled=True)), POLICY, Reason.MANAGER_DISABLED),
        (replace(REQUEST, panic=True), POLICY, Reason.PANIC),
        (REQUEST, replace(POLICY, hours=replace(POLICY.hours, days=NEVER)), Reason.OUTSIDE_HOURS),
        (
            replace(REQUEST, order=replace(OWN_ORDER, contact=replace(CONTACT, within_hours=False))),
            POLICY,
            Reason.CONTACT_HOURS,
        ),
        (replace(REQUEST, usage=Usage(calls=200)), POLICY, Reason.DAILY_LIMIT_IN_ALL),
        (_used(talked_ms=100 * 60_000), POLICY, Reason.MINUTES_LIMIT),
        (replace(REQUEST, usage=Usage(talked_ms=400 * 60_000)), POLICY, Reason.MINUTES_LIMIT_IN_ALL),
        (_used(spent=Decimal("9.51")), POLICY, Reason.SPEND_LIMIT),
        (replace(REQUEST, usage=Usage(spent=Decimal("39.51"))), POLICY, Reason.SPEND_LIMIT_IN_ALL),
        (replace(REQUEST, caller=replace(CALLER, calls_last_day=50)), POLICY, Reason.DAILY_LIMIT),
        (replace(REQUEST, caller=replace(CALLER, calls_last_hour=10)), POLICY, Reason.HOURLY_LIMIT),
        (replace(REQUEST, caller=replace(CALLER, live_calls=1)), POLICY, Reason.ALREADY_TALKING),
        (replace(REQUEST, live_calls=5), POLICY, Reason.SYSTEM_FULL),
    ],
)
def test_each_rule_refuses_with_its_own_reason(request_: DialRequest, policy: Policy, reason: Reason) -> None:
    assert decide(request_, policy).reason == reason


def test_the_last_call_below_a_limit_is_allowed() -> None:
    busy = replace(CALLER, calls_last_hour=9, calls_last_day=49)
    assert decide(replace(REQUEST, caller=busy, live_calls=4), POLICY).allowed


def test_premium_rate_and_shared_cost_lines_are_never_called_by_default() -> None:
    assert not LineTypes().allowed & {LineType.PREMIUM_RATE, LineType.SHARED_COST}


NOTHING_TO_CALL = [
    (replace(REQUEST, caller=replace(CALLER, locked_out=True)), Untold.LOCKED_OUT),
    (replace(REQUEST, order=None), Untold.UNKNOWN_CODE),
    (replace(REQUEST, order=OTHERS_ORDER), Untold.NOT_ASSIGNED),
    (replace(REQUEST, order=NOBODYS_ORDER), Untold.NOT_ASSIGNED),
    (replace(REQUEST, order=replace(OWN_ORDER, contact=None)), Untold.NO_CONTACT),
    (replace(REQUEST, order=replace(OWN_ORDER, contact=replace(CONTACT, region="US"))), Untold.COUNTRY),
    (
        replace(REQUEST, order=replace(OWN_ORDER, contact=replace(CONTACT, line_type="premium_rate"))),
        Untold.LINE_TYPE,
    ),
]


@pytest.mark.parametrize(("request_", "untold"), NOTHING_TO_CALL)
def test_the_audit_alone_learns_why_there_is_nothing_to_call(request_: DialRequest, untold: Untold) -> None:
    assert decide(request_, POLICY) == Verdict(Reason.NOT_YOURS, audit_reason=untold.value)


def test_no_way_of_having_nothing_to_call_is_left_out() -> None:
    assert {untold for _, untold in NOTHING_TO_CALL} == set(Untold)


@pytest.mark.parametrize(("request_", "untold"), NOTHING_TO_CALL)
def test_nothing_to_call_is_told_alike_at_night_and_beyond_every_limit_too(
    request_: DialRequest, untold: Untold
) -> None:
    """Else a guess at night would be no miss, and an answer at night would tell of a number."""
    assert request_.caller is not None
    tired = replace(request_.caller, calls_last_day=99, calls_last_hour=99, live_calls=3)
    night = replace(POLICY, hours=replace(POLICY.hours, days=NEVER))
    spent = Usage(999, 999 * 60_000, Decimal(999))
    request = DialRequest(tired, request_.order, 99, usage=spent, panic=True, at_ms=0)
    assert decide(request, night) == decide(request_, POLICY)


@pytest.mark.parametrize(("request_", "untold"), NOTHING_TO_CALL)
def test_only_a_code_that_may_be_guessed_is_a_miss(request_: DialRequest, untold: Untold) -> None:
    guessed = untold in {Untold.UNKNOWN_CODE, Untold.NOT_ASSIGNED}
    assert decide(request_, POLICY).is_miss is guessed


@given(requests, policies, st.none() | st.integers(4, 9), contacts)
def test_a_manager_cannot_tell_somebody_elses_code_from_one_that_does_not_exist(
    request_: DialRequest, policy: Policy, assigned: int | None, contact: ContactFacts | None
) -> None:
    caller = request_.caller and replace(request_.caller, role=Role.MANAGER)
    strangers = OrderFacts(assigned, contact)
    seen = decide(replace(request_, caller=caller, order=strangers), policy)
    unseen = decide(replace(request_, caller=caller, order=None), policy)
    assert seen.reason == unseen.reason


@given(requests, policies)
def test_nobody_who_is_locked_out_or_disabled_learns_anything_of_any_order(
    request_: DialRequest, policy: Policy
) -> None:
    for caller in (None, replace(CALLER, locked_out=True), replace(CALLER, disabled=True)):
        told = decide(replace(request_, caller=caller), policy)
        assert told == decide(replace(request_, caller=caller, order=None), policy)


@given(requests, policies)
def test_only_who_may_call_the_customer_is_ever_allowed(request_: DialRequest, policy: Policy) -> None:
    if decide(request_, policy).allowed:
        assert request_.caller
        assert request_.order
        assert request_.order.assigned_manager_id == request_.caller.manager_id or (
            request_.caller.role is not Role.MANAGER
        )


@given(requests, policies, policies)
def test_loosening_any_rule_never_refuses_more(request_: DialRequest, strict: Policy, other: Policy) -> None:
    loose = _union(strict, other)
    if decide(request_, strict).allowed:
        assert decide(request_, loose).allowed


def _union(one: Policy, two: Policy) -> Policy:
    """A policy that allows all that either allows."""
    pairs = zip(one.hours.days, two.hours.days, strict=True)
    return replace(
        one,
        limits=Limits(
            calls_per_hour=max(one.limits.calls_per_hour, two.limits.calls_per_hour),
            live_in_all=max(one.limits.live_in_all, two.limits.live_in_all),
            live_per_manager=max(one.limits.live_per_manager, two.limits.live_per_manager),
        ),
        tolls=replace(
            one.tolls,
            manager=_larger(one.tolls.manager, two.tolls.manager),
            in_all=_larger(one.tolls.in_all, two.tolls.in_all),
        ),
        hours=replace(one.hours, days=tuple(a + b for a, b in pairs)),
        countries=Countries(one.countries.allowed | two.countries.allowed),
        line_types=LineTypes(one.line_types.allowed | two.line_types.allowed),
    )


def _larger(one: Allowance, two: Allowance) -> Allowance:
    return Allowance(
        calls=max(one.calls, two.calls),
        minutes=max(one.minutes, two.minutes),
        spend=max(one.spend, two.spend),
    )


@given(requests, policies, usages, usages)
def test_more_usage_never_allows_more(
    request_: DialRequest, policy: Policy, managers: Usage, in_all: Usage
) -> None:
    caller = request_.caller
    more = replace(
        request_,
        usage=request_.usage + in_all,
        caller=caller and replace(caller, usage=caller.usage + managers),
    )
    if decide(more, policy).allowed:
        assert decide(request_, policy).allowed


@given(requests, policies)
def test_in_a_panic_nobody_is_allowed_anything(request_: DialRequest, policy: Policy) -> None:
    assert not decide(replace(request_, panic=True), policy).allowed
