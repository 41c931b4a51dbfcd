"""Whether somebody has stopped all calls, looked up a few times a second.

No call depends on it: admission asks the database itself. It is for readiness, the log and the gauge, and
for calls that were admitted before and are no conversation yet: these end.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.store.database import Database
from bridge.store.panic import current_panic
from bridge.switchboard.board import Switchboard

log = structlog.get_logger()

_SECONDS_BETWEEN_LOOKS: Final = 0.4
"""Two of them are less than the second after which no call is placed any more."""


class PanicWatch:
    def __init__(self, database: Database, switchboard: Switchboard) -> None:
        self._database = database
        self._switchboard = switchboard
        self.on = False

    async def run(self) -> None:
        """Look again and again, for ever; started once by the daemon."""
        while True:
            await self.look()
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

    async def look(self) -> None:
        try:
            panic = await current_panic(self._database)
        except SQLAlchemyError as error:
            log.error("the database does not say whether there is a panic", error=type(error).__name__)
            return
        was_on, self.on = self.on, panic is not None
        if self.on:
            # At each look: a call that was allowed before the panic may have been decided about at the last.
            self._switchboard.give_up_attempts()
        if self.on and not was_on:
            log.warning("PANIC: no call is placed")
        elif was_on and not self.on:
            log.warning("the panic is over: calls are placed again")
