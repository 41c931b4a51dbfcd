"""What the handlers of the desk's API work with: the daemon, and what time it is.

Dependencies are coroutines even where they wait for nothing: FastAPI runs plain functions in a thread each,
and a page has a dozen of them.
"""

from __future__ import annotations

from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from bridge.config import Config
from bridge.store.database import Database
from bridge.switchboard.board import Switchboard
from bridge.switchboard.phones import Phones
from bridge.switchboard.strangers import Strangers
from bridge.switchboard.tasks import Tasks
from bridge.switchboard.tolls import TollBook
from bridge.vault import Vault


class DeskDaemon(Protocol):
    """What the desk's API needs of the daemon. `vault` is None while there is no key."""

    @property
    def config(self) -> Config: ...

    @property
    def database(self) -> Database: ...

    @property
    def vault(self) -> Vault | None: ...

    @property
    def switchboard(self) -> Switchboard: ...

    @property
    def strangers(self) -> Strangers: ...

    @property
    def phones(self) -> Phones: ...

    @property
    def toll_book(self) -> TollBook: ...

    @property
    def desk_tasks(self) -> Tasks:
        """What goes on beside requests. The daemon waits for it when it stops."""


async def _daemon(request: Request) -> DeskDaemon:
    return cast(DeskDaemon, request.app.state.daemon)


async def _now(request: Request) -> int:
    return cast(int, request.app.state.clock())


TheDaemon = Annotated[DeskDaemon, Depends(_daemon)]
NowMs = Annotated[int, Depends(_now)]
"""Milliseconds since the epoch, UTC."""
