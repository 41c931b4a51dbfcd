"""Where the time of calls goes, part by part, from the phone's INVITE to its 200."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchkit.peers import Stamps

_CREATE, _ANSWER = "ARI: channels.create", "ARI: channels.answer"
_ENTERED, _CHANGED = "event: StasisStart", "event: ChannelStateChange"
_ASKED, _LED_ON = "redirect server: a datagram answered", "redirect server: the token leads to the number"


@dataclass(frozen=True)
class Mark:
    """Something that the daemon did, in seconds of the machine's monotonic clock."""

    what: str
    began: float
    ended: float


@dataclass(frozen=True)
class TracedCall:
    """A call as the peers and the daemon saw it; both have the same clock."""

    stamps: Stamps
    marks: Sequence[Mark]

    def first(self, what: str, after: float) -> Mark:
        """Raises StopIteration where there is none."""
        return next(mark for mark in self.marks if mark.what == what and mark.began >= after)

    @property
    def led_on(self) -> float:
        """When it was known whom to call, which may be before anybody asked. Raises StopIteration."""
        return self.first(_LED_ON, self.stamps.asked).began


@dataclass(frozen=True)
class Part:
    """What goes on between two moments, and whose time it is. `until` tells the later one, in seconds."""

    what: str
    whose: str
    until: Callable[[TracedCall, float], float]


PARTS = (
    Part("password, dialplan, into the application", "Asterisk", lambda c, t: c.first(_ENTERED, t).began),
    Part("the call is noted", "daemon", lambda c, t: c.first(_CREATE, t).began),
    Part("the customer's channel is made meanwhile", "Asterisk", lambda c, t: c.first(_ENTERED, t).began),
    Part("it is dialled, as far as the redirect server", "Asterisk", lambda c, t: c.first(_ASKED, t).began),
    Part("waiting for the rules, then for the disk", "database", lambda c, t: max(t, c.led_on)),
    Part("dialling the carrier", "Asterisk", lambda c, _: c.stamps.carrier_invited),
    Part("the carrier answers", "bench", lambda c, _: c.stamps.carrier_answered),
    Part("the answer is told", "Asterisk", lambda c, t: c.first(_CHANGED, t).began),
    Part("what to do about it", "daemon", lambda c, t: c.first(_ANSWER, t).began),
    Part("the manager's leg is answered", "Asterisk", lambda c, _: c.stamps.answered),
)


def medians(calls: Sequence[TracedCall]) -> list[tuple[Part, float]]:
    """Each part with its median, in seconds. A call of which a mark is missing is left out."""
    lasted = [times for call in calls if (times := list(_times(call))) and len(times) == len(PARTS)]
    return [
        (part, statistics.median(times)) for part, times in zip(PARTS, zip(*lasted, strict=True), strict=True)
    ]


def _times(call: TracedCall) -> Iterator[float]:
    """How long each part lasted, up to the first whose end is not marked."""
    at = call.stamps.asked
    for part in PARTS:
        try:
            until = part.until(call, at)
        except StopIteration:
            return
        yield until - at
        at = until
