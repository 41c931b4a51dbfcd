"""The daemon's HTTP API: order codes and extensions go in, states come out; a number neither way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.api.problems import Problem, answer_problem, answer_refused_by_http, answer_unreadable
from bridge.rules import Reason
from bridge.switchboard.admission import Refused
from bridge.switchboard.board import CallView, Placed, Switchboard, SwitchboardFull

REFUSALS: dict[Reason | None, str] = {
    None: "The database did not answer, so the call could not be put on record. See the daemon's log.",
    Reason.UNKNOWN_MANAGER: "No manager has this extension.",
    Reason.MANAGER_DISABLED: "This manager is disabled.",
    Reason.LOCKED_OUT: "Too many codes of others were tried from this extension. Wait, or ask a supervisor.",
    Reason.NOT_YOURS: "This manager has no order with this code.",
    Reason.PANIC: "All calls are stopped. `call-bridge panic status` says by whom and why.",
    Reason.OUTSIDE_HOURS: "Customers are not called at this time of day.",
    Reason.DAILY_LIMIT: "The manager's calls of today are used up.",
    Reason.DAILY_LIMIT_IN_ALL: "The shop's calls of today are used up.",
    Reason.MINUTES_LIMIT: "The manager has talked for as long as may be in a day.",
    Reason.MINUTES_LIMIT_IN_ALL: "The shop has talked for as long as may be in a day.",
    Reason.SPEND_LIMIT: "The manager's calls of today have cost as much as they may.",
    Reason.SPEND_LIMIT_IN_ALL: "The shop's calls of today have cost as much as they may.",
    Reason.HOURLY_LIMIT: "The manager's calls of this hour are used up.",
    Reason.ALREADY_TALKING: "The manager is already in a call.",
    Reason.SYSTEM_FULL: "Too many calls are in progress. Try again in a moment.",
    Reason.NO_CONTACT: "The customer has no number that can be called.",
    Reason.COUNTRY: "The customer's number is of a country that is not allowed.",
    Reason.LINE_TYPE: "The customer's number is of a kind that is not allowed.",
    Reason.SEALED: "The daemon has no key to open numbers with. See its log.",
}


class CallOrder(BaseModel):
    """The body of a click on Call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    order: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
    extension: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`link`: events arrive from Asterisk. `sealed`: there is no key, nothing can be dialled.

    `panic`: somebody has stopped all calls.
    """

    link: bool
    sealed: bool
    panic: bool = False

    @property
    def ready(self) -> bool:
        return self.link and not self.sealed and not self.panic


class Daemon(Protocol):
    """What the API needs of the daemon."""

    @property
    def readiness(self) -> Readiness: ...

    @property
    def switchboard(self) -> Switchboard: ...

    def measure(self) -> None:
        """Bring the gauges up to date."""


def make_app(daemon: Daemon) -> FastAPI:
    app = FastAPI(title="call-bridge", version=__version__, docs_url=None, redoc_url=None)
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(RequestValidationError, answer_unreadable)
    app.add_exception_handler(HTTPException, answer_refused_by_http)

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        """The process lives and its loop turns."""
        return {"status": "ok"}

    @app.get("/readyz")
    async def ready() -> JSONResponse:
        """Whether a call could be placed now."""
        now = daemon.readiness
        status = HTTPStatus.OK if now.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JSONResponse({"ready": now.ready, **asdict(now)}, status)

    @app.get("/metrics")
    async def metrics() -> Response:
        daemon.measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/calls")
    async def calls() -> dict[str, Any]:
        return {"calls": [asdict(call) for call in daemon.switchboard.live()]}

    @app.post("/v1/calls", status_code=HTTPStatus.CREATED)
    async def place_call(wanted: CallOrder) -> CallView:
        return _placed(await _click(daemon.switchboard, wanted))

    @app.delete("/v1/calls/{call_id}", status_code=HTTPStatus.NO_CONTENT)
    async def hang_up(call_id: str) -> None:
        if not daemon.switchboard.hang_up(call_id):
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-call", "The call is over, or there never was one.")

    return app


async def _click(switchboard: Switchboard, wanted: CallOrder) -> Placed:
    try:
        return await switchboard.click(wanted.order, wanted.extension)
    except SwitchboardFull:
        full = Reason.SYSTEM_FULL
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, full.value, REFUSALS[full]) from None


def _placed(placed: Placed) -> CallView:
    if isinstance(placed.outcome, Refused):
        reason = placed.outcome.reason
        status = HTTPStatus.SERVICE_UNAVAILABLE if reason is None else HTTPStatus.FORBIDDEN
        raise Problem(status, reason.value if reason else "database", REFUSALS[reason])
    return placed.call
