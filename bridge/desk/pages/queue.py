"""What is to be called, and the next of it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.desk.pages.orders import answer_with_order
from bridge.desk.queue_view import queue_values
from bridge.desk.visitor import Posting, Reading

router = APIRouter()


@router.get("/")
async def page(visitor: Reading) -> HTMLResponse:
    queue, call = await asyncio.gather(queue_values(visitor), visitor.api.my_call())
    return visitor.page("work.html", **queue, card=None, call=call)


@router.get("/queue")
async def rows(visitor: Reading) -> HTMLResponse:
    """The list alone, and, where more of it was asked for, what is added to it."""
    more = bool(visitor.request.query_params.get("cursor"))
    template = "parts/more_rows.html" if more else "parts/queue.html"
    return visitor.page(template, **await queue_values(visitor))


@router.post("/next")
async def take_next(visitor: Posting) -> Response:
    """The daemon chooses, and gives nobody else what it gives here."""
    row = await visitor.api.next()
    return await answer_with_order(visitor, row.code)
