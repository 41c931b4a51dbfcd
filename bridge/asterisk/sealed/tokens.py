"""What a token is worth: one number at one carrier, to one transaction, for a few seconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bridge.asterisk.names import random_letters
from bridge.vault import HiddenNumber

_LENGTH: Final = 30  # 129 bits

_LIFE_SECONDS: Final = 10.0
"""From `reserve`, and from `issue`, to worthlessness. Asterisk sends its INVITE within milliseconds of being
told to dial."""

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom to call, and by which carrier: a SIP URI with {number} in it, None for the trunk's own."""

    number: HiddenNumber
    carrier: str | None


class Lead(Enum):
    """Where a token leads, but for a destination."""

    NOT_KNOWN_YET = auto()
    NOWHERE = auto()
    """It was ours, and there is nobody whom it leads to."""


@dataclass(slots=True)
class _Kept:
    leads_to: Destination | Lead
    until: float
    taken_by: str | None = None


class Tokens:
    """Tokens that were made and have not run out. Times are seconds of any one monotonic clock."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def reserve(self, now: float) -> str:
        """A new one, that leads nowhere yet."""
        self._forget_old(now)
        token = random_letters(_LENGTH)
        self._kept[token] = _Kept(Lead.NOT_KNOWN_YET, now + _LIFE_SECONDS)
        return token

    def issue(self, token: str, number: HiddenNumber, now: float, *, carrier: str | None = None) -> None:
        """Let a token that was reserved lead to this number; `carrier` as in `Destination`."""
        before = self._kept.pop(token, None)
        self._forget_old(now)
        taken_by = None if before is None else before.taken_by
        self._kept[token] = _Kept(Destination(number, carrier), now + _LIFE_SECONDS, taken_by)

    def void(self, token: str) -> None:
        """Let it lead nowhere for good."""
        if (kept := self._kept.get(token)) is not None:
            kept.leads_to = Lead.NOWHERE

    def is_reserved(self, token: str) -> bool:
        """Whether it is still to be issued."""
        kept = self._kept.get(token)
        return kept is not None and kept.leads_to is Lead.NOT_KNOWN_YET

    def take(self, token: str, transaction: str, now: float) -> Destination | Lead | None:
        """Where the token leads, for the first transaction that asks, and for its retransmissions.

        None for a token that was never reserved, has run out, or belongs to another transaction.
        """
        kept = self._kept.get(token)
        if kept is None or now >= kept.until or kept.taken_by not in (None, transaction):
            return None
        kept.taken_by = transaction
        return kept.leads_to

    def _forget_old(self, now: float) -> None:
        """All live equally long, so the oldest come first. Beyond `_MOST` the oldest goes in any case."""
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if now < oldest.until and len(self._kept) < _MOST:
                return
            self._kept.popitem(last=False)
