"""A number that a customer says is theirs: whether it is the one that is kept. No page shows either."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from bridge.api.desk.shapes import CompareNumber
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Posting

router = APIRouter()


@router.post("/orders/{code}/comparisons")
async def compare(visitor: Posting, code: str) -> HTMLResponse:
    """What was typed is in the form that is sent, and on no page or address after it."""
    contact_id = visitor.typed_id("contact_id")
    try:
        wanted = CompareNumber.model_validate({"number": visitor.typed("number"), "contact_id": contact_id})
    except ValidationError:
        wanted = None
    if wanted is None:
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing-to-compare")
    compared = await visitor.api.compare(code, wanted)
    return visitor.page("compared.html", code=code, compared=compared)
