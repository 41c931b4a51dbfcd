"""The daemon's API as other programs use it: typed answers over the Unix socket, and two errors.

Nothing here can hold a number: the API takes and gives order codes, extensions and call ids.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.api.errors import ApiProblem, ApiUnavailable

_SECONDS: Final = 15.0
"""Longer than the daemon waits for its database to decide on a call, and then delays a refusal."""

_SECONDS_FOR_A_PAGE: Final = 120.0
"""The daemon gives a shop twenty; what is on the page is then taken, and another may have its turn first."""

_NO_OTHER: Final = aiohttp.ClientTimeout(total=None)

_ANY_HOST: Final = "http://call-bridge"  # HTTP wants one; the socket is what is spoken to


class _Answer(BaseModel):
    """What the daemon says. A newer daemon may say more."""

    model_config = ConfigDict(frozen=True)


AnswerT = TypeVar("AnswerT", bound=_Answer)


class LiveCall(_Answer):
    """A live call. Times are milliseconds since the epoch, UTC; `state` is a bridge.calls.model.State."""

    id: str
    kind: str
    order: str
    extension: str
    state: str
    started_ms: int
    answered_ms: int | None


class ExpectedProof(_Answer):
    """What is to be dialled, and for how many seconds that means a proof."""

    code: str
    seconds: int


class PulledPage(_Answer):
    """A page of a shop's orders, or why there is none. `orders`: how many by outcome."""

    said: str
    arrived: bool
    orders: dict[str, int]
    more: bool


class Readiness(_Answer):
    """`ready`: a call could be placed now. `sealed`: there is no key. `link`: Asterisk is connected.

    `panic`: somebody has stopped all calls. `stopping`: the daemon is about to end.
    """

    ready: bool
    sealed: bool
    link: bool
    panic: bool = False
    stopping: bool = False


class LoggedError(_Answer):
    """The latest error in the log: its text, and the type of what was raised."""

    event: str
    error: str | None
    at_ms: int


class ConfigStatus(_Answer):
    """As `bridge.api.app.ConfigStatus`."""

    path: str
    loaded_ms: int
    changed_on_disk: bool
    reload_ms: int | None
    problems: tuple[str, ...]
    restart_for: tuple[str, ...]


class Status(Readiness):
    """As `bridge.api.app.Status`, with the readiness."""

    version: str
    started_ms: int
    link_since_ms: int | None
    carrier_up: bool
    calls: int
    conversations: int
    backlog: int
    last_error: LoggedError | None
    config: ConfigStatus


class _Calls(_Answer):
    calls: list[LiveCall]


class _Problem(_Answer):
    """Problem details (RFC 9457, 3.1), with our stable word for the reason."""

    title: str
    detail: str = ""
    reason: str


class ApiClient:
    """To be used in `async with`. Each method raises ApiUnavailable; all but `ready` also ApiProblem."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def __aenter__(self) -> Self:
        # Kept, a connection may be closed by the daemon, as idle, in the moment in which it is used again.
        connector = aiohttp.UnixConnector(str(self._socket), force_close=True)
        self._session = aiohttp.ClientSession(_ANY_HOST, connector=connector, timeout=_NO_OTHER)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ready(self) -> Readiness:
        """Whether a call could be placed now, and if not, why."""
        _, body = await self._ask("GET", "/readyz")
        return self._read(Readiness, body)

    async def status(self) -> Status:
        """How the daemon is."""
        return self._read(Status, await self._accepted("GET", "/v1/status"))

    async def reload(self) -> ConfigStatus:
        """Have the daemon read its configuration again; what came of it is in the answer."""
        return self._read(ConfigStatus, await self._accepted("POST", "/v1/reload"))

    async def calls(self) -> list[LiveCall]:
        """Every live call, oldest first."""
        return self._read(_Calls, await self._accepted("GET", "/v1/calls")).calls

    async def place_call(self, order: str, extension: str, contact: int = 1) -> LiveCall:
        """Ring the manager's phone, then the customer's, at their number in this place.

        Returns when the rules have allowed it.
        """
        wanted = {"order": order, "extension": extension, "contact": contact}
        return self._read(LiveCall, await self._accepted("POST", "/v1/calls", wanted))

    async def hang_up(self, call_id: str) -> None:
        """Ask for the end of a call."""
        await self._accepted("DELETE", f"/v1/calls/{quote(call_id, safe='')}")

    async def expect_proof(self, extension: str, carrier: str, transport: str = "udp") -> ExpectedProof:
        """Let the next call of this extension with the returned code be a proof, to a loopback carrier."""
        wanted = {"extension": extension, "carrier": carrier, "transport": transport}
        return self._read(ExpectedProof, await self._accepted("POST", "/v1/proofs", wanted))

    async def pull(self, shop: str, *, take: bool = True) -> PulledPage:
        """Ask a shop for the next page of its orders; without `take` for the first, which is not taken."""
        path = f"/v1/shops/{quote(shop, safe='')}/{'pull' if take else 'try'}"
        return self._read(PulledPage, await self._accepted("POST", path, seconds=_SECONDS_FOR_A_PAGE))

    async def _accepted(
        self,
        method: str,
        path: str,
        wanted: dict[str, Any] | None = None,
        seconds: float = _SECONDS,
    ) -> bytes:
        """The body of an answer that is no problem."""
        status, body = await self._ask(method, path, wanted, seconds)
        if status < HTTPStatus.BAD_REQUEST:
            return body
        try:
            problem = _Problem.model_validate_json(body)
        except ValidationError:
            problem = _Problem(title="Failed", detail="The daemon failed. See its log.", reason="unreadable")
        raise ApiProblem(status, problem.title, problem.detail, problem.reason)

    async def _ask(
        self,
        method: str,
        path: str,
        wanted: dict[str, Any] | None = None,
        seconds: float = _SECONDS,
    ) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(method, path, json=wanted) as answer,
            ):
                return answer.status, await answer.read()
        except aiohttp.ClientConnectorError as error:
            trouble = _connection_trouble(error.os_error)
        except TimeoutError:
            trouble = "the daemon does not answer in time; see its log"
        except aiohttp.ClientError:
            trouble = "the daemon ended while it was asked; see its log"
        raise ApiUnavailable(f"{self._socket}: {trouble}.")

    def _read(self, kind: type[AnswerT], body: bytes) -> AnswerT:
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            trouble = "what answers here is not this version's daemon; restart it after an update"
        raise ApiUnavailable(f"{self._socket}: {trouble}.")


def _connection_trouble(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "this user may not speak to the daemon; run the command as its user or add yours to its group"
    return "no daemon answers here; start it with `call-bridge serve`"
