"""What is wrong with a request, part by part, in words that never hold what it says.

A request may have a number where none belongs: as a value, and as the name of a field that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from bridge.api.problems import Fault, Problem, problem_response
from bridge.api.v1.gate import too_large
from bridge.intake.rows import Column, RowRefused

_KINDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "has a field that is not known",
    "string_type": "must be a text",
    "string_unicode": "must be a text of whole characters",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "list_type": "must be a list",
    "too_short": "must have {min_length} or more",
    "too_long": "must have {max_length} or fewer",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
}


async def answer_unreadable(_request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for a request that does not fit."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type alone
    found: Sequence[Mapping[str, Any]] = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem_response(HTTPStatus.BAD_REQUEST, "no-json", "The body is no JSON.")
    faults = dict.fromkeys(_fault(each) for each in found)
    return unacceptable(*faults).response()


def unacceptable(*faults: Fault) -> Problem:
    detail = "A part of the request can't be taken: `errors` says which, and why."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", detail, faults=faults)


def _fault(error: Mapping[str, Any]) -> Fault:
    kind, (where, *place) = error["type"], error["loc"]
    if kind == "extra_forbidden":
        place = place[:-1]  # the field's name is the sender's word, not ours
    words = _KINDS.get(kind, "is of another form")
    told = words.format(**error.get("ctx", {})).replace("'", "")
    pointer = "#" + "".join(f"/{part}" for part in place) if where == "body" else str(place[0])
    return Fault(pointer, told)


def refused_row(refused: RowRefused, pointers: Mapping[Column, str]) -> Problem:
    """What the intake says of a part, by where that part is in the body."""
    return unacceptable(Fault(pointers[refused.column], refused.reason))


async def answer_refused_by_http(request: Request, error: Exception) -> JSONResponse:
    """FastAPI's handler for what routing refuses, and for a body that is longer than it may be."""
    status = int(getattr(error, "status_code", HTTPStatus.INTERNAL_SERVER_ERROR))
    match status:
        case HTTPStatus.NOT_FOUND:
            return nothing_here().response()
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return _wrong_method(request)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return too_large().response()
        case _:
            return problem_response(status, "no-json", "The body can't be read.")


def nothing_here() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")


def _wrong_method(request: Request) -> JSONResponse:
    """With all the methods of the path, each of which is a route of its own."""
    methods = {
        method
        for route in cast(list[APIRoute], request.app.state.routes)
        for method in route.methods or ()
        if route.path_regex.match(request.url.path)
    }
    detail = "This path has other methods: `Allow` names them."
    response = problem_response(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail)
    response.headers["Allow"] = ", ".join(sorted(methods))
    return response
