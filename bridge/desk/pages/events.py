"""The daemon's events, passed on to one browser as parts of its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError

from bridge.api.desk.shapes import CallNow
from bridge.desk.client import DaemonAway, DeskProblem
from bridge.desk.stream import HEARTBEAT, Event, StreamUnreadable
from bridge.desk.visitor import Reading, Visitor

router = APIRouter()

_SECONDS_BETWEEN_HEARTBEATS: Final = 15.0

_PASSED_ON: Final = ("queue", "alarm")
"""Events without data, which say: look again."""


@router.get("/events")
async def events(visitor: Reading) -> Response:
    """`call` has the call bar's new content, `wall` says that somebody else's call has changed."""
    if not visitor.desk.streams.is_room_for(visitor.api.token):
        return Response(status_code=HTTPStatus.NO_CONTENT)  # then browsers don't try again (HTML, 9.2.3)
    return StreamingResponse(
        _stream(visitor), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _stream(visitor: Visitor) -> AsyncIterator[str]:
    """Ends with the daemon's stream, and with the browser's connection; browsers come again by themselves."""
    try:
        with visitor.desk.streams.one_more(visitor.api.token):
            async with visitor.api.events(silence=_SECONDS_BETWEEN_HEARTBEATS) as events:
                # What has happened before the stream began, or while it was broken.
                yield str(await _call_now(visitor))
                async for event in events:
                    told = HEARTBEAT if event is None else _for_browser(visitor, event)
                    if told:
                        yield told
    except (DaemonAway, DeskProblem, StreamUnreadable):
        return


async def _call_now(visitor: Visitor) -> Event:
    call = await visitor.api.my_call()
    return Event("no-call") if call is None else Event("call", _bar(visitor, call))


def _for_browser(visitor: Visitor, event: Event) -> str:
    """As the browser is told of it; empty where it is not."""
    if event.name in _PASSED_ON:
        return str(Event(event.name))
    if event.name != "call":
        return ""
    try:
        call = CallNow.model_validate_json(event.data)
    except ValidationError:
        return ""
    if call.extension != visitor.me.extension:
        return str(Event("wall"))
    return str(Event("call", _bar(visitor, call)))


def _bar(visitor: Visitor, call: CallNow) -> str:
    return visitor.render("parts/call_bar.html", call=call)
