"""How the shop's calls went: day by day, and of each manager."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from bridge.desk import plots
from bridge.desk.visitor import Watching

router = APIRouter()

SPANS: Final = (7, 14, 30, 90)
"""Days to choose from."""


@router.get("/results")
async def page(visitor: Watching) -> HTMLResponse:
    asked = visitor.request.query_params.get("days", "")
    days = int(asked) if asked.isdecimal() and int(asked) in SPANS else SPANS[1]
    results = await visitor.api.results(days)
    series = {
        "talked": [day.talked for day in results.days],
        "no-answer": [day.no_answer for day in results.days],
        "busy": [day.busy for day in results.days],
        "other": [day.other for day in results.days],
    }
    plot = plots.stacked_bars([day.day for day in results.days], series)
    return visitor.page("results.html", results=results, plot=plot, days=days, spans=SPANS)
