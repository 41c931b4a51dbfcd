"""Errors as people and programs get them: problem details (RFC 9457), in our own words."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request
from fastapi.responses import JSONResponse


class Problem(Exception):
    """An answer that is an error. `reason` is a stable word for programs, `detail` says what to do."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.detail = detail


async def answer_problem(_request: Request, problem: Exception) -> JSONResponse:
    """FastAPI's handler for Problem."""
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this type alone
    return problem_response(problem.status, problem.reason, problem.detail)


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


def problem_response(status: int, reason: str, detail: str) -> JSONResponse:
    body = {
        "type": f"urn:call-bridge:problem:{reason}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "reason": reason,
    }
    return JSONResponse(body, status, media_type="application/problem+json")
