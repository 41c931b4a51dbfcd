"""Runs the checks."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.doctor.checks import CHECKS
from bridge.doctor.checks.files import SIGHT
from bridge.doctor.model import Facts, Finding, Gravity, Spot


def examine(facts: Facts) -> list[Finding]:
    """What is found, the gravest first; a line that several endpoints inherit is told once.

    Where Asterisk's files can't be read, that alone is told.
    """
    blind = [Finding(check, spot) for check in SIGHT for spot in check.look(facts)]
    if blind:  # what can't be seen would be taken for missing
        return blind
    found = [Finding(check, spot) for check in CHECKS for spot in _distinct(check.look(facts))]
    return sorted(found, key=lambda finding: -finding.check.gravity)


def worst(findings: Iterable[Finding]) -> Gravity | None:
    return max((finding.check.gravity for finding in findings), default=None)


def _distinct(spots: Iterable[Spot]) -> list[Spot]:
    """A template's line is wrong for each of its endpoints; it is one line to change all the same."""
    kept: dict[object, Spot] = {}
    for spot in spots:
        key = (spot.place, spot.change.lines) if spot.change else (spot.place, spot.what)
        kept.setdefault(key, spot)
    return list(kept.values())
