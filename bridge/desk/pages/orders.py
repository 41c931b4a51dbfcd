"""An order: what it is, whom to call, what was said, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.api.desk.shapes import (
    CallNow,
    Card,
    Contact,
    Note,
    PastCall,
    PastOutcome,
    PastText,
    RecordOutcome,
    SaveNote,
)
from bridge.desk.client import DeskProblem
from bridge.desk.language import marked as _
from bridge.desk.queue_view import queue_values
from bridge.desk.times import Clock
from bridge.desk.visitor import Deciding, Posting, Reading, Visitor, Watching
from bridge.rules.worklist import Outcome

router = APIRouter()

_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True)
class CallBack:
    """A quick choice of when to call back: milliseconds since the epoch, of a moment that tells the time."""

    label: str
    at: Callable[[Clock], int]


CALL_BACKS: Final = {
    "in-15-minutes": CallBack(_("in 15 minutes"), lambda clock: clock.now_ms + 15 * _MINUTE),
    "in-1-hour": CallBack(_("in 1 hour"), lambda clock: clock.now_ms + 60 * _MINUTE),
    "today": CallBack(_("today 15:00"), lambda clock: clock.today_at(15)),
    "tomorrow": CallBack(_("tomorrow 10:00"), lambda clock: clock.tomorrow_at(10)),
}


@router.get("/orders/{code}")
async def page(visitor: Reading, code: str) -> HTMLResponse:
    """The pane alone where htmx asks for it, else with the queue beside it."""
    if visitor.by_htmx:
        card, call = await asyncio.gather(visitor.api.card(code), visitor.api.my_call())
        return visitor.page("parts/order.html", **card_values(visitor, card), call=call)
    card, call, queue = await asyncio.gather(
        visitor.api.card(code), visitor.api.my_call(), queue_values(visitor)
    )
    return visitor.page("work.html", **queue, **card_values(visitor, card), call=call)


async def answer_with_order(visitor: Visitor, code: str, call: CallNow | None = None) -> Response:
    """After a form: the order's page, or its pane and the call bar where htmx sent the form."""
    if not visitor.by_htmx:
        return visitor.go(f"/orders/{code}")
    card = await visitor.api.card(code)
    call = call or await visitor.api.my_call()
    response = visitor.page("parts/order_opened.html", **card_values(visitor, card), call=call)
    response.headers["HX-Push-Url"] = f"/orders/{code}"
    return response


def card_values(visitor: Visitor, card: Card) -> dict[str, Any]:
    clock = visitor.clock
    mine = _running_note(card, clock)
    return {
        "card": card,
        "my_note": mine,
        "other_notes": [note for note in card.notes if note is not mine],
        "timeline": timeline(card),
        "last_call": _last_call(card),
        "call_backs": _call_backs(clock),
        "diallable": [contact for contact in card.contacts if contact.diallable],
    }


def contact_of(card: Card, contact_id: int) -> Contact:
    """Raises DeskProblem where the order's customer has no such contact."""
    for contact in card.contacts:
        if contact.id == contact_id:
            return contact
    raise DeskProblem(HTTPStatus.NOT_FOUND, "not-found")


def _call_backs(clock: Clock) -> dict[str, CallBack]:
    """The quick choices that are still to come today."""
    return {name: choice for name, choice in CALL_BACKS.items() if not clock.is_past(choice.at(clock))}


def timeline(card: Card) -> list[tuple[int, PastCall | PastOutcome | PastText]]:
    """Calls and what came of them, and text messages, the latest first, each after its time."""
    past: list[tuple[int, PastCall | PastOutcome | PastText]] = [
        *((call.started_ms, call) for call in card.calls),
        *((outcome.at_ms, outcome) for outcome in card.outcomes),
        *((text.at_ms, text) for text in card.texts),
    ]
    return sorted(past, key=lambda each: each[0], reverse=True)


