"""Numbers that may be mistyped: a list of them, and what becomes of one. That is asked for twice."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Posting, Reading
from bridge.rules.doubts import Settlement

router = APIRouter()


@router.get("/doubts")
async def page(visitor: Reading) -> HTMLResponse:
    return visitor.page("doubts.html", doubts=await visitor.api.doubts())


@router.post("/doubts/{contact_id}")
async def settle(visitor: Posting, contact_id: int) -> Response:
    """What it means is told first; done it is once that was read."""
    how = visitor.typed("how")
    if how not in set(Settlement):
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable")
    if visitor.typed("confirmed") == "yes":
        await visitor.api.settle_doubt(contact_id, Settlement(how))
        return visitor.go("/doubts")
    for doubt in await visitor.api.doubts():
        if doubt.contact_id == contact_id:
            return visitor.page("doubt_confirm.html", doubt=doubt, how=Settlement(how))
    raise DeskProblem(HTTPStatus.NOT_FOUND, "not-found")
