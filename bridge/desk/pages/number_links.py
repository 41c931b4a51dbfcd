"""A link that a customer opens on their own phone: made at the desk, and the page behind it.

That page is outside of all signing in. It takes one number and shows none, or the wish to be called no more,
and is the same for every address that could be a link: only what is sent from it is looked at.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from bridge.api.desk.shapes import NUMBER_LINK_PATH, GivenNumber, StopCalls
from bridge.desk.client import DeskProblem
from bridge.desk.qr import qr_code
from bridge.desk.visitor import AnyGuest, Guest, Posting, typed

router = APIRouter()


@router.post("/orders/{code}/number-links")
async def make(visitor: Posting, code: str) -> HTMLResponse:
    made = await visitor.api.make_number_link(code)
    link = visitor.desk.settings.origin + made.path
    return visitor.page("number_link.html", link=link, ends_ms=made.ends_ms, code=code, qr=qr_code(link))


@router.get(NUMBER_LINK_PATH)
async def form(guest: AnyGuest, token: str) -> HTMLResponse:
    return _form(guest, token)


@router.post(NUMBER_LINK_PATH)
async def give(guest: AnyGuest, token: str) -> Response:
    """What was typed is not shown again."""
    form = await guest.request.form(max_files=0, max_fields=5)
    try:
        wanted = GivenNumber.model_validate({"number": typed(form, "number"), "address": guest.address})
    except ValidationError:
        return _again(guest, token, DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "not-a-number"))
    try:
        await guest.desk.daemon.give_number(token, wanted)
    except DeskProblem as problem:
        if problem.status == HTTPStatus.NOT_FOUND:
            return guest.page("number_given.html", HTTPStatus.NOT_FOUND, saved=False)
        return _again(guest, token, problem)
    return guest.page("number_given.html", saved=True)


@router.post(NUMBER_LINK_PATH + "/do-not-call")
async def stop_calls(guest: AnyGuest, token: str) -> Response:
    try:
        await guest.desk.daemon.stop_calls(token, StopCalls(address=guest.address))
    except DeskProblem as problem:
        if problem.status == HTTPStatus.NOT_FOUND:
            return guest.page("number_given.html", HTTPStatus.NOT_FOUND, saved=False)
        return _again(guest, token, problem)
    return guest.page("calls_stopped.html")


def _form(guest: Guest, token: str, problem: str = "", status: int = HTTPStatus.OK) -> HTMLResponse:
    return guest.page("give_number.html", status, problem=problem, link=NUMBER_LINK_PATH.format(token=token))


def _again(guest: Guest, token: str, problem: DeskProblem) -> Response:
    text = guest.told(problem)
    response = _form(guest, token, text, problem.status)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response
