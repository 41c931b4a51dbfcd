"""What is counted. No label holds anything of a person's, and each has a fixed set of values.

All of them are there from the start, with 0: Prometheus sees a counter's first step only if it has seen the
counter before (https://prometheus.io/docs/practices/instrumentation/#avoid-missing-metrics).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from bridge.asterisk.happenings import StrayReason
from bridge.calls.capture import Outcome
from bridge.calls.model import Result
from bridge.rules import Reason, TollLimit
from bridge.rules.callbacks import NotRung


class SetupStep(StrEnum):
    """A part of a call's set-up that machines take their time over, and no person."""

    DECIDE = "decide"
    """The rules are asked."""
    CREATE = "create"
    """Asterisk makes the customer's channel, and beside that the call goes on record."""
    RING = "ring"
    """From dialling until the carrier says that the phone rings: the post-dial delay of ITU-T E.721."""
    JOIN = "join"
    """From the customer's answer until both legs are in the bridge."""


class ProgramAnswer(StrEnum):
    """What a program's request came to at the API for integrators."""

    DONE = "done"
    REFUSED = "refused"
    NO_TOKEN = "no-token"  # noqa: S105 - a word for the lack of one
    TOO_FAST = "too-fast"
    FAILED = "failed"


class ShopOutcome(StrEnum):
    """What came of an order that a shop has brought, or of what it sent in place of one."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """A part of it can't be taken: it has no number that can be dialled, say."""
    NOT_SIGNED = "not-signed"
    UNREADABLE = "unreadable"


class HookAnswer(StrEnum):
    """What came of an attempt to tell a webhook something."""

    ARRIVED = "arrived"
    REFUSED = "refused"
    """Answered with an error."""
    REDIRECTED = "redirected"
    GONE = "gone"
    """410: nothing is wanted there any more."""
    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"
    """No such name, no connection, no certificate that holds, no HTTP."""
    FORBIDDEN = "forbidden"
    """An address that nothing is sent to."""


class PullAnswer(StrEnum):
    """What came of asking a shop for its orders."""

    ARRIVED = "arrived"
    WRONG_LOGIN = "wrong-login"
    NOT_THERE = "not-there"
    REDIRECTED = "redirected"
    BUSY = "busy"
    """It says itself to come again later."""
    FAILED = "failed"
    REFUSED = "refused"
    """Answered with another error."""
    UNREADABLE = "unreadable"
    NOT_HEEDED = "not-heeded"
    """It leaves out of account what it was asked for."""
    REPEATS = "repeats"
    """Its pages come again and again, or never end."""
    TOO_LARGE = "too-large"
    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"
    """No such name, no connection, no certificate that holds, no HTTP."""
    FORBIDDEN = "forbidden"
    """An address that nothing is asked of."""
    NO_PLUGIN = "no-plugin"
    """None that is installed can ask this kind of shop."""
    SEAL_BROKEN = "seal-broken"


class TextAnswer(StrEnum):
    """What came of an attempt to hand a text message to the gateway, in the gateway's own words."""

    SENT = "sent"
    REFUSED = "refused"
    LATER = "later"
    UNSURE = "unsure"


class TextOutcome(StrEnum):
    """What became of a text message."""

    SENT = "sent"
    FAILED = "failed"


class AgiCommand(StrEnum):
    """What a dialplan of the shop's own may ask for by FastAGI."""

    ORDER = "order"
    TOKEN = "token"  # noqa: S105 - a word of the dialplan's
    RESULT = "result"
    CALLER = "caller"
    DIAL = "dial"
    CAPTURE = "capture"
    UNKNOWN = "unknown"
    """No such command, or nothing that could be read."""


