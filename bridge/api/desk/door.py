"""The door of the desk: how often somebody may knock, and what is put on record when they do it wrongly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Final, cast

import structlog
from fastapi import Depends, Request

from bridge.api.desk.daemon import DeskDaemon
from bridge.api.desk.passwords import Passwords
from bridge.api.desk.reader import actor_of
from bridge.api.problems import Problem
from bridge.rules.signing_in import TryBook
from bridge.store.alarms import AlarmKind, write_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.managers import Manager
from bridge.switchboard import metrics

log = structlog.get_logger()

NOBODY: Final = actor_of("?")
"""A login that is nobody's is not put on record: people type passwords into that field."""


_AT_ONCE_OF_LOGIN: Final = 1
_AT_ONCE_OF_ADDRESS: Final = 5
"""What is being looked at isn't counted as wrong yet: many tries at the same moment would pass any limit."""


class Door:
    """What is remembered of wrong tries, by a daemon, for as long as it runs.

    `alarmed` is called when there is a new alarm for supervisors.
    """

    def __init__(self, alarmed: Callable[[], None]) -> None:
        self._alarmed = alarmed
        self.passwords = Passwords()
        self._book = TryBook()
        self._knocking: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def knock(self, login: str, address: str, now_ms: int) -> Iterator[None]:
        """Look at one try, if it may be made now. Raises Problem (429 too-many-tries)."""
        of_login, of_address = ("login", login), ("address", address)
        wait = self._book.wait_seconds(login, address, now_ms)
        if self._knocking[of_login] >= _AT_ONCE_OF_LOGIN or self._knocking[of_address] >= _AT_ONCE_OF_ADDRESS:
            wait = max(wait, 1)
        if wait:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too-many-tries",
                f"Too many wrong tries. Try again in {wait} s.",
                retry_after=wait,
            )
        self._knocking.update((of_login, of_address))
        try:
            yield
        finally:
            self._knocking.subtract((of_login, of_address))
            self._knocking += Counter()  # drops what is at zero

    async def refuse(
        self, daemon: DeskDaemon, login: str, address: str, manager: Manager | None, act: str, now_ms: int
    ) -> None:
        """Count a wrong try and put it on record; where it is one too many, tell supervisors.

        It is the same work for a login that is nobody's.
        """
        self._book, alarm = self._book.with_failure(login, address, now_ms)
        actor = NOBODY if manager is None else actor_of(manager.extension)
        metrics.sign_in_failures.inc()
        log.warning("a sign-in failed", extension=manager.extension if manager else None, address=address)
        async with daemon.database.write() as connection:
            await write_entry(connection, AuditEntry(now_ms, actor, act, "desk", f"address={address}"))
            if alarm:
                await write_alarm(
                    connection,
                    AlarmKind.SIGN_IN_ATTACKS,
                    manager_id=manager.id if manager else None,
                    order_code=None,
                    detail=f"address={address}",
                )
        if alarm:
            log.error("ALARM: many wrong passwords at the desk", address=address)
            self._alarmed()

    def welcome(self, login: str, address: str) -> None:
        """Forgive the typing errors of somebody who has signed in."""
        self._book = self._book.with_success(login, address)


async def _door(request: Request) -> Door:
    return cast(Door, request.app.state.door)


TheDoor = Annotated[Door, Depends(_door)]


def _customers_door(request: Request) -> Door:
    return cast(Door, request.app.state.customers_door)


TheCustomersDoor = Annotated[Door, Depends(_customers_door)]
"""Of customers' links. Strangers who try links shut no door to those who sign in."""


def _phones_door(request: Request) -> Door:
    return cast(Door, request.app.state.phones_door)


ThePhonesDoor = Annotated[Door, Depends(_phones_door)]
"""Of links that set a phone up."""
