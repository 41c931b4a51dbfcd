"""A call: placed, watched and ended from the desk, and a number asked for in it."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from bridge.desk.client import DeskProblem
from bridge.desk.pages.orders import answer_with_order
from bridge.desk.visitor import Posting, Reading, Visitor, local_path

router = APIRouter()


@router.get("/call")
async def bar(visitor: Reading) -> HTMLResponse:
    """The call bar as it is now."""
    return visitor.page("parts/call_bar.html", call=await visitor.api.my_call())


@router.post("/orders/{code}/calls")
async def place_call(visitor: Posting, code: str) -> Response:
    """From the order's own page the bar is enough; a row of the queue opens its order as well."""
    call = await visitor.api.place_call(code, visitor.typed_id("contact_id"))
    if visitor.by_htmx and visitor.request.headers.get("hx-target") == "call":
        return visitor.page("parts/call_bar.html", call=call)
    return await answer_with_order(visitor, code, call)


@router.post("/calls/{call_id}/hang-up")
async def hang_up(visitor: Posting, call_id: str) -> Response:
    try:
        await visitor.api.hang_up(call_id)
    except DeskProblem as problem:
        if problem.status != HTTPStatus.NOT_FOUND:  # it was faster than the click: so much the better
            raise
    return _told_by_the_stream(visitor)


@router.post("/calls/{call_id}/capture")
async def capture(visitor: Posting, call_id: str) -> Response:
    """Let the customer key a number in."""
    await visitor.api.capture(call_id)
    return _told_by_the_stream(visitor)


@router.post("/calls/{call_id}/capture/end")
async def end_capture(visitor: Posting, call_id: str) -> Response:
    try:
        await visitor.api.cancel_capture(call_id)
    except DeskProblem as problem:
        if problem.status != HTTPStatus.NOT_FOUND:
            raise
    return _told_by_the_stream(visitor)


def _told_by_the_stream(visitor: Visitor) -> Response:
    """The stream tells what becomes of it, and may have told its end before this answer arrives."""
    if visitor.by_htmx:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return visitor.go(local_path(visitor.typed("return")))
