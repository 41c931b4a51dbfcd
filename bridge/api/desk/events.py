"""What desks are told without asking: calls as they move, and that there is something new to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Final, TypeAlias

from bridge.api.desk.calls_now import CallNames, is_shown
from bridge.api.inbox import Inbox
from bridge.switchboard.board import CallMoved

MOST_WAITING: Final = 100
"""For one listener."""

SECONDS_BETWEEN_SIGNS: Final = 15.0
"""How often an idle stream shows that it is alive, and asks whether its session is, too."""


class Look(StrEnum):
    """There is something new, and the desk asks for it in its own time."""

    QUEUE = "queue"
    ALARM = "alarm"


News: TypeAlias = CallMoved | Look


class Listener(Inbox[News]):
    """One open stream, of somebody who sees their own calls or, as a supervisor, everybody's."""

    def __init__(self, manager_id: int, extension: str, *, sees_everybody: bool) -> None:
        super().__init__(MOST_WAITING)
        self.manager_id = manager_id
        self.extension = extension
        self.sees_everybody = sees_everybody

    def may_see(self, moved: CallMoved) -> bool:
        return self.sees_everybody or moved.call.extension == self.extension

    def tell(self, told: News) -> None:
        if isinstance(told, CallMoved) or told not in self:  # to look once is enough
            super().tell(told)


class Listeners:
    """All open streams. Telling them is a few appends, and without any it is nothing."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def remove(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def call_moved(self, moved: CallMoved) -> None:
        if self._listeners and is_shown(moved):
            for listener in self._listeners:
                if listener.may_see(moved):
                    listener.tell(moved)

    def queue_changed(self, *manager_ids: int | None) -> None:
        """Something about the customers of these managers has changed, which supervisors see, too."""
        for listener in self._listeners:
            if listener.sees_everybody or listener.manager_id in manager_ids:
                listener.tell(Look.QUEUE)

    def on_it_changed(self, extension: str) -> None:
        """Whoever has this extension has begun or ended a call, or their phone has come or gone.

        Their queue says so.
        """
        for listener in self._listeners:
            if listener.extension == extension:
                listener.tell(Look.QUEUE)

    def queues_changed(self) -> None:
        """Customers have been handed over: it may concern everybody."""
        for listener in self._listeners:
            listener.tell(Look.QUEUE)

    def alarm(self) -> None:
        for listener in self._listeners:
            if listener.sees_everybody:
                listener.tell(Look.ALARM)


async def stream(
    listener: Listener,
    begin_with: list[CallMoved],
    names: CallNames,
    may_go_on: Callable[[], Awaitable[bool]],
) -> AsyncIterator[str]:
    """Server-sent events (HTML Living Standard, 9.2), until the session is over or the listener is lost.

    `begin_with` are the calls as they are: whoever comes anew has missed how they came to be.
    """
    yield "retry: 2000\n\n"
    for moved in begin_with:
        yield await _event(moved, names)
    yield _named(Look.QUEUE)
    while not listener.is_lost:
        news = await listener.next(SECONDS_BETWEEN_SIGNS)
        if news is not None:
            yield await _event(news, names)
        elif listener.is_lost or not await may_go_on():
            break
        else:
            yield ":\n\n"
    yield _named("reconnect")


async def _event(news: News, names: CallNames) -> str:
    if isinstance(news, Look):
        return _named(news)
    return _named("call", (await names.told(news)).model_dump_json())


def _named(event: str, data: str = "{}") -> str:
    return f"event: {event}\ndata: {data}\n\n"
