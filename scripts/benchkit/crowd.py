"""What calls cost while many others are live, and what a live call holds in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchkit import usage
from benchkit.contenders import Contender
from benchkit.figures import percentile
from benchkit.peers import Peers
from benchkit.site import Site

LIVE = (10, 100, 500, 1000)
COMPARED = ("a", "g", "G")
"""Keys of the contenders that are looked at: the floor, and call-bridge."""


@dataclass(frozen=True)
class Crowd:
    """`live` calls are up. Times are seconds from INVITE to 200, memory is bytes a live call."""

    contender: Contender
    live: int
    p50: float
    p99: float
    asterisk_memory: float
    own_memory: float


def measure(
    site: Site, peers: Peers, *, live: Sequence[int], calls: int, progress: Callable[[str], None]
) -> list[Crowd]:
    """Let the calls grow to each of `live`, and measure `calls` more on top. Raises CallFailed."""
    found = []
    for contender in site.contenders:
        if contender.key not in COMPARED:
            continue
        found += _grow(site, peers, contender, live, calls, progress)
        peers.hang_up_all()
    return found


def _grow(
    site: Site,
    peers: Peers,
    contender: Contender,
    live: Sequence[int],
    calls: int,
    progress: Callable[[str], None],
) -> list[Crowd]:
    extensions = itertools.cycle(site.managers)
    before, own_before = _memory(site, contender)
    found = []
    for count in live:
        progress(f"{count} live calls: {contender.title}")
        while peers.live < count:
            timed(site, peers, contender, next(extensions))
        after, own_after = _memory(site, contender)
        times = [timed(site, peers, contender, next(extensions)) for _ in range(calls)]
        found.append(
            Crowd(
                contender,
                count,
                percentile(times, 50),
                percentile(times, 99),
                (after - before) / count,
                (own_after - own_before) / count,
            )
        )
    return found


def timed(site: Site, peers: Peers, contender: Contender, extension: str) -> float:
    """Place one more call; seconds from INVITE to 200. Raises CallFailed."""
    stamps = peers.call(extension, contender.prefix + site.code_of(extension))
    peers.settle()
    return stamps.answered - stamps.asked


def _memory(site: Site, contender: Contender) -> tuple[int, int]:
    own = sum(usage.resident(process) for process in contender.processes(site))
    return usage.resident(site.asterisk), own
