"""What was found, as JSON values and as lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from bridge.doctor.checks import BY_ID
from bridge.doctor.conf import is_generated
from bridge.doctor.model import Change, Check, Facts, Finding
from bridge.doctor.patch import custom_file

PAGE = "docs/doctor.md"


class UnknownCheck(Exception):
    """There is no check with the id that was asked for."""


def check_of(check_id: str) -> Check:
    """Raises UnknownCheck."""
    if check_id not in BY_ID:
        near = difflib.get_close_matches(check_id, BY_ID, n=1)
        hint = f"did you mean {near[0]}?" if near else f"{PAGE} lists them all."
        raise UnknownCheck(f"There is no check called so; {hint}")
    return BY_ID[check_id]


def advice(finding: Finding) -> str:
    """The exact line to write, and where; or in words what to do."""
    change = finding.spot.change
    return finding.check.remedy if change is None else _advice(change)


def _advice(change: Change) -> str:
    lines = " / ".join(change.lines)
    if is_generated(change.place.path):
        return f"in {custom_file(change.place.path)}, under {change.section or 'no section'}: {lines}"
    if not change.place.path.exists():
        return f"make the file with: {lines}"
    return f"{'add' if change.insert else 'change it to'}: {lines}"


def anchor(check: Check) -> str:
    return f"{PAGE}#{check.id}"


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [_as_json(finding) for finding in findings]


def _as_json(finding: Finding) -> dict[str, Any]:
    check, spot = finding.check, finding.spot
    return {
        "id": check.id,
        "gravity": check.gravity.word,
        "meaning": check.meaning,
        "what": spot.what,
        "file": str(spot.place.path) if spot.place else None,
        "line": (spot.place.line or None) if spot.place else None,
        "change": list(spot.change.lines) if spot.change else None,
        "advice": advice(finding),
        "page": anchor(check),
    }


def unasked(facts: Facts) -> str | None:
    """What was not looked at, to be said so that silence isn't taken for health."""
    if facts.ari is None and facts.ari_trouble is None:
        return "Asterisk and the daemon were not asked: only files were looked at."
    return None
