"""Requests that are sent again: what was done is answered again, and not done again.

By `Idempotency-Key`, as draft-ietf-httpapi-idempotency-key-header has it. Only what was done is kept, for 24
hours; a request that was refused may be sent again with the same key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Final, cast

from fastapi import Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from bridge.api.desk.daemon import DeskDaemon
from bridge.api.problems import Problem, sealed
from bridge.store.api_answers import (
    KeptAnswer,
    TooManyAnswers,
    begin_request,
    forget_request,
    keep_answer,
)
from bridge.store.api_answers import Request as KeptRequest
from bridge.vault import Vault

_KEPT_HEADERS: Final = ("content-type", "etag", "location")
_BODIES: Final = {"POST", "PATCH"}
_JSON: Final = "application/json"
_HEADER: Final = "idempotency-key"
_LONGEST_KEY: Final = 255
_HOUR: Final = 3600

_NOTHING_DONE: Final = (Problem, RequestValidationError, HTTPException, SQLAlchemyError)
"""What is raised before anything is done, or undoes it. Of another fault nobody knows."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=_LONGEST_KEY,
        description="Letters and digits by chance, such as a UUID. Sent again with the same key and body "
        "within 24 hours, the request is not done again: it is answered as before.",
    ),
]
"""For the description of a request: it is read by `AgainRoute`."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AgainRoute(APIRoute):
    """A route that takes JSON alone, and heeds the key.

    Its handler says in `request.state.about` whose name is in the answer: a customer's id.
    """

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            if request.method in _BODIES:
                _expect_json(request)
            key = request.headers.get(_HEADER)
            if request.method != "POST" or key is None or not 0 < len(key) <= _LONGEST_KEY:
                return await handle(request)
            return await _once(request, key, handle)

        return handle_once


def _expect_json(request: Request) -> None:
    """Raises Problem."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        detail = f"The body must be JSON, and say so: `Content-Type: {_JSON}`."
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not-json", detail)


async def _once(request: Request, key: str, handle: Handler) -> Response:
    daemon = cast(DeskDaemon, request.app.state.daemon)
    in_hand = cast(set[tuple[int, bytes]], request.app.state.in_hand)
    kept = _marked(daemon.vault, request, key, await request.body())
    mark = (kept.token_id, kept.key_hash)
    if mark in in_hand:
        raise _in_progress()
    in_hand.add(mark)
    try:
        try:
            before = await begin_request(daemon.database, kept, request.app.state.clock())
        except TooManyAnswers:
            raise _too_many() from None
        if before is not None:
            return _answer_again(before, kept)
        return await _do(daemon, request, kept, handle)
    finally:
        in_hand.discard(mark)


async def _do(daemon: DeskDaemon, request: Request, kept: KeptRequest, handle: Handler) -> Response:
    request.state.about = None
    try:
        response = await handle(request)
    except _NOTHING_DONE:
        await forget_request(daemon.database, kept)
        raise
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = bytes(response.body).decode()
    about = request.state.about
    await keep_answer(daemon.database, kept, response.status_code, json.dumps(headers), body, about)
    return response


def _marked(vault: Vault | None, request: Request, key: str, body: bytes) -> KeptRequest:
    if vault is None:
        raise sealed()
    marker, place = vault.request_marker, f"{request.method} {request.url.path}".encode()
    token_id = request.state.token.id
    return KeptRequest(token_id, marker.mark(key.encode("utf-8", "replace")), marker.mark(place, body))


def _answer_again(before: KeptAnswer, now: KeptRequest) -> Response:
    if before.request_hash != now.request_hash:
        detail = "This Idempotency-Key was sent with another request. Each request has a key of its own."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "key-used", detail)
    if before.status is None:
        detail = "The daemon ended while it did this. Look whether it was done, and use a new key."
        raise Problem(HTTPStatus.CONFLICT, "outcome-unknown", detail)
    return Response(before.body, before.status, json.loads(before.headers))


def _in_progress() -> Problem:
    detail = "A request with this Idempotency-Key is being done. Ask again in a moment."
    return Problem(HTTPStatus.CONFLICT, "in-progress", detail, retry_after=1)


def _too_many() -> Problem:
    detail = "So many answers are kept for this token that no other can be: some are forgotten each hour."
    return Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-keys", detail, retry_after=_HOUR)
