"""When a shop is asked for its orders again, and for those since when."""

from __future__ import annotations

from typing import Final

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND

OVERLAP_MS: Final = 2 * _MINUTE
"""What is read again: an order is told once its shop has committed it, which may be after a later one."""

REST_MS: Final = 10 * _SECOND
"""Between turns at a shop that has more: InSales takes 500 requests in five minutes, whoever makes them."""

LONGEST_PAUSE_MS: Final = 30 * _MINUTE
LONGEST_ASKED_FOR_MS: Final = 60 * _MINUTE
"""Of a shop that says itself when to come again."""


def pause_ms(every_ms: int, failures: int, wanted_ms: int | None) -> int:
    """How long until a shop is asked again that has failed so many times in a row.

    `wanted_ms`: what it has asked for itself, if anything.
    """
    doubled = min(every_ms << min(failures, 16), max(LONGEST_PAUSE_MS, every_ms))
    return max(doubled, min(wanted_ms or 0, LONGEST_ASKED_FOR_MS))


def seen_ms(changed_ms: int | None, now_ms: int) -> int | None:
    """When an order was changed, by its shop's clock; but not later than now, by ours.

    One that was dated into the future would outlast all that is true of it until then.
    """
    return None if changed_ms is None else min(changed_ms, now_ms)


def next_since_ms(since_ms: int, newest_ms: int | None) -> int:
    """From when on a shop is asked next, as all was read that changed up to `newest_ms`. Never backwards."""
    return since_ms if newest_ms is None else max(since_ms, newest_ms - OVERLAP_MS)
