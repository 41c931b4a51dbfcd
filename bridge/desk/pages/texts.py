"""A text message to a customer: a template is chosen by its name, and nothing is typed."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import ValidationError

from bridge.api.desk.shapes import SendText
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Posting

router = APIRouter()


@router.post("/orders/{code}/texts")
async def send(visitor: Posting, code: str) -> Response:
    try:
        wanted = SendText(template=visitor.typed("template"))
    except ValidationError:
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-such-template") from None
    await visitor.api.send_text(code, wanted)
    return visitor.go(f"/orders/{code}")
