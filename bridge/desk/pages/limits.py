"""A manager's extension, and what they may do less of than everybody, beside the rules of the file."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import ValidationError

from bridge.api.desk.shapes import ManagerRules, OwnLimits
from bridge.desk import words
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Owning, Ruling, Visitor

router = APIRouter()

_WHOLE_NUMBERS = ("calls_per_hour", "calls_per_day", "minutes_per_day")


@router.get("/managers/{extension}/rules")
async def page(visitor: Owning, extension: str) -> Response:
    rules = await visitor.api.rules(extension)
    typed = _fields(rules.limits) | {"extension": extension}
    return visitor.page("rules.html", rules=rules, typed=typed, problem="")


@router.post("/managers/{extension}/extension")
async def change_extension(visitor: Ruling, extension: str) -> Response:
    """As with limits: what would change, a yes, and a way back."""
    to = visitor.typed("extension")
    rules = await visitor.api.rules(extension)
    if visitor.typed("confirmed") != "yes":
        return visitor.page("extension_confirm.html", rules=rules, to=to)
    try:
        done = await visitor.api.change_extension(extension, to)
    except ValidationError:
        problem = DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable")
    except DeskProblem as refusal:
        if refusal.status not in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise
        problem = refusal
    else:
        return visitor.page("extension_set.html", rules=rules, to=to, done=done)
    typed = _fields(rules.limits) | {"extension": to}
    return _shown_again(visitor, rules, typed, problem.reason, problem.status)


@router.post("/managers/{extension}/limits")
async def set_limits(visitor: Ruling, extension: str) -> Response:
    """First it is shown what would change; with a yes to that it is done, and can be put back."""
    typed = {name: visitor.typed(name) for name in words.OWN_LIMITS}
    try:
        wanted = _limits(typed)
        if visitor.typed("confirmed") != "yes":
            rules = await visitor.api.rules(extension)
            return visitor.page("limits_confirm.html", rules=rules, before=_fields(rules.limits), after=typed)
        done = await visitor.api.set_limits(extension, wanted)
    except (ValidationError, ValueError):
        return await _refused(visitor, extension, typed, "unreadable", HTTPStatus.UNPROCESSABLE_ENTITY)
    except DeskProblem as problem:
        if problem.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return await _refused(visitor, extension, typed, problem.reason, problem.status)
    return visitor.page("limits_set.html", extension=extension, before=_fields(done.before), after=typed)


async def _refused(
    visitor: Visitor, extension: str, typed: dict[str, str], reason: str, status: int
) -> Response:
    rules = await visitor.api.rules(extension)
    return _shown_again(visitor, rules, typed | {"extension": extension}, reason, status)


def _shown_again(
    visitor: Visitor, rules: ManagerRules, typed: dict[str, str], reason: str, status: int
) -> Response:
    """The same page, with what was typed and what was wrong with it."""
    text = visitor.text(words.words_of(reason, status))
    return visitor.page("rules.html", status, rules=rules, typed=typed, problem=text)


def _limits(typed: dict[str, str]) -> OwnLimits:
    """Raises ValueError."""
    wanted: dict[str, str | int | None] = {name: text or None for name, text in typed.items()}
    wanted |= {name: int(typed[name]) for name in _WHOLE_NUMBERS if typed[name]}
    return OwnLimits.model_validate(wanted)


def _fields(limits: OwnLimits) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in limits.model_dump().items()}
