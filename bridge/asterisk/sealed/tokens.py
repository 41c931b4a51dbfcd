"""What a token is worth: one number at one carrier, to one transaction, for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.asterisk.names import random_letters
from bridge.vault import HiddenNumber

_LENGTH: Final = 30  # 129 bits

_LIFE_SECONDS: Final = 10.0
"""From `issue` to worthlessness. Asterisk sends its INVITE within milliseconds of being told to dial."""

_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom to call, and by which carrier: a SIP URI with {number} in it, None for the trunk's own."""

    number: HiddenNumber
    carrier: str | None


@dataclass(slots=True)
class _Issued:
    destination: Destination
    until: float
    taken_by: str | None = None


def new_token() -> str:
    """One that is worth nothing yet."""
    return random_letters(_LENGTH)


class Tokens:
    """Tokens that have been issued and not run out. Times are seconds of any one monotonic clock."""

    def __init__(self) -> None:
        self._issued: dict[str, _Issued] = {}

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, token: str, number: HiddenNumber, now: float, *, carrier: str | None = None) -> None:
        """Let a new token lead to this number; `carrier` as in `Destination`."""
        self._forget_old(now)
        self._issued[token] = _Issued(Destination(number, carrier), now + _LIFE_SECONDS)

    def take(self, token: str, transaction: str, now: float) -> Destination | None:
        """Where the token leads, for the first transaction that asks, and for its retransmissions.

        None for a token that was never issued, has run out, or belongs to another transaction.
        """
        issued = self._issued.get(token)
        if issued is None or now >= issued.until or issued.taken_by not in (None, transaction):
            return None
        issued.taken_by = transaction
        return issued.destination

    def _forget_old(self, now: float) -> None:
        """All live equally long, so the oldest come first. Beyond `_MOST` the oldest goes in any case."""
        for token, issued in list(self._issued.items()):
            if now < issued.until and len(self._issued) < _MOST:
                return
            del self._issued[token]
