"""The daemon's HTTP API: order codes and extensions go in, states come out; a number neither way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.exceptions import HTTPException

from bridge import __version__
from bridge.api.problems import (
    Problem,
    answer_problem,
    answer_refused_by_http,
    answer_unforeseen,
    answer_unreadable,
)
from bridge.api.proofs import ProofOrder, Prover, expect_proof
from bridge.logs import LoggedError
from bridge.rules import LAST_PLACE, Reason
from bridge.switchboard.admission import Refused
from bridge.switchboard.board import CallView, Switchboard, SwitchboardFull
from bridge.switchboard.proofs import ProofCall

REFUSALS: dict[Reason | None, str] = {
    None: "The database did not answer, so the call could not be put on record. See the daemon's log.",
    Reason.UNKNOWN_MANAGER: "No manager has this extension.",
    Reason.MANAGER_DISABLED: "This manager is disabled.",
    Reason.NOT_YOURS: "This manager has nothing to call under this code. The audit says why.",
    Reason.DO_NOT_CALL: "This customer has asked not to be called.",
    Reason.PANIC: "All calls are stopped. `call-bridge panic status` says by whom and why.",
    Reason.OUTSIDE_HOURS: "Customers are not called at this time of day.",
    Reason.CONTACT_HOURS: "At this number the customer is called at another time of day.",
    Reason.DAILY_LIMIT: "The manager's calls of today are used up.",
    Reason.DAILY_LIMIT_IN_ALL: "The shop's calls of today are used up.",
    Reason.MINUTES_LIMIT: "The manager has talked for as long as may be in a day.",
    Reason.MINUTES_LIMIT_IN_ALL: "The shop has talked for as long as may be in a day.",
    Reason.SPEND_LIMIT: "The manager's calls of today have cost as much as they may.",
    Reason.SPEND_LIMIT_IN_ALL: "The shop's calls of today have cost as much as they may.",
    Reason.HOURLY_LIMIT: "The manager's calls of this hour are used up.",
    Reason.ALREADY_TALKING: "The manager is already in a call.",
    Reason.SYSTEM_FULL: "Too many calls are in progress. Try again in a moment.",
    Reason.SEALED: "The daemon has no key to open numbers with. See its log.",
    Reason.STOPPING: "The daemon is being stopped. Its successor places calls again.",
}


class CallOrder(BaseModel):
    """The body of a click on Call."""

    model_config = ConfigDict(extra="forbid", strict=True)

    order: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
    extension: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    contact: Annotated[int, Field(ge=1, le=LAST_PLACE)] = 1
    """The place of the customer's number among those that may be dialled, as in *1042*2."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """`link`: events arrive from Asterisk. `sealed`: there is no key, nothing can be dialled.

    `panic`: somebody has stopped all calls. `stopping`: the daemon is about to end.
    """

    link: bool
    sealed: bool
    panic: bool = False
    stopping: bool = False

    @property
    def ready(self) -> bool:
        return self.link and not (self.sealed or self.panic or self.stopping)


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """The configuration in use, and what came of the last reload, if there was one.

    `changed_on_disk`: the file is another now. `problems` and `restart_for` say why the last reload was
    refused: faults with their lines, and keys that change at a restart alone.
    """

    path: str
    loaded_ms: int
    changed_on_disk: bool
    reload_ms: int | None
    problems: tuple[str, ...]
    restart_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How the daemon is. Times are milliseconds since the epoch, UTC.

    `link_since_ms` is None without a link. `backlog`: entries about calls that are not on disk yet.
    """

    version: str
    started_ms: int
    link_since_ms: int | None
    carrier_up: bool
    calls: int
    conversations: int
    backlog: int
    last_error: LoggedError | None
    config: ConfigStatus


class Daemon(Protocol):
    """What the API needs of the daemon."""

    @property
    def readiness(self) -> Readiness: ...

    @property
    def status(self) -> Status: ...

    @property
    def switchboard(self) -> Switchboard: ...

    @property
    def proofs(self) -> Prover: ...

    def measure(self) -> None:
        """Bring the gauges up to date."""


def make_app(daemon: Daemon) -> FastAPI:
    app = FastAPI(title="call-bridge", version=__version__, docs_url=None, redoc_url=None)
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(RequestValidationError, answer_unreadable)
    app.add_exception_handler(HTTPException, answer_refused_by_http)
    app.add_exception_handler(Exception, answer_unforeseen)

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

    @app.get("/v1/status")
    async def status() -> dict[str, Any]:
        """How the daemon is, for people."""
        now = daemon.readiness
        return {"ready": now.ready, **asdict(now), **asdict(daemon.status)}

    @app.get("/metrics")
    async def metrics() -> Response:
        daemon.measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/calls")
    async def calls() -> dict[str, Any]:
        return {"calls": [asdict(call) for call in daemon.switchboard.live()]}

    @app.post("/v1/calls", status_code=HTTPStatus.CREATED)
    async def place_call(wanted: CallOrder) -> CallView:
        return await place(daemon.switchboard, wanted.order, wanted.extension, at_place=wanted.contact)

    @app.delete("/v1/calls/{call_id}", status_code=HTTPStatus.NO_CONTENT)
    async def hang_up(call_id: str) -> None:
        if not daemon.switchboard.hang_up(call_id):
            raise Problem(HTTPStatus.NOT_FOUND, "no-such-call", "The call is over, or there never was one.")

    @app.post("/v1/proofs", status_code=HTTPStatus.CREATED)
    async def prove(wanted: ProofOrder) -> ProofCall:
        return await expect_proof(daemon.proofs, wanted)

    return app


async def place(
    switchboard: Switchboard,
    code: str,
    extension: str,
    *,
    contact_id: int | None = None,
    at_place: int = 1,
) -> CallView:
    """Place a call, or raise Problem with why not."""
    try:
        placed = await switchboard.click(code, extension, contact_id, at_place)
    except SwitchboardFull:
        full = Reason.SYSTEM_FULL
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, full.value, REFUSALS[full]) from None
    if isinstance(placed.outcome, Refused):
        reason = placed.outcome.reason
        status = HTTPStatus.SERVICE_UNAVAILABLE if reason is None else HTTPStatus.FORBIDDEN
        raise Problem(status, reason.value if reason else "database", REFUSALS[reason])
    return placed.call
