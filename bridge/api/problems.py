"""Errors as people and programs get them: problem details (RFC 9457), in our own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import JSONResponse


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one part of a request, never with what it holds.

    `pointer` names it: a JSON pointer into the body, as the fragment of a URI (RFC 6901, 6), or a parameter's
    or header's name.
    """

    pointer: str
    detail: str


class Problem(Exception):
    """An answer that is an error. `reason` is a stable word for programs, `detail` says what to do.

    `retry_after`: the seconds after which it is worth asking again, where that is known. `faults`: the parts
    of the request that can't be taken, where there are such.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        retry_after: int | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
        self.faults = tuple(faults)

    def response(self) -> JSONResponse:
        response = problem_response(self.status, self.reason, self.detail, self.faults)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


def sealed() -> Problem:
    """What needs a key, while the daemon has none."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "sealed", "The daemon has no key. See its log.")


async def answer_problem(_request: Request, problem: Exception) -> JSONResponse:
    """FastAPI's handler for Problem."""
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this type alone
    return problem.response()


async def answer_unreadable(_request: Request, _error: Exception) -> JSONResponse:
    """FastAPI's handler for a request that does not fit. Its own would quote the request."""
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "unreadable",
        "The request does not have the documented form.",
    )


async def answer_refused_by_http(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for what routing refuses: an unknown path, a method that is not served."""
    status = int(getattr(error, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR))
    return problem_response(status, "http", HTTPStatus(status).description or HTTPStatus(status).phrase)


async def answer_unforeseen(_request: Request, _error: Exception) -> JSONResponse:
    """FastAPI's handler for whatever else is raised: in words that hold nothing of it."""
    detail = "Something went wrong that call-bridge did not foresee. See the daemon's log."
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "unforeseen", detail)


async def answer_database_failed(_request: Request, _error: Exception) -> JSONResponse:
    """FastAPI's handler for SQLAlchemyError, whose text quotes a statement."""
    detail = "The database did not answer. See the daemon's log."
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail)


def problem_response(status: int, reason: str, detail: str, faults: Sequence[Fault] = ()) -> JSONResponse:
    body: dict[str, object] = {
        "type": f"urn:call-bridge:problem:{reason}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "reason": reason,
    }
    if faults:
        body["errors"] = [asdict(fault) for fault in faults]
    return JSONResponse(body, status, media_type="application/problem+json")
