"""docs/doctor.md, made from the checks: `python -m bridge.doctor.page > docs/doctor.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bridge.doctor.checks import CHECKS, THEMES
from bridge.doctor.model import Check, Gravity

_HEAD = """\
# call-bridge doctor

    call-bridge doctor

looks at a PBX as it is: Asterisk's configuration folder, the running Asterisk through ARI, the daemon and its
files, and the machine. It says what in it would show a phone number to somebody, or keep calls from working,
with the line to change. It changes nothing. Run it as root, or as a user who may read both programs' files.

| option | meaning |
| --- | --- |
| `--asterisk-etc FOLDER` | Asterisk's configuration folder, by default `/etc/asterisk` |
| `--offline` | look at files only; ask neither Asterisk nor the daemon |
| `--json` | print what was found as JSON |
| `--fix` | print a patch instead, a unified diff to read and then apply with `patch -p0`; nothing is edited |
| `--patch FILE` | write that patch to a new file |
| `--explain ID` | say what a check means and what to do |

| exit code | meaning |
| --- | --- |
| 0 | nothing, or notices only |
| 20 | a warning: numbers can be had once something else goes wrong |
| 21 | something critical: numbers can be had, or nothing can be dialled |

Of files that a program writes (FreePBX says "auto-generated" at their top) no change is proposed; the file to
use instead is named. Passwords are looked at, and never shown, so the patch has no lines around a change. No
line of the dialplan is ever quoted.

There are {count} checks: {critical} critical, {warning} warnings, {notice} notices.
"""


def page() -> str:
    """The whole text."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    counts = {gravity.word: _count(gravity) for gravity in Gravity}
    yield _HEAD.format(count=len(CHECKS), **counts)
    for theme, checks in THEMES.items():
        yield f"## {theme}\n"
        for check in checks:
            yield _section(check)


def _count(gravity: Gravity) -> int:
    return sum(check.gravity is gravity for check in CHECKS)


def _section(check: Check) -> str:
    return f"### {check.id}\n\n*{check.gravity.word}* - {check.meaning}\n\n{check.remedy}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
