"""How late a daemon's event loop was, by its own count."""

from __future__ import annotations

import re

_BUCKET = re.compile(r'^callbridge_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


def loop_lag_p99(metrics: str, before: str = "") -> float | None:
    """The upper bound of the bucket that has the 99th percentile, in seconds; None where nothing was counted.

    Both are what `/metrics` has said; with `before`, only what has come since is looked at.
    """
    counted = dict(_BUCKET.findall(before))
    counts = [
        (float(bound), float(count) - float(counted.get(bound, 0)))
        for bound, count in _BUCKET.findall(metrics)
    ]
    if not counts or not counts[-1][1]:
        return None
    return next(bound for bound, count in counts if count >= 0.99 * counts[-1][1])
