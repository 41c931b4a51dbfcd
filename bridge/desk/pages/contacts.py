"""A number that a supervisor types for a customer, and when each is called: no page here shows a number."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from bridge.api.desk.shapes import Card, Contact, ContactHabits
from bridge.desk import words
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import Deciding, Posting, Reading, Visitor, Watching

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


@router.get("/orders/{code}/contacts/{contact_id}/habits")
async def habits(visitor: Reading, code: str, contact_id: int) -> HTMLResponse:
    card = await visitor.api.card(code)
    contact = _contact(card, contact_id)
    begins, _, ends = (contact.hours or "").partition("-")
    typed = {"from": begins, "until": ends, "language": contact.language or ""}
    return _habits(visitor, card, contact, typed)


@router.post("/orders/{code}/contacts/{contact_id}/habits")
async def say_habits(visitor: Posting, code: str, contact_id: int) -> Response:
    typed = {name: visitor.typed(name) for name in ("from", "until", "language")}
    hours = f"{typed['from']}-{typed['until']}" if typed["from"] or typed["until"] else None
    try:
        wanted = ContactHabits.model_validate({"hours": hours, "language": typed["language"] or None})
        await visitor.api.say_habits(code, contact_id, wanted)
    except ValidationError:
        problem = DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-such-hours")
    except DeskProblem as refusal:
        problem = refusal
    else:
        return visitor.go(f"/orders/{code}")
    if problem.reason != "no-such-hours":
        raise problem
    text = visitor.text(words.words_of(problem.reason, problem.status))
    card = await visitor.api.card(code)
    return _habits(visitor, card, _contact(card, contact_id), typed, text, problem.status)


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


def _contact(card: Card, contact_id: int) -> Contact:
    """Raises DeskProblem."""
    for contact in card.contacts:
        if contact.id == contact_id:
            return contact
    raise DeskProblem(HTTPStatus.NOT_FOUND, "not-found")