class AgiOutcome(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    """The rules, or what is known of who calls, say no."""
    FAILED = "failed"
    """The database, Asterisk or the carrier did not do its part."""
    TURNED_AWAY = "turned-away"
    """Not answered: no known peer, no request, or not what Asterisk is carrying out."""


DATABASE: Final = "database"
"""The reason of a refusal that no rule has made."""

live_calls = Gauge("callbridge_live_calls", "Calls in progress, refusals being told included")
live_calls_limit = Gauge("callbridge_live_calls_limit", "calls.max_live: beyond it calls are refused")
conversations = Gauge("callbridge_conversations", "Calls in which manager and customer are talking")
calls = Counter("callbridge_calls", "Calls that have ended, by result", ["result"])
refusals = Counter("callbridge_refusals", "Calls refused, by reason", ["reason"])
callers_not_rung = Counter(
    "callbridge_callers_not_rung", "Customers' calls for which no manager was rung, by reason", ["reason"]
)
captures = Counter(
    "callbridge_captures", "Numbers that customers were asked to key in, by what came of it", ["outcome"]
)
agi_requests = Counter("callbridge_agi_requests", "Requests of dialplans by FastAGI", ["command", "outcome"])
strays = Counter("callbridge_stray_channels", "Channels hung up for not being a manager's call", ["reason"])
setup = Histogram(
    "callbridge_setup_seconds",
    "How long each step of a call's set-up took that machines, not people, take",
    ["step"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
lock_outs = Counter("callbridge_lock_outs", "Managers locked out for trying codes that are not theirs")
sign_in_failures = Counter("callbridge_sign_in_failures", "Wrong passwords, codes and links at the desk")
program_requests = Counter(
    "callbridge_program_requests", "Requests to the API for integrators, by what they came to", ["answer"]
)
shop_orders = Counter(
    "callbridge_shop_orders", "Orders that shops have brought, by what came of them", ["outcome"]
)
shop_pulls = Counter(
    "callbridge_shop_pulls", "Requests to shops for their orders, by what came of them", ["answer"]
)
shops_failing = Gauge("callbridge_shops_failing", "Shops that are asked for their orders, and give none")
webhook_attempts = Counter(
    "callbridge_webhook_attempts", "Attempts to tell webhooks something, by what came of them", ["answer"]
)
webhook_backlog = Gauge("callbridge_webhook_backlog", "What webhooks are to be told, and have not been yet")
webhook_given_up = Counter("callbridge_webhook_given_up", "What webhooks were not told, and are not any more")
text_attempts = Counter(
    "callbridge_text_attempts",
    "Attempts to hand text messages over, by what came of them",
    ["answer"],
)
texts = Counter("callbridge_texts", "Text messages to customers, by what became of them", ["outcome"])
late_events = Counter("callbridge_late_events", "Events that came too late, twice, or out of turn")
link_up = Gauge("callbridge_ari_link", "1 while events arrive from Asterisk")
ami_link = Gauge("callbridge_ami_link", "1 while AMI tells whose phone is there, 0 also where it is off")
sip_attacks = Counter(
    "callbridge_sip_attacks", "Wrong passwords and unknown names at Asterisk, as AMI tells of them"
)
spans_dropped = Counter("callbridge_spans_dropped", "Spans of calls' traces that no collector has taken")
carrier_up = Gauge("callbridge_carrier_up", "0 while the carrier is known not to answer")
sealed = Gauge("callbridge_sealed", "1 while there is no key, and nothing can be dialled")
working_hours = Gauge("callbridge_working_hours", "1 while customers may be called, by rules.working_hours")
commits = Histogram(
    "callbridge_commit_seconds",
    "How long the database took to have something on disk, waiting for its turn included",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
)
backlog = Gauge("callbridge_ledger_backlog", "Entries about calls that are not on disk yet")
panic = Gauge("callbridge_panic", "1 while somebody has stopped all calls")
toll_usage = Gauge(
    "callbridge_toll_usage_ratio",
    "How much of a day's limit is used: of all managers together, or of the one nearest to it",
    ["limit"],
)
config_loaded = Gauge(
    "callbridge_config_reload_success",
    "1 while the configuration that was last read is the one in use, 0 after a reload that was refused",
)
tasks = Gauge("callbridge_tasks", "asyncio tasks of the daemon")
loop_lag = Histogram(
    "callbridge_loop_lag_seconds",
    "How late the daemon's event loop wakes up, looked at four times a second",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1),
)


def _show_zeros() -> None:
    for labelled, values in (
        (calls, [result for result in Result if result is not Result.REFUSED]),
        (refusals, [*Reason, DATABASE]),
        (callers_not_rung, list(NotRung)),
        (captures, list(Outcome)),
        (strays, list(StrayReason)),
        (toll_usage, list(TollLimit)),
        (setup, list(SetupStep)),
        (program_requests, list(ProgramAnswer)),
        (shop_orders, list(ShopOutcome)),
        (shop_pulls, list(PullAnswer)),
        (webhook_attempts, list(HookAnswer)),
        (text_attempts, list(TextAnswer)),
        (texts, list(TextOutcome)),
    ):
        for value in values:
            labelled.labels(str(value))
    for command in AgiCommand:
        for outcome in AgiOutcome:
            agi_requests.labels(command.value, outcome.value)


_show_zeros()
