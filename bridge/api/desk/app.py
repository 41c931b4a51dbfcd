"""The desk's API as one application, put together from its parts; docs/desk-api.md lists what it serves."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.api.desk import (
    access,
    comparisons,
    contacts,
    disclosure,
    doubts,
    limits,
    messages,
    people,
    phones,
    texts,
    work,
)
from bridge.api.desk.daemon import DeskDaemon
from bridge.api.desk.door import Door
from bridge.api.problems import (
    Problem,
    answer_database_failed,
    answer_problem,
    answer_refused_by_http,
    answer_unforeseen,
    answer_unreadable,
)
from bridge.store.database import now_ms
from bridge.store.results import ResultsBook


def make_desk_app(daemon: DeskDaemon, *, clock: Callable[[], int] = now_ms) -> FastAPI:
    """`clock` tells milliseconds since the epoch, UTC."""
    app = FastAPI(
        title="call-bridge desk", version=__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.daemon, app.state.clock = daemon, clock
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(RequestValidationError, answer_unreadable)
    app.add_exception_handler(HTTPException, answer_refused_by_http)
    app.add_exception_handler(SQLAlchemyError, answer_database_failed)
    app.add_exception_handler(Exception, answer_unforeseen)
    app.state.work = work.Work(daemon.database, clock, daemon.desk_tasks)
    app.state.work.follow(daemon.switchboard, daemon.phones)
    daemon.switchboard.compare_by(comparisons.PhoneComparisons(daemon, clock))
    app.state.results = ResultsBook()
    app.state.door = Door(alarmed=app.state.work.listeners.alarm)
    app.state.customers_door = Door(alarmed=app.state.work.listeners.alarm)
    app.state.phones_door = Door(alarmed=app.state.work.listeners.alarm)
    for part in (
        access,
        work,
        people,
        limits,
        contacts,
        messages,
        doubts,
        comparisons,
        texts,
        disclosure,
        phones,
    ):
        app.include_router(part.router)
    return app
