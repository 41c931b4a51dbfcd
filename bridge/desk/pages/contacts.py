"""A number that a supervisor types for a customer: it goes in, and this page shows none."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from bridge.desk import words
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Deciding, Watching

router = APIRouter()


@router.get("/orders/{code}/contacts")
async def form(visitor: Watching, code: str) -> HTMLResponse:
    return visitor.page("new_number.html", card=await visitor.api.card(code), problem="")


@router.post("/orders/{code}/contacts")
async def add(visitor: Deciding, code: str) -> Response:
    """What was typed is not shown again, not even to be corrected."""
    try:
        await visitor.api.add_number(code, visitor.typed("number"))
    except ValidationError:
        problem = DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-a-number")
    except DeskProblem as refusal:
        problem = refusal
    else:
        return visitor.go(f"/orders/{code}")
    if problem.reason != "not-a-number":
        raise problem
    text = visitor.text(words.words_of(problem.reason, problem.status))
    card = await visitor.api.card(code)
    return visitor.page("new_number.html", problem.status, card=card, problem=text)
