"""Messages of customers whom nobody answered: asked for, recorded by Asterisk, fetched and sealed.

Whose message it is to be is on disk before Asterisk records anything. A daemon that dies leaves such a row
behind, and its successor fetches the recording, or finds that there is none.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.asterisk import names
from bridge.asterisk.ari import AriError
from bridge.asterisk.pbx import SECONDS_AROUND_A_MESSAGE, ChannelGoneAlready, Pbx
from bridge.store.database import Database, now_ms
from bridge.store.voice_messages import (
    Begun,
    Keeping,
    Sound,
    begin_message,
    begin_strangers_message,
    begun_messages,
    drop_message,
    forget_old_messages,
    keep_message,
)
from bridge.switchboard.tasks import Tasks
from bridge.vault import KeyUnusable, SealBroken, Vault

log = structlog.get_logger()

_MOST_AT_ONCE: Final = 20
_SECONDS_BETWEEN_ROUNDS: Final = 60
_SECONDS_AFTER_A_FIND: Final = 5


@dataclass(frozen=True, slots=True)
class Habits:
    """`prompt`: the recordings by which somebody is asked for a message, of `longest_seconds` at most."""

    prompt: Sequence[str]
    longest_seconds: int
    keeping: Keeping


Begin = Callable[[Vault, Begun], Awaitable[bool]]
"""Notes whose message it is to be; False where there is nobody whose it could be."""


@dataclass(slots=True)
class _Taking:
    message: Begun
    over: asyncio.Event = field(default_factory=asyncio.Event)


class AnsweringMachine:
    """`vault` gives None while the daemon is sealed: then no message is taken."""

    def __init__(
        self, database: Database, pbx: Pbx, vault: Callable[[], Vault | None], tasks: Tasks, habits: Habits
    ) -> None:
        self._database = database
        self._pbx = pbx
        self._vault = vault
        self._tasks = tasks
        self._habits = habits
        self._taking: dict[str, _Taking] = {}
        """By the channel of whoever speaks."""
        self._left_behind = asyncio.Event()
        """Set when there is more to be fetched than what this daemon has begun."""
        self._stopping = False
        self.kept: Callable[[], None] = _nobody_listens
        """Told of each message that is there to be heard from now on."""

    def __contains__(self, channel_id: str) -> bool:
        """Whether somebody is leaving a message on this channel."""
        return channel_id in self._taking

    def stop(self) -> None:
        """Take no more. What is being said is fetched by the next daemon."""
        self._stopping = True

    async def take(self, channel_id: str, code: str, language: str) -> bool:
        """Ask whoever is on this channel for a message about this order of theirs.

        False where none can be taken: the call is to go on elsewhere.
        """

        async def begin(_vault: Vault, message: Begun) -> bool:
            return await begin_message(self._database, message, code)

        return await self._take(channel_id, language, begin) is not None

    async def take_from_stranger(self, channel_id: str, caller: int, language: str) -> str | None:
        """The same of somebody whom nobody knows, by their running number; returns the message's id."""

        async def begin(vault: Vault, message: Begun) -> bool:
            await begin_strangers_message(self._database, vault, message, caller)
            return True

        return await self._take(channel_id, language, begin)

    async def _take(self, channel_id: str, language: str, begin: Begin) -> str | None:
        vault = self._vault()
        if self._stopping or vault is None or len(self._taking) >= _MOST_AT_ONCE:
            return None
        taking = _Taking(Begun(names.new_message_id(), now_ms()))
        self._taking[channel_id] = taking
        if not await self._begin(channel_id, vault, begin, language, taking.message):
            del self._taking[channel_id]
            return None
        self._tasks.start(self._finish(channel_id, taking), name="voice message")
        return taking.message.id

    async def _begin(
        self, channel_id: str, vault: Vault, begin: Begin, language: str, message: Begun
    ) -> bool:
        habits = self._habits
        try:
            if not await begin(vault, message):
                return False
            await self._pbx.take_message(
                channel_id, message.id, habits.prompt, language, longest_seconds=habits.longest_seconds
            )
        except (SQLAlchemyError, KeyUnusable) as error:
            log.error("a message can't be taken", error=type(error).__name__)
        except AriError as error:
            log.warning("a message can't be taken", operation=error.operation, status=error.status)
        else:
            return True
        return False  # the row, if there is one, finds no recording, and goes in a later round

    def over(self, recording: str) -> None:
        """Asterisk has what was said, to this daemon or to one before it."""
        taking = next((each for each in self._taking.values() if each.message.id == recording), None)
        (self._left_behind if taking is None else taking.over).set()

    def gone(self, channel_id: str) -> None:
        """Who was speaking has hung up."""
        if (taking := self._taking.get(channel_id)) is not None:
            taking.over.set()

    async def _finish(self, channel_id: str, taking: _Taking) -> None:
        try:
            async with asyncio.timeout(self._habits.longest_seconds + SECONDS_AROUND_A_MESSAGE):
                await taking.over.wait()
        except TimeoutError:
            log.warning("nothing has told of the end of a message")
        try:
            await self._fetch(taking.message)
            await self._pbx.hang_up(channel_id)
        except ChannelGoneAlready:
            pass
        except AriError as error:
            log.warning("whoever has left a message can't be hung up", operation=error.operation)
        finally:
            del self._taking[channel_id]

    # --- what Asterisk has ---

    async def run(self) -> None:
        """Fetch, for ever, what was left behind, and forget what is too old."""
        while True:
            left_behind = await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS_AFTER_A_FIND if left_behind else _SECONDS_BETWEEN_ROUNDS):
                    await self._left_behind.wait()
            self._left_behind.clear()

    async def _round(self) -> bool:
        """Whether there was any that this daemon has not begun: its end may never be told."""
        try:
            await forget_old_messages(self._database, self._habits.keeping, now_ms=now_ms())
            ours = {taking.message.id for taking in self._taking.values()}
            left_behind = [each for each in await begun_messages(self._database) if each.id not in ours]
            for message in left_behind:
                await self._fetch(message)
        except SQLAlchemyError as error:
            log.error("messages can't be looked through", error=type(error).__name__)
            return False
        return bool(left_behind)

    async def _fetch(self, message: Begun) -> None:
        """Seal what Asterisk has of it, and let it be forgotten there. What fails is tried again later."""
        vault = self._vault()
        if vault is None:
            return
        try:
            wav = await self._pbx.message(message.id)
            sound = None if wav is None else sound_of(wav)
            # Of one that is being said there may be a file already, which does not tell its length yet.
            if sound is None and self._may_still_come(message):
                return
            await self._keep(vault, message, sound)
            await self._pbx.forget_message(message.id)
        except AriError as error:
            log.warning("a message can't be fetched", operation=error.operation, status=error.status)
        except (SQLAlchemyError, SealBroken) as error:
            log.error("a message can't be kept", error=type(error).__name__)

    async def _keep(self, vault: Vault, message: Begun, sound: Sound | None) -> None:
        if sound is None:
            await drop_message(self._database, message.id)
            return
        await keep_message(self._database, vault, message, sound, self._habits.keeping, now_ms=now_ms())
        log.info("a customer has left a message", seconds=sound.seconds)
        self.kept()

    def _may_still_come(self, message: Begun) -> bool:
        """Somebody may be speaking, on a channel that a daemon before this one has left."""
        longest_ms = (self._habits.longest_seconds + SECONDS_AROUND_A_MESSAGE) * 1000
        return message.at_ms > now_ms() - longest_ms


def _nobody_listens() -> None:
    pass


def sound_of(wav: bytes) -> Sound | None:
    """None for what is no recording, or one in which there is no time to say anything."""
    try:
        with wave.open(io.BytesIO(wav)) as read:
            seconds = round(read.getnframes() / read.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return None
    return Sound(wav, seconds) if seconds > 0 else None
