"""The listener: answers known peers alone, in no more lines, time and connections than Asterisk needs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from bridge.agi.wire import LONGEST_LINE, Conversation, NotARequest, NotObeyed, Request
from bridge.switchboard import metrics
from bridge.switchboard.metrics import AgiCommand, AgiOutcome

log = structlog.get_logger()

_MOST_CONNECTIONS: Final = 100
"""More are closed at once. A request takes as long as a refusal's delay at most, so these are many calls."""

_SECONDS_TO_ASK: Final = 2.0
_SECONDS_IN_ALL: Final = 20.0
_SECONDS_BETWEEN_WARNINGS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dialplan is told: variables to set, and where it is to go on, if elsewhere.

    TURNED_AWAY has neither: whoever asks is told nothing at all.
    """

    command: AgiCommand
    outcome: AgiOutcome
    variables: dict[str, str] = field(default_factory=dict)
    go_to: tuple[str, str] | None = None


class AgiServer:
    """`answer` is asked for each request, and raises nothing to be expected. `peers` are IP addresses."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]], *, peers: Collection[str]) -> None:
        self._answer = answer
        self._open: set[asyncio.StreamWriter] = set()
        self._next_warnings: dict[str, float] = {}
        self.follow(peers=peers)

    def follow(self, *, peers: Collection[str]) -> None:
        """Answer these from now on."""
        self._peers = frozenset(peers)

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve; yields the port. Raises OSError where the address can't be used."""
        server = await asyncio.start_server(self._serve, host, port, limit=LONGEST_LINE)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._may_speak(writer):
            _count(AgiCommand.UNKNOWN, AgiOutcome.TURNED_AWAY)
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            async with asyncio.timeout(_SECONDS_IN_ALL):
                await self._converse(Conversation(reader, writer))
            writer.close()
        except (TimeoutError, OSError):
            self._warn("an AGI client was too slow, or went away")
        finally:
            self._open.discard(writer)
            if not writer.is_closing():
                writer.transport.abort()

    def _may_speak(self, writer: asyncio.StreamWriter) -> bool:
        peer = writer.get_extra_info("peername")
        if peer is None or peer[0] not in self._peers:
            self._warn("an AGI client is none of agi.peers")
            return False
        if len(self._open) >= _MOST_CONNECTIONS:
            self._warn("too many AGI connections at once")
            return False
        return True

    async def _converse(self, conversation: Conversation) -> None:
        try:
            async with asyncio.timeout(_SECONDS_TO_ASK):
                request = await conversation.request()
        except (NotARequest, TimeoutError, OSError):
            _count(AgiCommand.UNKNOWN, AgiOutcome.TURNED_AWAY)
            self._warn("an AGI client sent no request")
            return
        answer = await self._answer(request)
        _count(answer.command, answer.outcome)
        if answer.outcome is AgiOutcome.TURNED_AWAY:
            self._warn("an AGI request is not what Asterisk is carrying out")
        with contextlib.suppress(NotObeyed):  # the channel is gone: there is nobody left to be told
            await conversation.set_variables(answer.variables)
            if answer.go_to is not None:
                await conversation.go_to(*answer.go_to)

    def _warn(self, event: str) -> None:
        """Now and again: whoever can connect must not be able to fill the disk with our log."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_warnings.get(event, 0.0):
            self._next_warnings[event] = now + _SECONDS_BETWEEN_WARNINGS
            log.warning(event)


def _count(command: AgiCommand, outcome: AgiOutcome) -> None:
    metrics.agi_requests.labels(command.value, outcome.value).inc()
