"""Who gets in: a good token, at a pace, with a body of no great size. Nothing else is looked at before.

Shops sign what they send: they have no token, and what they have signed is looked at behind this.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, cast

import structlog
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.api.desk.daemon import DeskDaemon
from bridge.api.problems import Problem, answer_database_failed
from bridge.rules.request_pace import RequestPace
from bridge.rules.signing_in import place_of
from bridge.store.api_tokens import ApiToken, mark_token_seen, token_of
from bridge.switchboard import metrics
from bridge.switchboard.metrics import ProgramAnswer

log = structlog.get_logger()

OPENAPI_PATH: Final = "/v1/openapi.json"
"""The one path without a token: it is in docs/, too."""

LARGEST_BODY: Final = 65_536

_OF_SHOPS: Final = "/v1/shops/"
LARGEST_OF_A_SHOP: Final = 262_144
"""An order of many lines, each with all that a shop knows of it."""

_MOST_OF_SHOPS_AT_ONCE: Final = 20
"""As anybody may begin to send one: what is signed is known at its end."""

SECONDS_FOR_A_SHOP: Final = 10.0
"""To have sent all of it."""

_MOST_AT_ONCE: Final = 100
"""Open streams among them: what programs ask must not use up what calls need."""

_LONGEST_TOKEN: Final = 100
_COST_OF_A_WRONG_TOKEN: Final = 20
"""So many requests' worth: an address that tries tokens is soon told to wait."""


class Gate:
    """ASGI middleware. What it lets in has its token in `state`."""

    def __init__(self, app: ASGIApp, daemon: DeskDaemon) -> None:
        self._app = app
        per_minute = daemon.config.api.requests_per_minute
        self._of_token = RequestPace(per_minute)
        self._of_address = RequestPace(2 * per_minute)
        self._in_hand = 0
        self._of_shops_in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, answer = Request(scope), _Answer(send)
        of_shop = request.url.path.startswith(_OF_SHOPS)
        largest = LARGEST_OF_A_SHOP if of_shop else LARGEST_BODY
        try:
            await self._let_in(request, largest, of_shop=of_shop)
        except Problem as problem:
            response = problem.response()
            if problem.status == HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = 'Bearer realm="call-bridge"'
            await response(scope, receive, answer.send)
        except SQLAlchemyError as error:
            response = await answer_database_failed(request, error)
            await response(scope, receive, answer.send)
        else:
            self._in_hand += 1
            self._of_shops_in_hand += of_shop
            try:
                await self._app(scope, _bounded(receive, largest), answer.send)
            finally:
                self._in_hand -= 1
                self._of_shops_in_hand -= of_shop
            if of_shop and answer.status == HTTPStatus.UNAUTHORIZED:
                self._charge(request, "a shop's message was not signed")

    async def _let_in(self, request: Request, largest: int, *, of_shop: bool) -> None:
        """Raises Problem."""
        now_ms = request.app.state.clock()
        _expect_pace(self._of_address.wait_seconds(_address(request), now_ms))
        if self._in_hand >= _MOST_AT_ONCE or (of_shop and self._of_shops_in_hand >= _MOST_OF_SHOPS_AT_ONCE):
            detail = "More requests are in hand than the daemon takes at once. Try again in a moment."
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, retry_after=1)
        if of_shop:
            _expect_small(request, largest)
            return
        if request.url.path == OPENAPI_PATH:
            return
        daemon = cast(DeskDaemon, request.app.state.daemon)
        token = await _token(daemon, request, now_ms)
        if token is None:
            self._charge(request, "the API was asked without a good token")
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "no-token", "Send `Authorization: Bearer`, and a token that is good."
            )
        _expect_pace(self._of_token.wait_seconds(token.name, now_ms))
        _expect_small(request, largest)
        await mark_token_seen(daemon.database, token, now_ms)
        request.state.token = token

    def _charge(self, request: Request, why: str) -> None:
        """Let an address that tries tokens or signatures soon wait."""
        address = _address(request)
        self._of_address.take(address, request.app.state.clock(), cost=_COST_OF_A_WRONG_TOKEN)
        log.warning(why, address=address)


def _address(request: Request) -> str:
    return place_of(request.client.host if request.client else "")


async def _token(daemon: DeskDaemon, request: Request, now_ms: int) -> ApiToken | None:
    """The token of a request (RFC 6750, 2.1), if it is good."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not 0 < len(text) <= _LONGEST_TOKEN:
        return None
    token = await token_of(daemon.database, text)
    return token if token is not None and token.is_good(now_ms) else None


def _expect_pace(wait: int) -> None:
    if wait:
        detail = f"Too many requests. Try again in {wait} s."
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-fast", detail, retry_after=wait)


def _expect_small(request: Request, largest: int) -> None:
    """As far as headers tell. Raises Problem."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > largest:
        raise too_large()


def too_large() -> Problem:
    detail = f"The body has more than {LARGEST_BODY} bytes, or a shop's more than {LARGEST_OF_A_SHOP}."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail)


def _bounded(receive: Receive, largest: int) -> Receive:
    """For bodies that come in pieces and tell no length."""
    so_far = 0

    async def receiving() -> Message:
        nonlocal so_far
        message = await receive()
        so_far += len(message.get("body", b""))
        if so_far > largest:
            # Not a Problem: reading the body turns every other exception into one about the body's form.
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return receiving


def _answer(status: int) -> ProgramAnswer:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return ProgramAnswer.NO_TOKEN
        case HTTPStatus.TOO_MANY_REQUESTS:
            return ProgramAnswer.TOO_FAST
    if status < HTTPStatus.BAD_REQUEST:
        return ProgramAnswer.DONE
    return ProgramAnswer.REFUSED if status < HTTPStatus.INTERNAL_SERVER_ERROR else ProgramAnswer.FAILED


class _Answer:
    """An answer on its way: it is counted, and as it holds names, no cache keeps it."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"cache-control", b"no-store")]
            metrics.program_requests.labels(_answer(self.status)).inc()
        await self._send(message)
