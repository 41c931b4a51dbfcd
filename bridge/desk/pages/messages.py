"""The sound of what a customer has said, for the player on the order's page."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from bridge.desk.visitor import Reading

router = APIRouter()


@router.get("/orders/{code}/messages/{message_id}")
async def message(visitor: Reading, code: str, message_id: str) -> Response:
    """Never a download with a name, and kept by no cache."""
    sound = await visitor.api.message(code, message_id)
    return Response(sound, media_type="audio/wav", headers={"Content-Disposition": "inline"})
