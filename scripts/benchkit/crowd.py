"""What calls cost while many others are live, and what a live call holds in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchkit import usage
from benchkit.contenders import COMPARED, Contender
from benchkit.figures import percentile
from benchkit.lag import loop_lag_p99
from benchkit.peers import Ends, Peers, Stamps
from benchkit.site import Site
from benchkit.usage import used, used_within

LIVE = (10, 100, 500, 1000)
_FREE = 1 / 6
"""Of the managers: those who have none of the live calls. By the shipped rules nobody else may dial."""

_IDLE_S = 2.0
"""For what live calls cost by themselves, while none is placed."""


@dataclass(frozen=True)
class Crowd:
    """`live` calls are up, and others are placed and ended beside them.

    `p50` and `p99` are seconds from INVITE to 200, memory is bytes a live call. CPU is seconds for a call
    that is placed, without what the live ones cost meanwhile. `lag_p99` is the daemon's loop's, in seconds;
    None where there is no daemon.
    """

    contender: Contender
    live: int
    p50: float
    p99: float
    asterisk_memory: float
    own_memory: float
    asterisk_cpu: float
    own_cpu: float
    lag_p99: float | None


def measure(
    site: Site, peers: Peers, *, live: Sequence[int], calls: int, progress: Callable[[str], None]
) -> list[Crowd]:
    """Let the calls grow to each of `live`, and measure `calls` more on top. Raises CallFailed."""
    return [
        crowd
        for contender in compared(site, peers)
        for crowd in _grow(site, peers, contender, live, calls, progress)
    ]


def _grow(
    site: Site,
    peers: Peers,
    contender: Contender,
    live: Sequence[int],
    calls: int,
    progress: Callable[[str], None],
) -> Iterator[Crowd]:
    talking, free = parted(site.managers)
    before, own_before = _memory(site, contender)
    for count in live:
        progress(f"{count} live calls: {contender.title}")
        while peers.live < count:
            place(site, peers, contender, next(talking))
        after, own_after = _memory(site, contender)
        idle = used_within(site, contender, _IDLE_S)
        told, begun = contender.metrics(site), used(site, contender)
        times = [timed(site, peers, contender, next(free)) for _ in range(calls)]
        spent = used(site, contender) - begun
        yield Crowd(
            contender,
            count,
            percentile(times, 50),
            percentile(times, 99),
            (after - before) / count,
            (own_after - own_before) / count,
            (spent.asterisk - idle.asterisk * spent.clock) / calls,
            (spent.own - idle.own * spent.clock) / calls,
            loop_lag_p99(contender.metrics(site), told),
        )


def compared(site: Site, peers: Peers) -> Iterator[Contender]:
    """Those that are looked at, one after the other; what calls one leaves are ended before the next."""
    for contender in site.contenders:
        if contender.key in COMPARED:
            yield contender
            peers.hang_up_all()


def parted(managers: Sequence[str]) -> tuple[Iterator[str], Iterator[str]]:
    """The extensions that the live calls go out from, and those of managers who are free, without end."""
    free = max(1, round(len(managers) * _FREE))
    return itertools.cycle(managers[:-free]), itertools.cycle(managers[-free:])


def place(site: Site, peers: Peers, contender: Contender, extension: str, ends: Ends | None = None) -> Stamps:
    """Place one more call, which stays up. Raises CallFailed."""
    return peers.call(extension, contender.prefix + site.code_of(extension), ends)


def timed(site: Site, peers: Peers, contender: Contender, extension: str) -> float:
    """Place a call and end it; seconds from INVITE to 200. Raises CallFailed."""
    stamps = place(site, peers, contender, extension)
    peers.settle()
    peers.hang_up_last()
    return stamps.answered - stamps.asked


def _memory(site: Site, contender: Contender) -> tuple[int, int]:
    own = sum(usage.resident(process) for process in contender.processes(site))
    return usage.resident(site.asterisk), own
