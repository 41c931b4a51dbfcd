"""The link to Asterisk: events are heard while it holds, and calls and Asterisk are kept in step."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.asterisk.ari import ApplicationReplaced, AriClient, AriError, Connected, Disconnected
from bridge.asterisk.happenings import Reader
from bridge.asterisk.pbx import Pbx
from bridge.asterisk.trunk import Trunk
from bridge.store.database import now_ms
from bridge.switchboard.board import Switchboard
from bridge.switchboard.recovery import SECONDS_BETWEEN_SWEEPS, Recovery
from bridge.switchboard.tasks import Tasks

log = structlog.get_logger()

_REST_AFTER_A_SWEEP: Final = 10
"""In times of what the sweep took."""

_LONGEST_REST_SECONDS: Final = 2.0
"""A sweep that Asterisk did not answer took long for another reason than that there is much to sweep."""

_LONGEST_QUESTIONS_SECONDS: Final = 0.5

_SECONDS_TO_NEXT_TRY: Final = 1.0


class Link:
    """`up_since_ms` is None without a link; `came_up` is set once there has been one."""

    def __init__(
        self,
        client: AriClient,
        reader: Reader,
        pbx: Pbx,
        trunk: Trunk,
        switchboard: Switchboard,
        recovery: Recovery,
        tasks: Tasks,
    ) -> None:
        self.up_since_ms: int | None = None
        self.came_up = asyncio.Event()
        self._connections = 0
        """Made and lost ones: whoever finds another count than before has to do with another connection."""
        self._client = client
        self._reader = reader
        self._pbx = pbx
        self._trunk = trunk
        self._switchboard = switchboard
        self._recovery = recovery
        self._tasks = tasks

    async def listen(self) -> None:
        """Hear events for ever; started once by the daemon."""
        async for item in self._client.events():
            match item:
                case Connected():
                    self._connections += 1
                    self._tasks.start(self._take_up(self._connections), name="connected")
                case Disconnected(reason):
                    self._lost(reason.value)
                case ApplicationReplaced():
                    self._lost("another daemon took the application over")
                case event:
                    if (happening := self._reader.read(event)) is not None:
                        self._switchboard.hear(happening)

    async def _take_up(self, connection: int) -> None:
        """Catch up with what happened without us. The stream is read on meanwhile.

        An answer can be lost without the connection: then all of it is done again, as long as that lasts.
        """
        while connection == self._connections and not await self._is_in_step():  # noqa: ASYNC110
            await asyncio.sleep(_SECONDS_TO_NEXT_TRY)
        if connection == self._connections:
            self.up_since_ms = now_ms()
            self.came_up.set()
            log.info("connected to Asterisk")

    async def _is_in_step(self) -> bool:
        try:
            await self._pbx.listen()
            self._trunk.know_asterisk((await self._client.asterisk.info()).version)
            await self._catch_up()
        except AriError as error:
            log.warning("a first command failed", operation=error.operation, status=error.status)
            return False
        return True

    async def keep_in_step(self) -> None:
        """Sweep for ever, but not without events: then another daemon may have the application.

        A sweep asks Asterisk for every channel and bridge. Where that takes long, for hundreds of calls or on
        a busy machine, the next one waits longer, or sweeping would be all that Asterisk comes to.
        """
        clock, took = asyncio.get_running_loop().time, 0.0
        while True:
            rest = min(_REST_AFTER_A_SWEEP * took, _LONGEST_REST_SECONDS)
            await asyncio.sleep(max(SECONDS_BETWEEN_SWEEPS, rest))
            began = clock()
            if self.up_since_ms is not None:
                await self._sweep()
            took = clock() - began
            if self.up_since_ms is not None:
                await self._ask_unanswered()

    async def _sweep(self) -> None:
        try:
            await self._recovery.sweep()
        except AriError as error:
            log.warning("a sweep failed", operation=error.operation, status=error.status)
        except SQLAlchemyError as error:
            log.warning("a sweep failed", error=type(error).__name__)

    async def _ask_unanswered(self) -> None:
        """Not for long: a lost answer must neither hold the next sweep up, nor pass for a busy Asterisk."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_QUESTIONS_SECONDS):
                await self._recovery.ask_unanswered()

    async def _catch_up(self) -> None:
        """Raises AriError. A database that fails is asked again: until then nothing new is dialled."""
        while True:
            try:
                return await self._recovery.catch_up()
            except SQLAlchemyError as error:
                log.error("the records of live calls can't be read", error=type(error).__name__)
            await asyncio.sleep(_SECONDS_TO_NEXT_TRY)

    def _lost(self, reason: str) -> None:
        self.up_since_ms = None
        self._connections += 1
        log.warning("no link to Asterisk; conversations go on without us", reason=reason)
