"""Numbers that were found in notes, sealed, and wait for a yes or no."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.desk.visitor import Deciding, Watching

router = APIRouter()


@router.get("/proposals")
async def page(visitor: Watching) -> HTMLResponse:
    return visitor.page("proposals.html", proposals=await visitor.api.proposals())


@router.post("/proposals/{contact_id}")
async def settle(visitor: Deciding, contact_id: int) -> Response:
    await visitor.api.settle(contact_id, accept=visitor.typed("accept") == "yes")
    return visitor.go("/proposals")
