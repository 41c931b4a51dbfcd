"""The one page that can show a number: to an owner, once, with a reason that goes on record."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from bridge.api.desk.shapes import Card, Disclose
from bridge.desk.client import DeskProblem
from bridge.desk.pages.orders import contact_of
from bridge.desk.visitor import Owning, Ruling, Visitor

router = APIRouter()


@router.get("/orders/{code}/contacts/{contact_id}")
async def form(visitor: Owning, code: str, contact_id: int) -> HTMLResponse:
    card = await _card(visitor, code)
    contact = contact_of(card, contact_id)
    return visitor.page("disclose.html", card=card, contact=contact, reason="", problem="")


@router.post("/orders/{code}/contacts/{contact_id}")
async def disclose(visitor: Ruling, code: str, contact_id: int) -> HTMLResponse:
    """The number is in this answer and in no other; browsers keep none of the desk's pages."""
    reason = visitor.typed("reason")
    try:
        wanted = Disclose(contact_id=contact_id, reason=reason, code=visitor.typed("code").replace(" ", ""))
        disclosure = await visitor.api.disclose(code, wanted)
    except ValidationError:
        problem = DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "reason-or-code")
    except DeskProblem as refusal:
        problem = refusal
    else:
        return visitor.page("disclosed.html", number=disclosure.number, code=code)
    if problem.reason == "signed-out":
        raise problem
    card = await _card(visitor, code)
    return visitor.page(
        "disclose.html",
        problem.status,
        card=card,
        contact=contact_of(card, contact_id),
        reason=reason,
        problem=visitor.told(problem),
    )


async def _card(visitor: Visitor, code: str) -> Card:
    if not visitor.me.disclosure:
        raise DeskProblem(HTTPStatus.FORBIDDEN, "disclosure-off")
    return await visitor.api.card(code)
