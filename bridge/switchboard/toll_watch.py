"""Once a second: a day's usage is measured, alarms are raised, and what goes too far is cut.

Admission caps each call by what is left when it begins. Calls that run at the same moment draw on the same
allowance, so their caps are not enough: here they are ended together when it is used up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.rules import TollLimit, Usage
from bridge.rules.tolls import IN_ALL, OF_A_MANAGER, ratios, used_up
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.records import DAY_MS
from bridge.store.tolls import ALARM, raise_alarm
from bridge.switchboard import metrics
from bridge.switchboard.board import Switchboard
from bridge.switchboard.tolls import TollBook

log = structlog.get_logger()

_SECONDS_BETWEEN_LOOKS: Final = 1.0
_ALARM_RATIO: Final = 0.8
_CLOCK_NOISE_MS: Final = 2000
"""What slewing and a busy machine make of the time between two looks."""


class TollWatch:
    def __init__(self, book: TollBook, database: Database, switchboard: Switchboard) -> None:
        self._book = book
        self._database = database
        self._switchboard = switchboard
        self._raised: dict[str, int] = {}
        """When the last alarm of each subject was raised; spares the database the question."""

    async def run(self) -> None:
        """Look once a second, for ever; started once by the daemon."""
        offset_ms = _clock_offset_ms()
        while True:
            before_ms, offset_ms = offset_ms, _clock_offset_ms()
            self.note_clock(offset_ms - before_ms)
            await self.look(now_ms())
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

    def note_clock(self, set_by_ms: int) -> None:
        """Let a clock that somebody has set neither cut conversations nor forget what they cost."""
        if abs(set_by_ms) > _CLOCK_NOISE_MS:
            log.warning("the clock was set; a day's usage moves with it", seconds=round(set_by_ms / 1000))
            self._book.move(set_by_ms)

    async def look(self, at_ms: int) -> None:
        in_all = self._book.usage_in_all(at_ms)
        managers = self._book.usage_of_each(at_ms)
        self._cut(in_all, managers)
        of_all = dict(zip(IN_ALL, ratios(in_all, self._book.tolls.in_all), strict=True))
        of_each = {
            extension: dict(
                zip(OF_A_MANAGER, ratios(usage, self._book.tolls_of(extension).manager), strict=True)
            )
            for extension, usage in managers.items()
        }
        _measure(of_all, of_each)
        await self._raise_alarms(None, of_all, at_ms)
        for extension, of_one in of_each.items():
            await self._raise_alarms(extension, of_one, at_ms)

    def _cut(self, in_all: Usage, managers: Mapping[str, Usage]) -> None:
        everybody = used_up(in_all, self._book.tolls.in_all)
        too_far = {
            each
            for each, usage in managers.items()
            if everybody or used_up(usage, self._book.tolls_of(each).manager)
        }
        ended = self._switchboard.end_conversations(too_far)
        if ended:
            log.warning("a day's limit is used up: conversations are ended", calls=ended)

    async def _raise_alarms(self, extension: str | None, used: Mapping[TollLimit, float], at_ms: int) -> None:
        """Those of a manager, or with None those of all together."""
        for limit, ratio in used.items():
            subject = f"limit {limit.value}" + (f" of extension {extension}" if extension else "")
            raised_ms = self._raised.get(subject)
            recent = raised_ms is not None and at_ms - raised_ms < DAY_MS
            if ratio < _ALARM_RATIO or recent:
                continue
            if await self._raise(AuditEntry(at_ms, "daemon", ALARM, subject, f"{ratio:.0%} used")):
                log.warning(
                    "ALARM: a day's limit is nearly used up",
                    limit=limit.value,
                    extension=extension,
                    used=f"{ratio:.0%}",
                )

    async def _raise(self, entry: AuditEntry) -> bool:
        """Put an alarm into the audit. False where it was there, or the database refuses it for now."""
        try:
            first = await raise_alarm(self._database, entry)
        except SQLAlchemyError as error:
            log.error("the database refuses an alarm; trying again", error=type(error).__name__)
            return False
        self._raised[entry.subject] = entry.at_ms
        return first


def _clock_offset_ms() -> int:
    """The wall clock against one that nobody can set: it changes when the wall clock is set."""
    return now_ms() - round(monotonic() * 1000)


def _measure(of_all: Mapping[TollLimit, float], of_each: Mapping[str, Mapping[TollLimit, float]]) -> None:
    for limit in OF_A_MANAGER:
        nearest = max((used[limit] for used in of_each.values()), default=0.0)
        metrics.toll_usage.labels(limit.value).set(nearest)
    for limit, ratio in of_all.items():
        metrics.toll_usage.labels(limit.value).set(ratio)
