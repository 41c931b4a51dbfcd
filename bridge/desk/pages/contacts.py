"""A number that a supervisor types for a customer, and when each is called: no page here shows a number."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.api.desk.shapes import Card, Contact, ContactHabits
from bridge.desk.pages.orders import contact_of
from bridge.desk.refusals import refused_for
from bridge.desk.visitor import Deciding, Posting, Reading, Visitor, Watching

router = APIRouter()


@router.get("/orders/{code}/contacts")
async def form(visitor: Watching, code: str) -> HTMLResponse:
    return visitor.page("new_number.html", card=await visitor.api.card(code), problem="")


@router.post("/orders/{code}/contacts")
async def add(visitor: Deciding, code: str) -> Response:
    """What was typed is not shown again, not even to be corrected."""
    with refused_for("not-a-number", HTTPStatus.UNPROCESSABLE_ENTITY) as refusal:
        await visitor.api.add_number(code, visitor.typed("number"))
    problem = refusal.problem
    if problem is None:
        return visitor.go(f"/orders/{code}")
    card = await visitor.api.card(code)
    return visitor.page("new_number.html", problem.status, card=card, problem=visitor.told(problem))


@router.get("/orders/{code}/contacts/{contact_id}/habits")
async def habits(visitor: Reading, code: str, contact_id: int) -> HTMLResponse:
    card = await visitor.api.card(code)
    contact = contact_of(card, contact_id)
    begins, _, ends = (contact.hours or "").partition("-")
    typed = {"from": begins, "until": ends, "language": contact.language or ""}
    return _habits(visitor, card, contact, typed)


@router.post("/orders/{code}/contacts/{contact_id}/habits")
async def say_habits(visitor: Posting, code: str, contact_id: int) -> Response:
    typed = {name: visitor.typed(name) for name in ("from", "until", "language")}
    hours = f"{typed['from']}-{typed['until']}" if typed["from"] or typed["until"] else None
    with refused_for("no-such-hours", HTTPStatus.UNPROCESSABLE_ENTITY) as refusal:
        wanted = ContactHabits.model_validate({"hours": hours, "language": typed["language"] or None})
        await visitor.api.say_habits(code, contact_id, wanted)
    problem = refusal.problem
    if problem is None:
        return visitor.go(f"/orders/{code}")
    card = await visitor.api.card(code)
    told, status = visitor.told(problem), problem.status
    return _habits(visitor, card, contact_of(card, contact_id), typed, told, status)


def _habits(
    visitor: Visitor,
    card: Card,
    contact: Contact,
    typed: dict[str, str],
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    values = {"card": card, "contact": contact, "typed": typed, "problem": problem}
    return visitor.page("contact_habits.html", status, **values)
