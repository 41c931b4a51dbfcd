"""Signing in and out, and a one-time link's other end."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData

from bridge.api.desk.shapes import INVITATION_PATH, InvitationAccepted, SignedIn, SignIn
from bridge.desk import cookies
from bridge.desk.client import DeskProblem
from bridge.desk.visitor import AnyGuest, Enrolling, Guest, local_path, typed

router = APIRouter()


async def _form(guest: Guest) -> FormData:
    return await guest.request.form(max_files=0, max_fields=20)


@router.get("/sign-in")
async def form(guest: AnyGuest) -> HTMLResponse:
    return _form_page(guest, login="", back=_back(guest))


@router.post("/sign-in")
async def sign_in(guest: AnyGuest) -> Response:
    form = await _form(guest)
    login, back = typed(form, "login"), local_path(typed(form, "return"))
    wanted = {"login": login, "password": form.get("password", "")}
    try:
        answer = await guest.desk.daemon.sign_in(SignIn.model_validate(wanted | _browser(guest)))
    except DeskProblem as problem:
        return _form_page(guest, login=login, back=back, problem=problem)
    return _let_in(guest, answer, back)


@router.get("/sign-in/code")
async def code_form(guest: AnyGuest) -> Response:
    return guest.page("code.html", back=_back(guest), problem="") if guest.session else guest.go("/sign-in")


@router.post("/sign-in/code")
async def second_factor(guest: AnyGuest) -> Response:
    form = await _form(guest)
    back = local_path(typed(form, "return"))
    code = typed(form, "code").replace(" ", "")
    if guest.session is None:
        return guest.go("/sign-in")
    try:
        answer = await guest.desk.daemon.named(guest.session).second_factor(code)
    except DeskProblem as problem:
        if problem.reason == "signed-out":
            raise
        return _told(guest, "code.html", problem, back=back)
    return _let_in(guest, answer, back)


@router.post("/sign-out")
async def sign_out(visitor: Enrolling) -> Response:
    await visitor.api.sign_out()
    response = visitor.go("/sign-in")
    cookies.take_session(response)
    # Whoever sits down next finds nothing of this session in the browser (Clear Site Data, 3.1).
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@router.get(INVITATION_PATH)
async def invitation(guest: AnyGuest, token: str) -> HTMLResponse:
    return guest.page("invitation.html", invitation=await guest.desk.daemon.invitation(token), problem="")


@router.post(INVITATION_PATH)
async def accept_invitation(guest: AnyGuest, token: str) -> Response:
    form = await _form(guest)
    daemon = guest.desk.daemon
    try:
        wanted = InvitationAccepted.model_validate({"password": form.get("password", "")} | _browser(guest))
        answer = await daemon.accept_invitation(token, wanted)
    except DeskProblem as problem:
        if problem.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return _told(guest, "invitation.html", problem, invitation=await daemon.invitation(token))
    return _let_in(guest, answer, "/")


def _browser(guest: Guest) -> dict[str, str]:
    """What the daemon is to know of it, for its limits and the list of sessions."""
    return {"address": guest.address, "agent": guest.agent}


def _back(guest: Guest) -> str:
    return local_path(guest.request.query_params.get("return", "/"))


def _let_in(guest: Guest, answer: SignedIn, back: str) -> Response:
    code_page = "/sign-in/code" if back == "/" else f"/sign-in/code?return={back}"
    response = guest.go(code_page if answer.second_factor_wanted else back)
    cookies.give_session(response, answer.token)
    return response


def _form_page(guest: Guest, *, login: str, back: str, problem: DeskProblem | None = None) -> HTMLResponse:
    if problem is None:
        return guest.page("sign_in.html", login=login, back=back, problem="")
    return _told(guest, "sign_in.html", problem, login=login, back=back)


def _told(guest: Guest, template: str, problem: DeskProblem, **values: Any) -> HTMLResponse:
    """The same form again, with what was wrong."""
    text = guest.told(problem)
    response = guest.page(template, problem.status, problem=text, **values)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response
