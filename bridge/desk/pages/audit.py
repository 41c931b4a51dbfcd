"""The audit, searched."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from bridge.desk.visitor import Watching

router = APIRouter()

_FIELDS: Final = ("actor", "act", "order")


@router.get("/audit")
async def page(visitor: Watching) -> HTMLResponse:
    asked = visitor.request.query_params
    searched = {name: asked.get(name, "").strip() for name in _FIELDS}
    audit = await visitor.api.audit(**searched, cursor=asked.get("cursor", ""))
    more = urlencode({**searched, "cursor": audit.cursor}) if audit.cursor else ""
    return visitor.page("audit.html", audit=audit, searched=searched, more=more)
