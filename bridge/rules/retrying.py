"""When something that did not arrive is sent again, and when it is given up."""

from __future__ import annotations

from typing import Final

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE

PAUSES_MS: Final = (
    5 * _SECOND,
    30 * _SECOND,
    2 * _MINUTE,
    10 * _MINUTE,
    30 * _MINUTE,
    *(hours * _HOUR for hours in (1, 2, 5, 10, 14, 20, 24)),
)
"""After the first attempt, the second and so on: three days in all, so a weekend is outlasted."""

_JITTER: Final = 0.2


def pause_ms(attempts: int, chance: float) -> int | None:
    """How long to wait after so many attempts; None: no more.

    `chance`, from 0 to 1, spreads what failed together, so that it does not come back together.
    """
    if attempts > len(PAUSES_MS):
        return None
    return round(PAUSES_MS[attempts - 1] * (1 + _JITTER * (2 * chance - 1)))
