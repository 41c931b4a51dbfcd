"""A call of somebody whom nobody knew, attached to an order by who has talked with them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from bridge.desk import words
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Posting, Reading

router = APIRouter()


@router.get("/orders/{code}/callers")
async def form(visitor: Reading, code: str) -> HTMLResponse:
    return visitor.page("attach_caller.html", card=await visitor.api.card(code), problem="")


@router.post("/orders/{code}/callers")
async def attach(visitor: Posting, code: str) -> Response:
    try:
        await visitor.api.attach_caller(code, visitor.typed("caller"))
    except ValidationError:
        problem = DeskProblem(HTTPStatus.NOT_FOUND, "no-such-caller")
    except DeskProblem as refusal:
        problem = refusal
    else:
        return visitor.go(f"/orders/{code}")
    if problem.reason != "no-such-caller":
        raise problem
    text = visitor.text(words.words_of(problem.reason, problem.status))
    card = await visitor.api.card(code)
    return visitor.page("attach_caller.html", problem.status, card=card, problem=text)
