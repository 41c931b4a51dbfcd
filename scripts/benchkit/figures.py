"""Numbers of numbers: percentiles, and medians of blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def median_of_blocks(blocks: Sequence[Sequence[float]], percent: float) -> float:
    """The median of the blocks' percentiles: a block that somebody's cron job hit does not decide."""
    return median(percentile(block, percent) for block in blocks if block)
