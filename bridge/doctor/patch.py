"""A patch of what was found, to be read by a person and then applied, or not: nothing is edited here.

The diff has no lines of context, since a password may stand beside a wrong setting; `patch -p0` takes it so.
Files that a program writes are left alone: what should change in them is told with the file to use instead.
"""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.doctor.conf import is_generated
from bridge.doctor.model import Change, Finding

_FREEPBX_PJSIP: Final = re.compile(r"(pjsip\.[a-z_]+)\.conf")
_FREEPBX_OTHER: Final = re.compile(r"(.+)_additional\.conf")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Lines for a file that is written by hand, since the wrong ones are in a generated one."""

    generated: Path
    file: str
    lines: tuple[str, ...]


def custom_file(generated: Path) -> str:
    """Where FreePBX lets people write what its own file should have been."""
    name = generated.name
    if match := _FREEPBX_PJSIP.fullmatch(name):
        return f"{match[1]}_custom_post.conf"
    if match := _FREEPBX_OTHER.fullmatch(name):
        return f"{match[1]}_custom.conf"
    return f"the settings of the program that writes {name}"


def patch_of(findings: Iterable[Finding]) -> str:
    """A unified diff against files written by hand; empty where nothing can be proposed."""
    by_file: dict[Path, list[Change]] = defaultdict(list)
    for change in _changes(findings):
        if not is_generated(change.place.path):
            by_file[change.place.path].append(change)
    return "".join(_diff(path, changes) for path, changes in sorted(by_file.items()))


def elsewhere(findings: Iterable[Finding]) -> list[Elsewhere]:
    """What to write by hand, and where, instead of changing generated files."""
    return [
        Elsewhere(
            change.place.path,
            custom_file(change.place.path),
            (change.section, *change.lines) if change.section else change.lines,
        )
        for change in _changes(findings)
        if is_generated(change.place.path)
    ]


def _changes(findings: Iterable[Finding]) -> list[Change]:
    return list(dict.fromkeys(each.spot.change for each in findings if each.spot.change is not None))


def _diff(path: Path, changes: list[Change]) -> str:
    old = _lines(path)
    new = _changed(old, changes)
    name = str(path) if path.exists() else "/dev/null"
    return "".join(difflib.unified_diff(old, new, name, str(path), n=0))


def _lines(path: Path) -> list[str]:
    """The lines with their ends; a last line that lacks one gets it, as a diff has no other way to go on."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [f"{line}\n" for line in text.splitlines()]


def _changed(old: list[str], changes: list[Change]) -> list[str]:
    instead: dict[int, list[str]] = {}
    below: dict[int, list[str]] = defaultdict(list)
    at_the_end: dict[str, list[str]] = defaultdict(list)
    for change in changes:
        lines = [f"{line}\n" for line in change.lines]
        if not change.insert:
            instead[change.place.line] = lines
        elif change.place.line:
            below[change.place.line] += lines
        else:
            # One heading for all: of a second section of the same name Asterisk would take no notice.
            at_the_end[lines[0]] += lines[1:]
    new: list[str] = []
    for number, line in enumerate(old, start=1):
        new += instead.get(number, [line]) + below[number]
    return new + [line for heading, lines in at_the_end.items() for line in (heading, *lines)]
