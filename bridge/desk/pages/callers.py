"""A call of somebody whom nobody knew, attached to an order by who has talked with them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.desk.refusals import refused_for
from bridge.desk.visitor import Posting, Reading

router = APIRouter()


@router.get("/orders/{code}/callers")
async def form(visitor: Reading, code: str) -> HTMLResponse:
    return visitor.page("attach_caller.html", card=await visitor.api.card(code), problem="")


@router.post("/orders/{code}/callers")
async def attach(visitor: Posting, code: str) -> Response:
    with refused_for("no-such-caller", HTTPStatus.NOT_FOUND) as refusal:
        await visitor.api.attach_caller(code, visitor.typed("caller"))
    problem = refusal.problem
    if problem is None:
        return visitor.go(f"/orders/{code}")
    card = await visitor.api.card(code)
    return visitor.page("attach_caller.html", problem.status, card=card, problem=visitor.told(problem))
