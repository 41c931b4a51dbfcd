"""The API for integrators as one application, put together from its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.api.desk.daemon import DeskDaemon
from bridge.api.desk.work import Work
from bridge.api.problems import Problem, answer_database_failed, answer_problem, answer_unforeseen
from bridge.api.v1 import calls, customers, events, openapi, orders, shops
from bridge.api.v1.faults import answer_refused_by_http, answer_unreadable
from bridge.api.v1.gate import OPENAPI_PATH, Gate
from bridge.shops.plugins import load_shops
from bridge.store.database import now_ms


def make_v1_app(daemon: DeskDaemon, work: Work, *, clock: Callable[[], int] = now_ms) -> FastAPI:
    """`work` is that of the desk: what each of them changes, the other's listeners hear of.

    `clock` tells milliseconds since the epoch, UTC.
    """
    app = _routed()
    app.state.daemon, app.state.clock, app.state.in_hand = daemon, clock, set()
    app.state.news = events.News()
    app.state.news.follow(daemon.switchboard)
    app.state.work, app.state.shops = work, load_shops()
    work.watch_outcomes(app.state.news.outcome_told)
    app.add_middleware(Gate, daemon=daemon)
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(RequestValidationError, answer_unreadable)
    app.add_exception_handler(HTTPException, answer_refused_by_http)
    app.add_exception_handler(SQLAlchemyError, answer_database_failed)
    app.add_exception_handler(Exception, answer_unforeseen)
    return app


def description() -> dict[str, Any]:
    """The API as OpenAPI describes it."""
    return _routed().openapi()


def _routed() -> FastAPI:
    app = FastAPI(
        title="call-bridge",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI_PATH,
        redirect_slashes=False,
    )
    app.state.routes = []
    for part in (orders, customers, calls, events, shops):
        app.include_router(part.router)
        app.state.routes += part.router.routes
    app.openapi = openapi.of(app)  # type: ignore[method-assign]
    return app
