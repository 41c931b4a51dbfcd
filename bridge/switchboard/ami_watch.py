"""AMI, where the shop has it on: whose phone is there, and who tries passwords at Asterisk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.asterisk.ami.connection import AmiAccess, AmiUnavailable, Hear, connected, stay
from bridge.asterisk.ami.happenings import PhoneSeen, Reader, TriedInVain
from bridge.asterisk.ari import AriClient, AriError
from bridge.rules.sip_attacks import Attack, AttackBook
from bridge.store.alarms import AlarmKind, add_alarm
from bridge.store.database import Database
from bridge.switchboard import metrics
from bridge.switchboard.phones import Phones

log = structlog.get_logger()

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_MOST_ALARMS_WAITING: Final = 20
_ANSWERS: Final = {"online": True, "offline": False}


class AmiWatch:
    """Calls do not depend on it: without the connection nothing is known of phones, and that is all."""

    def __init__(
        self, access: AmiAccess, client: AriClient, reader: Reader, phones: Phones, database: Database
    ) -> None:
        self._access = access
        self._client = client
        self._reader = reader
        self._phones = phones
        self._database = database
        self._book = AttackBook()
        self._alarms: asyncio.Queue[Attack] = asyncio.Queue(_MOST_ALARMS_WAITING)

    async def run(self) -> None:
        """Listen for ever; started once by the daemon."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._raise_alarms())
            group.create_task(self._listen())

    async def _listen(self) -> None:
        pause, told = _FIRST_PAUSE_SECONDS, ""
        while True:
            began = monotonic()
            try:
                await self._listen_once(self._hear)
            except (AmiUnavailable, AriError) as error:
                reason = str(error)
            finally:
                metrics.ami_link.set(0)
                self._phones.forget()
            if monotonic() - began > _LONGEST_PAUSE_SECONDS:
                pause, told = _FIRST_PAUSE_SECONDS, ""
            if reason != told:
                log.warning("no link to AMI; nothing is known of phones", reason=reason)
            told = reason
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _listen_once(self, hear: Hear) -> None:
        """Raises AmiUnavailable when the connection is lost, and AriError where phones can't be asked for."""
        async with connected(self._access, hear) as connection:
            self._phones.learn(await self._ask())
            metrics.ami_link.set(1)
            log.info("connected to AMI")
            await stay(connection)

    async def _ask(self) -> list[PhoneSeen]:
        """How phones are now. ARI answers that, so our user of AMI needs no action for it."""
        seen = []
        for endpoint in await self._client.endpoints.list():
            extension = self._reader.extension_of(f"{endpoint.technology}/{endpoint.resource}")
            reachable = _ANSWERS.get(endpoint.state or "")
            if extension is not None and reachable is not None:
                seen.append(PhoneSeen(extension, reachable))
        return seen

    def _hear(self, event: Mapping[str, object]) -> None:
        match self._reader.read(event):
            case PhoneSeen() as seen:
                self._phones.note(seen)
            case TriedInVain(address, tried):
                metrics.sip_attacks.inc()
                self._book, attack = self._book.with_failure(address, tried, int(monotonic() * 1000))
                if attack is not None and not self._alarms.full():
                    self._alarms.put_nowait(attack)

    async def _raise_alarms(self) -> None:
        while True:
            attack = await self._alarms.get()
            log.error(
                "ALARM: somebody tries passwords at Asterisk", address=attack.source, kind=attack.tried.value
            )
            try:
                await add_alarm(
                    self._database,
                    AlarmKind.SIP_ATTACKS,
                    manager_id=None,
                    order_code=None,
                    detail=f"address={attack.source}, tried={attack.tried.value}",
                )
            except SQLAlchemyError as error:
                log.error("the database refuses an alarm", error=type(error).__name__)
