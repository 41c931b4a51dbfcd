"""One's own account: where one is signed in, the password, the second factor."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from bridge.api.desk.shapes import Enrolment
from bridge.desk import cookies
from bridge.desk.client import DeskProblem
from bridge.desk.qr import qr_code
from bridge.desk.visitor import Enrolling, Posting, Reading, Visitor

router = APIRouter()


@router.get("/account")
async def page(visitor: Reading) -> HTMLResponse:
    return await _page(visitor)


async def _page(visitor: Visitor, problem: DeskProblem | None = None) -> HTMLResponse:
    text = visitor.told(problem) if problem else ""
    status = problem.status if problem else HTTPStatus.OK
    return visitor.page("account.html", status, sessions=await visitor.api.sessions(), problem=text)


@router.post("/account/sessions/{session_id}/end")
async def end_session(visitor: Posting, session_id: str) -> Response:
    await visitor.api.end_session(session_id)
    response = visitor.go("/account")
    if session_id == visitor.me.session_id:
        cookies.take_session(response)
    return response


@router.post("/account/password")
async def change_password(visitor: Posting) -> Response:
    old, new = (str(visitor.form.get(name, "")) for name in ("old", "new"))
    try:
        await visitor.api.change_password(old, new)
    except ValidationError:
        return await _page(visitor, DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "weak-password"))
    except DeskProblem as problem:
        return await _page(visitor, problem)
    return visitor.go("/account")


@router.get("/account/second-factor")
async def second_factor(visitor: Enrolling) -> HTMLResponse:
    return _second_factor(visitor)


def _second_factor(
    visitor: Visitor,
    enrolment: Enrolment | None = None,
    problem: DeskProblem | None = None,
    *,
    confirming: bool = False,
) -> HTMLResponse:
    """`confirming`: a secret was given out, and a code of it is wanted."""
    return visitor.page(
        "second_factor.html",
        problem.status if problem else HTTPStatus.OK,
        enrolment=enrolment,
        qr=qr_code(enrolment.uri) if enrolment else "",
        problem=visitor.told(problem) if problem else "",
        confirming=confirming,
    )


@router.post("/account/second-factor")
async def enrol(visitor: Enrolling) -> HTMLResponse:
    """The secret is shown this once, as a picture for an app's camera and as text."""
    present_code = _code(visitor, "present_code") if visitor.me.second_factor else None
    try:
        enrolment = await visitor.api.new_second_factor(present_code)
    except (DeskProblem, ValidationError) as error:
        return _second_factor(visitor, problem=_wrong_code(error))
    return _second_factor(visitor, enrolment, confirming=True)


@router.post("/account/second-factor/confirm")
async def confirm(visitor: Enrolling) -> Response:
    """After a wrong code the secret stays as it is: the app has it already."""
    try:
        await visitor.api.confirm_second_factor(_code(visitor, "code"))
    except (DeskProblem, ValidationError) as error:
        return _second_factor(visitor, problem=_wrong_code(error), confirming=True)
    return visitor.go("/")


def _code(visitor: Visitor, field: str) -> str:
    """Apps show codes in two groups of digits."""
    return visitor.typed(field).replace(" ", "")


def _wrong_code(error: DeskProblem | ValidationError) -> DeskProblem:
    """What is no code at all is a wrong one. Raises what has nothing to do with codes."""
    if isinstance(error, ValidationError):
        return DeskProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-code")
    if error.reason == "signed-out":
        raise error
    return error
