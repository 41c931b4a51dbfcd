"""What a token is worth: one number, to one transaction, for a few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.asterisk.names import random_letters
from bridge.vault import HiddenNumber

_LENGTH: Final = 30  # 129 bits

_LIFE_SECONDS: Final = 10.0
"""From `issue` to worthlessness. Asterisk sends its INVITE within milliseconds of being told to dial."""

_MOST: Final = 10_000


@dataclass(slots=True)
class _Issued:
    number: HiddenNumber
    until: float
    taken_by: str | None = None


class Tokens:
    """Tokens that have been issued and not run out. Times are seconds of any one monotonic clock."""

    def __init__(self) -> None:
        self._issued: dict[str, _Issued] = {}

    def __len__(self) -> int:
        return len(self._issued)

    def issue(self, number: HiddenNumber, now: float) -> str:
        """A new token for this number."""
        self._forget_old(now)
        token = random_letters(_LENGTH)
        self._issued[token] = _Issued(number, now + _LIFE_SECONDS)
        return token

    def take(self, token: str, transaction: str, now: float) -> HiddenNumber | None:
        """The token's number, for the first transaction that asks, and for its retransmissions.

        None for a token that was never issued, has run out, or belongs to another transaction.
        """
        issued = self._issued.get(token)
        if issued is None or now >= issued.until or issued.taken_by not in (None, transaction):
            return None
        issued.taken_by = transaction
        return issued.number

    def _forget_old(self, now: float) -> None:
        """All live equally long, so the oldest come first. Beyond `_MOST` the oldest goes in any case."""
        for token, issued in list(self._issued.items()):
            if now < issued.until and len(self._issued) < _MOST:
                return
            del self._issued[token]
