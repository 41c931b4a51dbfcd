"""What came of calls, by day and by manager, and what one manager has read and called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal, select, text
from sqlalchemy.engine import Connection

from bridge.calls.model import Kind, Result
from bridge.rules import MISSES
from bridge.store.database import Database
from bridge.store.misses import REFUSE, actor_of
from bridge.store.records import DAY_MS
from bridge.store.schema import audit, calls, card_reads, managers, outcomes

_MOST_REMEMBERED: Final = 200


@dataclass(frozen=True, slots=True)
class Day:
    """`name` is a date, YYYY-MM-DD; it begins with `start_ms`, and ends before `end_ms`."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Came:
    """What managers' calls came to that have ended.

    Refused ones, which rang nobody, are none; nor are those of customers who called the shop.
    """

    calls: int = 0
    talked: int = 0
    no_answer: int = 0
    busy: int = 0
    talked_ms: int = 0

    def __add__(self, other: Came) -> Came:
        return Came(
            self.calls + other.calls,
            self.talked + other.talked,
            self.no_answer + other.no_answer,
            self.busy + other.busy,
            self.talked_ms + other.talked_ms,
        )


@dataclass(frozen=True, slots=True)
class CameToManager:
    """`outcomes`: how often each was said, undone ones left out."""

    name: str
    extension: str
    came: Came
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Results:
    """Of each day, and of everybody who has called in these days, by extension."""

    days: Sequence[tuple[Day, Came]]
    managers: Sequence[CameToManager]


@dataclass(frozen=True, slots=True)
class DayOfManager:
    """`misses`: codes that were not theirs to dial."""

    day: str
    cards_read: int
    calls: int
    talked: int
    misses: int


def _came_to(result: Result) -> ColumnElement[int]:
    return func.sum(case((calls.c.result == result.value, 1), else_=0))


_started: Final = and_(calls.c.started_ms >= bindparam("start_ms"), calls.c.started_ms < bindparam("end_ms"))
_ended: Final = and_(calls.c.kind != Kind.CALLBACK.value, calls.c.result != Result.REFUSED.value)
_BY_MANAGER: Final = (
    select(
        calls.c.manager_id,
        func.count(),
        _came_to(Result.TALKED),
        _came_to(Result.NO_ANSWER),
        _came_to(Result.BUSY),
        func.coalesce(func.sum(calls.c.ended_ms - calls.c.answered_ms), 0),
    )
    .where(_started, _ended)
    .group_by(calls.c.manager_id)
)
_SAID: Final = (
    select(outcomes.c.manager_id, outcomes.c.outcome, func.count())
    .where(
        outcomes.c.at_ms >= bindparam("start_ms"),
        outcomes.c.at_ms < bindparam("end_ms"),
        # As in the index, to the letter.
        text("by_result = 0 AND undone_ms IS NULL"),
    )
    .group_by(outcomes.c.manager_id, outcomes.c.outcome)
)
_NAMES: Final = select(managers.c.id, managers.c.name, managers.c.extension).order_by(managers.c.extension)


@dataclass(frozen=True, slots=True)
class _Tally:
    """What a day came to, by the id of the manager; `said` also by the outcome."""

    came: Mapping[int | None, Came]
    said: Mapping[tuple[int, str], int]


class ResultsBook:
    """Results of days, of which those that are over are counted once.

    A day counts as over when another has passed since: no call lasts longer, and nothing is undone so late.
    """

    def __init__(self) -> None:
        self._over: dict[Day, _Tally] = {}

    async def of(self, db: Database, days: Sequence[Day], now_ms: int) -> Results:
        known = {day: self._over[day] for day in days if day in self._over}
        missing = [day for day in days if day not in known]
        async with db.read() as connection:  # not by the connection that calls wait for
            counted, names = await connection.run_sync(_count, missing)
        self._over |= {day: tally for day, tally in counted.items() if now_ms - day.end_ms > DAY_MS}
        while len(self._over) > _MOST_REMEMBERED:
            del self._over[next(iter(self._over))]
        tallies = known | counted
        return _added_up([(day, tallies[day]) for day in days], names)


def _count(connection: Connection, days: Sequence[Day]) -> tuple[dict[Day, _Tally], Sequence[Any]]:
    return {day: _tally(connection, day) for day in days}, connection.execute(_NAMES).all()


def _tally(connection: Connection, day: Day) -> _Tally:
    came = {id_: Came(*counts) for id_, *counts in connection.execute(_BY_MANAGER, _bounds(day))}
    said = {(id_, outcome): count for id_, outcome, count in connection.execute(_SAID, _bounds(day))}
    return _Tally(came, said)


def _added_up(tallies: Sequence[tuple[Day, _Tally]], names: Sequence[Any]) -> Results:
    came: defaultdict[int | None, Came] = defaultdict(Came)
    said: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for _, tally in tallies:
        for manager_id, of_day in tally.came.items():
            came[manager_id] += of_day
        for (manager_id, outcome), count in tally.said.items():
            said[manager_id][outcome] += count
    return Results(
        [(day, sum(tally.came.values(), Came())) for day, tally in tallies],
        [
            CameToManager(name, extension, came[manager_id], said[manager_id])
            for manager_id, name, extension in names
            if manager_id in came
        ],
    )


# --- one manager ---

_CALLS_OF_MANAGER: Final = select(func.count(), func.coalesce(_came_to(Result.TALKED), 0)).where(
    _started, _ended, calls.c.manager_id == bindparam("manager_id")
)
_CARDS_READ: Final = (
    select(func.count())
    .select_from(card_reads)
    .where(
        card_reads.c.manager_id == bindparam("manager_id"),
        card_reads.c.at_ms >= bindparam("start_ms"),
        card_reads.c.at_ms < bindparam("end_ms"),
    )
)
# The audit has no index of actors. Of each refused call it has a row of the same millisecond.
_MISSES: Final = (
    select(func.count())
    .select_from(calls)
    .where(
        calls.c.manager_id == bindparam("manager_id"),
        _started,
        calls.c.result == Result.REFUSED.value,
        select(literal(1))
        .where(
            audit.c.at_ms == calls.c.started_ms,
            audit.c.actor == bindparam("actor"),
            audit.c.act == REFUSE,
            audit.c.detail.in_(sorted(MISSES)),
        )
        .correlate(calls)
        .exists(),
    )
)


async def days_of_manager(
    db: Database, manager_id: int, extension: str, days: Sequence[Day]
) -> list[DayOfManager]:
    async with db.read() as connection:
        return await connection.run_sync(_days_of_manager, manager_id, extension, days)


def _days_of_manager(
    connection: Connection, manager_id: int, extension: str, days: Sequence[Day]
) -> list[DayOfManager]:
    def of(day: Day) -> DayOfManager:
        asked: dict[str, Any] = _bounds(day) | {"manager_id": manager_id, "actor": actor_of(extension)}
        called, talked = connection.execute(_CALLS_OF_MANAGER, asked).one()
        cards_read = connection.execute(_CARDS_READ, asked).scalar_one()
        misses = connection.execute(_MISSES, asked).scalar_one()
        return DayOfManager(day.name, cards_read, called, talked, misses)

    return [of(day) for day in days]


def _bounds(day: Day) -> dict[str, int]:
    return {"start_ms": day.start_ms, "end_ms": day.end_ms}
