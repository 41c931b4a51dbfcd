"""What is shown before anything is written. Of a secret it is shown that there is one, and nothing of it.

There are no lines of context: a password may stand beside the line that is added.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from bridge.install.plan import Change


def diff_of(changes: Iterable[Change], files: Mapping[Path, bytes | None]) -> str:
    return "".join(_shown(change, files.get(change.path)) for change in changes)


def _shown(change: Change, before: bytes | None) -> str:
    if change.secret:
        what = "a new file" if before is None else "changed"
        return f"+++ {change.path}\n@@ {what}, mode {change.mode:04o}: a secret, which is not shown @@\n"
    if before is None and change.like == change.content:
        lines = change.content.count(b"\n")
        return f"+++ {change.path}\n@@ a new file, as call-bridge ships it, {lines} lines @@\n"
    if before is not None:
        old, name = before, str(change.path)
    else:
        old, name = change.like or b"", "the file that call-bridge ships" if change.like else "/dev/null"
    return "".join(difflib.unified_diff(_lines(old), _lines(change.content), name, str(change.path), n=0))


def _lines(content: bytes) -> list[str]:
    """Each with an end: a last line without one would else be shown as changed, whatever it says."""
    lines = content.decode("utf-8", "replace").split("\n")
    return [f"{line}\n" for line in (lines if lines[-1] else lines[:-1])]