def _running_note(card: Card, clock: Clock) -> Note | None:
    """The reader's note of today, which they go on writing: another day's is left as it is."""
    mine = [note for note in card.notes if note.mine and note.created_ms >= clock.today_at(0)]
    return max(mine, key=lambda note: note.created_ms, default=None)


def _last_call(card: Card) -> str:
    """The id of the latest call, where nobody has said yet what came of it."""
    told = {outcome.call_id for outcome in card.outcomes if not outcome.undone}
    latest = max(card.calls, key=lambda call: call.started_ms, default=None)
    return latest.id if latest and latest.id not in told else ""


# --- notes ---


@router.post("/orders/{code}/notes")
async def save_note(visitor: Posting, code: str) -> Response:
    """The page is told what was stored, which may be less than was typed."""
    wanted = SaveNote.model_validate(
        {
            "note_id": visitor.typed_id("note_id"),
            "text": visitor.form.get("text", ""),
            "finished": visitor.typed("typing") != "yes",
        }
    )
    saved = await visitor.api.save_note(code, wanted)
    if not visitor.by_htmx:
        return visitor.go(f"/orders/{code}")
    held = _as_scripts_count(wanted.text[len(wanted.text) - saved.held :])
    return visitor.page("parts/note_saved.html", saved=saved, code=code, held=held)


def _as_scripts_count(text: str) -> int:
    """The length of a text in UTF-16's code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# --- what came of a call ---


@router.post("/orders/{code}/outcomes")
async def record_outcome(visitor: Posting, code: str) -> Response:
    recorded = await visitor.api.record_outcome(code, _outcome(visitor))
    if not visitor.by_htmx:
        return visitor.go(f"/orders/{code}")
    outcome = _outcome(visitor).outcome
    call = await visitor.api.my_call()
    return visitor.page("parts/recorded.html", code=code, outcome=outcome, recorded=recorded, call=call)


def _outcome(visitor: Visitor) -> RecordOutcome:
    """The result that the form holds. Raises DeskProblem where the time to call back at is none."""
    call_id = visitor.typed("call_id") or None
    when = visitor.typed("when")
    if not when:
        return RecordOutcome(outcome=_known_outcome(visitor.typed("outcome")), call_id=call_id)
    clock = visitor.clock
    try:
        at_ms = clock.typed(visitor.typed("own")) if when == "own" else CALL_BACKS[when].at(clock)
    except (ValueError, KeyError):
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-time") from None
    if clock.is_past(at_ms):
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "past-time")
    return RecordOutcome(outcome=Outcome.CALL_BACK, call_back_ms=at_ms, call_id=call_id)


def _known_outcome(word: str) -> Outcome:
    if word not in set(Outcome) or word == Outcome.CALL_BACK:
        raise DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "no-time" if word else "unreadable")
    return Outcome(word)


@router.post("/orders/{code}/outcomes/{outcome_id}/undo")
async def undo_outcome(visitor: Posting, code: str, outcome_id: int) -> Response:
    await visitor.api.undo_outcome(outcome_id)
    if not visitor.by_htmx:
        return visitor.go(f"/orders/{code}")
    return visitor.page("parts/undone.html", code=code, call=await visitor.api.my_call())


# --- whose customer it is ---


@router.get("/orders/{code}/assignment")
async def assignment(visitor: Watching, code: str) -> HTMLResponse:
    managers = [manager for manager in await visitor.api.managers() if not manager.disabled]
    template = "parts/assignment.html" if visitor.by_htmx else "assignment.html"
    return visitor.page(template, code=code, managers=managers)


@router.post("/orders/{code}/assignment")
async def assign(visitor: Deciding, code: str) -> Response:
    await visitor.api.assign(code, visitor.typed("extension"))
    return visitor.go(f"/orders/{code}")


@router.post("/orders/{code}/contacts/{contact_id}/never")
async def mark_contact(visitor: Deciding, code: str, contact_id: int) -> Response:
    await visitor.api.mark_contact(code, contact_id, never=visitor.typed("never") == "yes")
    return visitor.go(f"/orders/{code}")
