"""The description of the API (OpenAPI 3.1): FastAPI's, with what it can't know: tokens, and every problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from bridge.api.v1.shapes import ProblemTold

_ABOUT: Final = """\
Orders and customers go in, with their numbers; calls, results and events come out, and never a number.
A token (`call-bridge tokens add`) goes with each request. Errors are problem details (RFC 9457).
"""

_OF_ALL: Final = {
    401: "No token, or none that is good.",
    403: "The token lacks the scope.",
    429: "Too many requests: see `Retry-After`.",
    500: "A fault of call-bridge's own.",
    503: "The daemon has no key, or its database does not answer: see its log.",
}
_OF_ALL_WITH_INPUT: Final = {422: "A part of the request can't be taken: `errors` names each."}
_OF_BODIES: Final = {
    400: "The body is no JSON.",
    413: "The body is too large.",
    415: "The body does not say that it is JSON.",
}
_OF_ONE: Final = {404: "There is nothing here."}
_OF_CHANGES: Final = {
    409: "What is on record stands against it.",
    412: "`If-Match` or `If-None-Match` does not hold.",
}
_SCHEMA: Final = "#/components/schemas/"


def of(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What FastAPI is to ask for the description."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    return described


def _described(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary="Masked calls: numbers go in, none come out",
        description=_ABOUT,
        routes=app.routes,
    )
    components = told.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, problem = models_json_schema([(ProblemTold, "serialization")], ref_template=_SCHEMA + "{model}")
    schemas |= problem["$defs"]
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    told["security"] = [{"token": []}]
    for method, path, operation in _operations(told):
        operation["operationId"] = _name(method, path)
        summary, _, operation["description"] = operation["description"].partition("\n\n")
        operation["summary"] = " ".join(summary.removesuffix(".").split())
        _describe_headers(method, path, operation)
        _describe_problems(method, path, operation)
    return told


def _operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _name(method: str, path: str) -> str:
    """get-v1-orders-code: short, stable, and what generated clients call it."""
    return "_".join([method, *path.removeprefix("/v1/").replace("{", "").replace("}", "").split("/")])


def _describe_headers(method: str, path: str, operation: dict[str, Any]) -> None:
    """Of what was done, and of one order or customer."""
    headers = []
    if method == "post":
        headers.append(("Location", "Where it is looked at."))
    if path.startswith(("/v1/orders", "/v1/customers")) and (method != "get" or "{" in path):
        headers.append(("ETag", "For `If-Match`, to change it only as it was seen."))
    for status, response in operation["responses"].items():
        if status in ("200", "201", "304") and headers:
            response["headers"] = {
                name: {"description": words, "required": True, "schema": {"type": "string"}}
                for name, words in headers
            }


def _describe_problems(method: str, path: str, operation: dict[str, Any]) -> None:
    problems = dict(_OF_ALL)
    if operation.get("parameters") or method in ("post", "patch"):
        problems |= _OF_ALL_WITH_INPUT
    if method in ("post", "patch"):
        problems |= _OF_BODIES | _OF_CHANGES
    if "{" in path or path == "/v1/calls":
        problems |= _OF_ONE
    responses = operation["responses"]
    responses.pop("422", None)
    for status, words in sorted(problems.items()):
        responses[str(status)] = _problem(words, retry=status in (429,))


def _problem(words: str, *, retry: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": words,
        "content": {"application/problem+json": {"schema": {"$ref": f"{_SCHEMA}ProblemTold"}}},
    }
    if retry:
        told["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}
        }
    return told
