"""The live wall: every call of the shop, as it is now."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from bridge.desk.visitor import Watching

router = APIRouter()


@router.get("/wall")
async def page(visitor: Watching) -> HTMLResponse:
    template = "parts/wall.html" if visitor.by_htmx else "wall.html"
    return visitor.page(template, calls=await visitor.api.wall())
