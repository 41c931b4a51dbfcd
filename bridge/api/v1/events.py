"""What programs are told without asking: calls as they move, and what came of them. Codes, and no names.

Each event has an id. Who comes back with the last one that they had is told what they have missed, as long as
it is among the latest; else that they have to look for themselves.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import string
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from bridge.api.desk.calls_now import ENDED, is_shown
from bridge.api.desk.daemon import TheDaemon
from bridge.api.desk.work import OutcomeTold
from bridge.api.inbox import Inbox
from bridge.api.problems import Problem
from bridge.api.v1.caller import allowed
from bridge.rules.scopes import Scope as Allowed
from bridge.store.api_tokens import ApiToken, token_of
from bridge.switchboard.board import CallMoved, Switchboard

router = APIRouter(tags=["events"])

KEPT: Final = 1000
"""The latest events, for those who come back: some hours of a busy shop."""

MOST_WAITING: Final = 200
"""For one stream."""

SECONDS_BETWEEN_SIGNS: Final = 15.0
"""How often an idle stream shows that it is alive, and asks whether its token is good."""

SECONDS_TO_READ: Final = 20.0
"""How long a reader may take to take in what is sent."""

_MOST_STREAMS_OF_A_TOKEN: Final = 5
_MOST_STREAMS: Final = 50

Reader = Annotated[ApiToken, Depends(allowed(Allowed.EVENTS_READ))]


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    name: str
    data: dict[str, Any]

    def __str__(self) -> str:
        """As it is sent (HTML Living Standard, 9.2)."""
        return f"id: {self.id}\nevent: {self.name}\ndata: {json.dumps(self.data)}\n\n"


class Listener(Inbox[Event]):
    """One open stream."""

    def __init__(self) -> None:
        super().__init__(MOST_WAITING)


class News:
    """The latest events, and all open streams. Telling them is a few appends."""

    def __init__(self) -> None:
        self._life = "".join(secrets.choice(string.ascii_letters) for _ in range(8))
        """Ids begin with it: a daemon knows its own from those of the one before it."""
        self._count = 0
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._listeners: dict[Listener, int] = {}
        """With the token's id of each."""

    def follow(self, switchboard: Switchboard) -> None:
        """Go along with every call from now on."""
        switchboard.watch(self._moved)

    def _moved(self, moved: CallMoved) -> None:
        if not is_shown(moved):
            return
        call = moved.call
        whose = {"call": call.id, "kind": call.kind, "order": call.order, "extension": call.extension}
        times = {"started_ms": call.started_ms, "answered_ms": call.answered_ms}
        self.tell("call", whose | {"state": ENDED if moved.over else call.state} | times)
        if moved.over and moved.result is not None:
            self.tell("result", whose | {"result": moved.result.value} | times)

    def outcome_told(self, told: OutcomeTold) -> None:
        self.tell("outcome", asdict(told))

    def tell(self, name: str, data: dict[str, Any]) -> None:
        self._count += 1
        event = Event(f"{self._life}-{self._count}", name, data)
        self._kept.append(event)
        for listener in self._listeners:
            listener.tell(event)

    def add(self, listener: Listener, token_id: int) -> None:
        """Raises Problem (429 too-many-streams)."""
        of_token = Counter(self._listeners.values())[token_id]
        if of_token >= _MOST_STREAMS_OF_A_TOKEN or len(self._listeners) >= _MOST_STREAMS:
            detail = f"A token has {_MOST_STREAMS_OF_A_TOKEN} streams at most. Close one of them."
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-streams", detail, retry_after=15)
        self._listeners[listener] = token_id

    def remove(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)

    def __len__(self) -> int:
        return len(self._listeners)

    def since(self, last_id: str | None) -> list[Event] | None:
        """What came after this one; None where that is not known any more."""
        if last_id is None:
            return []
        life, _, count = last_id.rpartition("-")
        first = self._count - len(self._kept)
        if life != self._life or not count.isascii() or not count.isdecimal() or len(count) > 15:
            return None
        if not first <= int(count) <= self._count:
            return None
        return list(self._kept)[int(count) - first :]

    def reset(self) -> Event:
        """For who has missed more than is kept: what they know may be out of date."""
        return Event(f"{self._life}-{self._count}", "reset", {})


class EventStream(StreamingResponse):
    """A stream that ends when its reader takes nothing in any more."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[str], closed: Callable[[], None]) -> None:
        super().__init__(content)
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            async with asyncio.timeout(SECONDS_TO_READ):
                await send(message)

        try:
            await super().__call__(scope, receive, sending)
        except (TimeoutError, ClientDisconnect):
            return
        finally:
            self._closed()


@router.get(
    "/v1/events",
    status_code=HTTPStatus.OK,
    response_class=EventStream,
    responses={200: {"description": "Server-sent events: `call`, `result`, `outcome` and `reset`."}},
)
async def events(
    caller: Reader,
    daemon: TheDaemon,
    request: Request,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=100,
            description="Of the last event that was read, to go on behind it.",
        ),
    ] = None,
) -> EventStream:
    """Calls as they move, and what came of them, as server-sent events, until one side ends it.

    `call` has `call`, `kind`, `order`, `extension`, `state`, `started_ms` and `answered_ms`; `result`, once a
    call is over, `result` in place of `state`. `outcome`, when a manager has said what came of it, has `id`,
    `order`, `outcome`, `by_result` and `undone`, as among the results. `reset` says that more was missed than
    is kept.

    Scope: `events:read`.
    """
    news = cast(News, request.app.state.news)
    listener = Listener()
    missed = news.since(last_event_id)
    news.add(listener, caller.id)  # nothing is awaited in between: no event falls between the two
    text = request.headers["authorization"].partition(" ")[2]

    async def may_go_on() -> bool:
        token = await token_of(daemon.database, text)
        return token is not None and token.is_good(request.app.state.clock())

    begin_with = [news.reset()] if missed is None else missed
    return EventStream(_stream(listener, begin_with, may_go_on), closed=partial(news.remove, listener))


async def _stream(
    listener: Listener, begin_with: list[Event], may_go_on: Callable[[], Awaitable[bool]]
) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    for event in begin_with:
        yield str(event)
    while not listener.is_lost:
        told = await listener.next(SECONDS_BETWEEN_SIGNS)
        if told is not None:
            yield str(told)
        elif listener.is_lost or not await may_go_on():
            break
        else:
            yield ":\n\n"
