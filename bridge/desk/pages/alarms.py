"""What supervisors should look at."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.desk.visitor import Deciding, Watching

router = APIRouter()


@router.get("/alarms")
async def page(visitor: Watching) -> HTMLResponse:
    template = "parts/alarms.html" if visitor.by_htmx else "alarms.html"
    return visitor.page(template, alarms=await visitor.api.alarms())


@router.get("/alarms/unseen")
async def unseen(visitor: Watching) -> HTMLResponse:
    """How many, for the head of every page."""
    return visitor.page("parts/unseen.html", unseen=(await visitor.api.alarms()).unseen)


@router.post("/alarms/{alarm_id}/seen")
async def see(visitor: Deciding, alarm_id: int) -> Response:
    await visitor.api.see_alarm(alarm_id)
    if visitor.by_htmx:
        return visitor.page("parts/alarms.html", alarms=await visitor.api.alarms())
    return visitor.go("/alarms")
