"""What the running calls have come to, all together, without a look at each of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from heapq import heappop, heappush

from bridge.rules.tolls import MINUTE_MS, started_minutes


@dataclass(slots=True)
class _Talk:
    answered_ms: int
    price: Decimal
    minutes: int = 0
    """Started so far, and paid."""
    next_ms: int = 0
    """When something of it changes that is not the time's even passing."""
    counts: bool = False
    """Whether its time passes now."""


class TalkMeter:
    """Times are milliseconds since the epoch, UTC; they never go back.

    No call counts as longer than `longest_ms`. Each call is looked at when its next minute begins, and
    otherwise not at all: the time that all have talked is told by how many there are.
    """

    def __init__(self, longest_ms: int) -> None:
        self._longest_ms = longest_ms
        self._now_ms = 0
        self._talks: dict[str, _Talk] = {}
        self._changes: list[tuple[int, str]] = []
        """A heap: when, and of which call. It is left in there when it ends, for a minute at most."""
        self._counting = 0
        self._answered_ms_in_all = 0
        """Summed up over those whose time passes."""
        self._full_ms = 0
        """Of those that are as long as calls can be."""
        self._spent = Decimal(0)

    def begin(self, call_id: str, answered_ms: int, price: Decimal) -> None:
        """A call that is not there yet talks from then on."""
        self._talks[call_id] = talk = _Talk(answered_ms, price)
        self._plan(call_id, talk, answered_ms)

    def end(self, call_id: str) -> None:
        """Leave a call out. One that is not there changes nothing."""
        talk = self._talks.pop(call_id, None)
        if talk is None:
            return
        self._spent -= talk.minutes * talk.price
        if talk.counts:
            self._count(talk, -1)
        elif talk.minutes:
            self._full_ms -= self._longest_ms

    def read(self, now_ms: int) -> tuple[int, Decimal]:
        """How long all have talked, in milliseconds, and what was spent for it."""
        self._now_ms = max(self._now_ms, now_ms)
        while self._changes and self._changes[0][0] <= self._now_ms:
            at_ms, call_id = heappop(self._changes)
            talk = self._talks.get(call_id)
            if talk is not None and talk.next_ms == at_ms:
                self._change(call_id, talk)
        talked_ms = self._counting * self._now_ms - self._answered_ms_in_all + self._full_ms
        return talked_ms, self._spent

    def _change(self, call_id: str, talk: _Talk) -> None:
        lasted_ms = min(self._now_ms - talk.answered_ms, self._longest_ms)
        minutes = started_minutes(lasted_ms)
        self._spent += (minutes - talk.minutes) * talk.price
        talk.minutes = minutes
        if lasted_ms < self._longest_ms:
            if not talk.counts:
                self._count(talk, 1)
            next_ms = min(minutes * MINUTE_MS + 1, self._longest_ms)
            self._plan(call_id, talk, talk.answered_ms + next_ms)
            return
        if talk.counts:
            self._count(talk, -1)
        self._full_ms += self._longest_ms

    def _plan(self, call_id: str, talk: _Talk, at_ms: int) -> None:
        talk.next_ms = at_ms
        heappush(self._changes, (at_ms, call_id))

    def _count(self, talk: _Talk, by: int) -> None:
        talk.counts = by > 0
        self._counting += by
        self._answered_ms_in_all += by * talk.answered_ms
