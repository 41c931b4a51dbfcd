"""What customers have said: the sound for players, and the list of messages that are nobody's yet."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.api.desk.shapes import GiveMessage
from bridge.desk.refusals import refused_for
from bridge.desk.visitor import Deciding, Reading, Visitor, Watching

router = APIRouter()


@router.get("/orders/{code}/messages/{message_id}")
async def message(visitor: Reading, code: str, message_id: str) -> Response:
    return _player(await visitor.api.message(code, message_id))


@router.get("/messages")
async def of_strangers(visitor: Watching) -> HTMLResponse:
    return await _page(visitor)


@router.get("/messages/{strangers_message_id}")
async def strangers_message(visitor: Watching, strangers_message_id: str) -> Response:
    return _player(await visitor.api.strangers_message(strangers_message_id))


@router.post("/messages/{strangers_message_id}")
async def give_to_order(visitor: Deciding, strangers_message_id: str) -> Response:
    code = visitor.typed("order")
    with refused_for("no-such-order", HTTPStatus.NOT_FOUND) as refusal:
        await visitor.api.give_message(strangers_message_id, GiveMessage(order=code))
    problem = refusal.problem
    if problem is None:
        return visitor.go(f"/orders/{code}")
    return await _page(visitor, visitor.told(problem), problem.status)


async def _page(visitor: Visitor, problem: str = "", status: int = HTTPStatus.OK) -> HTMLResponse:
    messages = await visitor.api.strangers_messages()
    return visitor.page("messages.html", status, messages=messages, problem=problem)


def _player(sound: bytes) -> Response:
    """Never a download with a name, and kept by no cache."""
    return Response(sound, media_type="audio/wav", headers={"Content-Disposition": "inline"})
