"""What an owner lets one manager do less of; and the rules of the file, which are only shown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel

from bridge.api.desk import shapes
from bridge.api.desk.daemon import DeskDaemon, NowMs, TheDaemon
from bridge.api.desk.reader import Owner, nothing_here
from bridge.api.problems import Problem
from bridge.config import Config
from bridge.rules.own_limits import OwnLimits, above_the_shops
from bridge.rules.policy import TimeRange
from bridge.store.errors import UnknownManager
from bridge.store.managers import Manager, manager_by_extension
from bridge.store.own_limits import all_own_limits, own_limits_of, set_own_limits

router = APIRouter()


@router.get("/v1/managers/{extension}/rules")
async def rules(extension: str, _reader: Owner, daemon: TheDaemon) -> shapes.ManagerRules:
    manager = await _manager(daemon, extension)
    config = daemon.config
    return shapes.ManagerRules(
        name=manager.name,
        extension=extension,
        limits=_told(await own_limits_of(daemon.database, extension)),
        currency=config.rules.prices.currency,
        file="" if config.path is None else str(config.path),
        config=list(_lines(config)),
    )


@router.put("/v1/managers/{extension}/limits")
async def set_limits(
    extension: str, asked: shapes.OwnLimits, reader: Owner, daemon: TheDaemon, now_ms: NowMs
) -> shapes.LimitsSet:
    wanted = _wanted(asked)
    if above_the_shops(wanted, daemon.config.policy()):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "above-config",
            "The configuration allows less than that already.",
        )
    try:
        before = await set_own_limits(daemon.database, extension, wanted, actor=reader.actor, now_ms=now_ms)
    except UnknownManager:
        raise nothing_here() from None
    daemon.toll_book.limit(await all_own_limits(daemon.database))
    return shapes.LimitsSet(before=_told(before))


async def _manager(daemon: DeskDaemon, extension: str) -> Manager:
    manager = await manager_by_extension(daemon.database, extension)
    if manager is None:
        raise nothing_here()
    return manager


def _wanted(asked: shapes.OwnLimits) -> OwnLimits:
    try:
        return OwnLimits(
            asked.calls_per_hour,
            asked.calls_per_day,
            asked.minutes_per_day,
            None if asked.spend_per_day is None else _some_money(asked.spend_per_day),
            None if asked.hours is None else TimeRange.read(asked.hours),
        )
    except ValueError:
        pass  # it would quote what was asked for
    raise Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "unreadable",
        "An amount is more than 0, and hours end after they begin.",
    )


def _some_money(text: str) -> Decimal:
    """Raises ValueError for none."""
    amount = Decimal(text)
    if amount == 0:
        raise ValueError
    return amount


def _told(limits: OwnLimits) -> shapes.OwnLimits:
    return shapes.OwnLimits(
        calls_per_hour=limits.calls_per_hour,
        calls_per_day=limits.calls_per_day,
        minutes_per_day=limits.minutes_per_day,
        spend_per_day=None if limits.spend_per_day is None else str(limits.spend_per_day),
        hours=None if limits.hours is None else str(limits.hours),
    )


def _lines(config: Config) -> Iterator[shapes.ConfigLine]:
    """Every rule of the file, in its order."""
    yield from _lines_of(config, config.rules, ("rules",))


def _lines_of(config: Config, section: BaseModel, above: tuple[str, ...]) -> Iterator[shapes.ConfigLine]:
    for name in type(section).model_fields:
        value, key = getattr(section, name), (*above, name)
        if isinstance(value, BaseModel):
            yield from _lines_of(config, value, key)
        else:
            yield shapes.ConfigLine(key=".".join(key), value=_text(value), line=config.line_of(*key))


def _text(value: object) -> str:
    match value:
        case frozenset() | set():
            return ", ".join(sorted(map(str, value)))
        case tuple():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{key}: {_text(held)}" for key, held in value.items())
        case _:
            return str(value)
