"""Every check there is, theme by theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bridge.doctor.checks import (
    ami,
    daemon,
    dialplan,
    exposure,
    files,
    logs,
    machine,
    managers,
    modules,
    records,
    texts,
    trunk,
    voicemail,
)
from bridge.doctor.model import Check

THEMES: Final[Mapping[str, tuple[Check, ...]]] = {
    "Managers' phones": managers.CHECKS,
    "The line to the carrier": trunk.CHECKS,
    "Modules": modules.CHECKS,
    "Logs and records": logs.CHECKS,
    "Who can reach Asterisk": exposure.CHECKS,
    "The Asterisk Manager Interface": ami.CHECKS,
    "The dialplan": dialplan.CHECKS,
    "Files and keys": files.CHECKS,
    "The daemon": daemon.CHECKS,
    "Text messages": texts.CHECKS,
    "Voice messages": voicemail.CHECKS,
    "What is on record": records.CHECKS,
    "The machine and Asterisk's version": machine.CHECKS,
}
CHECKS: Final[tuple[Check, ...]] = tuple(check for checks in THEMES.values() for check in checks)
BY_ID: Final[Mapping[str, Check]] = {check.id: check for check in CHECKS}
