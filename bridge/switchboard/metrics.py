"""What is counted. No label holds anything of a person's, and each has a fixed set of values."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

live_calls = Gauge("callbridge_live_calls", "Calls in progress, refusals being told included")
calls = Counter("callbridge_calls", "Calls that have ended, by result", ["result"])
refusals = Counter("callbridge_refusals", "Calls refused, by reason", ["reason"])
strays = Counter("callbridge_stray_channels", "Channels hung up for not being a manager's call", ["reason"])
late_events = Counter("callbridge_late_events", "Events that came too late, twice, or out of turn")
link_up = Gauge("callbridge_ari_link", "1 while events arrive from Asterisk")
carrier_up = Gauge("callbridge_carrier_up", "0 while the carrier is known not to answer")
sealed = Gauge("callbridge_sealed", "1 while there is no key, and nothing can be dialled")
backlog = Gauge("callbridge_ledger_backlog", "Entries about calls that are not on disk yet")
panic = Gauge("callbridge_panic", "1 while somebody has stopped all calls")
toll_usage = Gauge(
    "callbridge_toll_usage_ratio",
    "How much of a day's limit is used: of all managers together, or of the one nearest to it",
    ["limit"],
)
tasks = Gauge("callbridge_tasks", "asyncio tasks of the daemon")
