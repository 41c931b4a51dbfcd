"""The desk's application: what it is made of, and what becomes of errors. Pages are in `pages`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from bridge.desk import cookies, words
from bridge.desk.assets import Assets
from bridge.desk.client import Daemon, DaemonAway, DeskProblem
from bridge.desk.headers import Gate
from bridge.desk.pages import (
    account,
    alarms,
    audit,
    callers,
    calls,
    comparisons,
    contacts,
    disclosure,
    doubts,
    events,
    limits,
    look,
    managers,
    messages,
    number_links,
    orders,
    phone,
    proposals,
    queue,
    results,
    signing_in,
    texts,
    wall,
)
from bridge.desk.rendering import Renderer
from bridge.desk.settings import DeskSettings
from bridge.desk.streams import Streams
from bridge.desk.visitor import Desk, Guest, Moved, sign_in_path

log = structlog.get_logger()

_SECONDS_TO_TRY_AGAIN: Final = 5

PAGES: Final = (
    *(signing_in, look, queue, orders, texts, doubts, comparisons, calls, events, account),
    *(wall, managers, limits, results, alarms, audit, proposals, contacts, callers),
    *(disclosure, number_links, messages, phone),
)


def make_app(settings: DeskSettings) -> ASGIApp:
    """The desk as an ASGI application, its lifespan included."""
    app = FastAPI(
        title="call-bridge desk",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_life,
    )
    app.state.settings = settings
    for pages in PAGES:
        app.include_router(pages.router)
    app.add_exception_handler(DeskProblem, _answer_problem)
    app.add_exception_handler(DaemonAway, _answer_away)
    app.add_exception_handler(Moved, _answer_moved)
    app.add_exception_handler(HTTPException, _answer_refused_by_http)
    app.add_exception_handler(RequestValidationError, _answer_unreadable)
    app.add_exception_handler(ValidationError, _answer_unreadable)
    app.add_exception_handler(Exception, _answer_unforeseen)
    return Gate(app, origin=settings.origin, encrypted=settings.encrypted, websocket=settings.websocket)


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    settings: DeskSettings = app.state.settings
    assets = Assets()
    async with Daemon(settings.socket) as daemon:
        app.state.desk = Desk(settings, daemon, assets, Renderer(assets), Streams())
        yield


async def _answer_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, DeskProblem)  # noqa: S101 - registered for this type alone
    if problem.status == HTTPStatus.UNAUTHORIZED and problem.reason == "signed-out":
        return _to_sign_in(Guest(request))
    if problem.status == HTTPStatus.UNPROCESSABLE_ENTITY and request.method == "GET":
        return _nothing_here(request)
    response = _refusal(request, problem.status, words.words_of(problem.reason, problem.status))
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _to_sign_in(guest: Guest) -> Response:
    """Without the cookie: it is of no more use."""
    to = sign_in_path(guest)
    if guest.by_htmx or "text/event-stream" in guest.request.headers.get("accept", ""):
        response = Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": to})
    else:
        response = guest.go(to)
    cookies.take_session(response)
    return response


async def _answer_away(request: Request, _away: Exception) -> Response:
    """The page tries again by itself, where it is one that changes nothing."""
    guest = Guest(request)
    again = {"Retry-After": str(_SECONDS_TO_TRY_AGAIN)}
    template = "parts/notice.html" if guest.by_htmx else "away.html"
    text = guest.text(words.AWAY)
    response = guest.page(template, HTTPStatus.SERVICE_UNAVAILABLE, text=text)
    response.headers.update(again)
    return response


async def _answer_moved(request: Request, moved: Exception) -> Response:
    assert isinstance(moved, Moved)  # noqa: S101 - registered for this type alone
    return Guest(request).go(moved.to)


async def _answer_refused_by_http(request: Request, error: Exception) -> Response:
    """What routing refuses: an unknown path, a method that is not served."""
    status = int(getattr(error, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR))
    return _refusal(request, status, words.words_of("", status))


async def _answer_unreadable(request: Request, _error: Exception) -> Response:
    if request.method == "GET":
        return _nothing_here(request)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _refusal(request, status, words.words_of("", status))


async def _answer_unforeseen(request: Request, error: Exception) -> Response:
    log.error("a page failed", error=type(error).__name__)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _refusal(request, status, words.words_of("", status))


def _nothing_here(request: Request) -> Response:
    """An address that can't be one of ours: there is nothing to correct in it, as in a form."""
    status = HTTPStatus.NOT_FOUND
    return _refusal(request, status, words.words_of("not-found", status))


def _refusal(request: Request, status: int, text: str) -> Response:
    """In words, as a part of the page where htmx asked."""
    guest = Guest(request)
    template = "parts/notice.html" if guest.by_htmx else "refused.html"
    return guest.page(template, status, text=guest.text(text))
