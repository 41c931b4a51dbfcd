"""Who works here: what they did, their absence and departure; for owners also who comes."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from bridge.api.desk.shapes import Leave, ManagerLine, NewManager
from bridge.desk import plots, words
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Deciding, Ruling, Visitor, Watching
from bridge.rules import Role

router = APIRouter()


@router.get("/managers")
async def page(visitor: Watching) -> HTMLResponse:
    return visitor.page("managers.html", managers=await visitor.api.managers(), problem="", typed={})


@router.post("/managers")
async def add(visitor: Ruling) -> Response:
    form = {name: visitor.typed(name) for name in ("name", "extension", "role", "language")}
    try:
        wanted = NewManager.model_validate(form | {"language": form["language"] or None})
        await visitor.api.add_manager(wanted)
    except ValidationError:
        return await _refused(visitor, HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", form)
    except DeskProblem as problem:
        return await _refused(visitor, problem.status, problem.reason, form)
    return visitor.go("/managers")


async def _refused(visitor: Visitor, status: int, reason: str, form: dict[str, str]) -> Response:
    """The same page, with what was typed and what was wrong with it."""
    text = visitor.text(words.words_of(reason, status))
    managers = await visitor.api.managers()
    return visitor.page("managers.html", status, managers=managers, problem=text, typed=form)


@router.get("/managers/{extension}")
async def report(visitor: Watching, extension: str) -> HTMLResponse:
    report = await visitor.api.report(extension)
    days = report.days
    plot = plots.stacked_bars(
        [day.day for day in days],
        {"talked": [day.talked for day in days], "other": [day.calls - day.talked for day in days]},
    )
    return visitor.page("report.html", report=report, plot=plot)


@router.get("/managers/{extension}/leave")
async def leave_form(visitor: Watching, extension: str) -> HTMLResponse:
    managers = await visitor.api.managers()
    leaving = _one(managers, extension)
    takers = [each for each in managers if each is not leaving and _can_take_over(each)]
    return visitor.page("leave.html", leaving=leaving, takers=takers)


@router.post("/managers/{extension}/leave")
async def leave(visitor: Deciding, extension: str) -> HTMLResponse:
    wanted = Leave.model_validate({"kind": visitor.typed("kind"), "to": visitor.typed("to") or None})
    left = await visitor.api.leave(extension, wanted)
    return visitor.page("left.html", left=left, extension=extension)


@router.post("/managers/{extension}/enabled")
async def enable(visitor: Ruling, extension: str) -> Response:
    await visitor.api.enable(extension, enabled=visitor.typed("enabled") == "yes")
    return visitor.go("/managers")


@router.post("/managers/{extension}/invitations")
async def invite(visitor: Ruling, extension: str) -> HTMLResponse:
    """The link is shown this once."""
    invitation = await visitor.api.invite(extension)
    link = visitor.desk.settings.origin + invitation.path
    return visitor.page("invited.html", link=link, invitation=invitation, extension=extension)


def _one(managers: list[ManagerLine], extension: str) -> ManagerLine:
    for manager in managers:
        if manager.extension == extension:
            return manager
    raise DeskProblem(HTTPStatus.NOT_FOUND, "not-found")


def _can_take_over(manager: ManagerLine) -> bool:
    return not manager.disabled and manager.role is Role.MANAGER
