"""A customer's channel that is made, and dialled, before it is known whom it is to call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bridge.asterisk.ari import Conflict
from bridge.asterisk.pbx import Pbx
from bridge.asterisk.trunk import Blank
from bridge.vault import HiddenNumber

T = TypeVar("T")


class PreparedCustomer:
    """While the rules decide and the call goes to the disk, Asterisk makes the channel and dials a token.

    That waits at our redirect server until `call` lets it lead to whom it `is_for`, or `withdraw` to
    nobody; one of the two is done, and once. All raise what has gone wrong meanwhile: AriError, CarrierDown.
    """

    def __init__(
        self, pbx: Pbx, channel_id: str, making: Coroutine[Any, Any, Blank], *, ring_seconds: float
    ) -> None:
        """Begin. Asterisk gives up dialling by itself after `ring_seconds`."""
        self._pbx = pbx
        self._channel_id = channel_id
        self._can_be_dialled = asyncio.Event()
        self._withdrawn = False
        self._number: HiddenNumber | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._making = _task(self._make(making, ring_seconds), f"prepare {channel_id}")

    async def _make(self, making: Coroutine[Any, Any, Blank], ring_seconds: float) -> Blank:
        blank = await making
        self._dialling = _task(self._dial(ring_seconds), f"dial ahead {self._channel_id}")
        return blank

    async def _dial(self, ring_seconds: float) -> None:
        if self._withdrawn:
            return
        try:
            # Mostly the channel is in our application by now, and Asterisk tells so when it is dialling.
            await self._pbx.dial(self._channel_id, ring_seconds)
        except Conflict:
            await self._can_be_dialled.wait()
            if not self._withdrawn:
                await self._pbx.dial(self._channel_id, ring_seconds)

    def dial_ahead(self) -> None:
        """Have it dialled now, if Asterisk would not do it before: it has told that the channel is there."""
        self._can_be_dialled.set()

    async def made(self) -> None:
        """Return when the channel has been made."""
        await self._making

    def is_for(self, number: HiddenNumber) -> None:
        """Know whom to call."""
        self._number = number

    async def call(self) -> None:
        """Let the phone of whom it is for ring; Asterisk has told that the channel is there."""
        self._can_be_dialled.set()
        blank, number, self._number = await self._making, self._number, None
        assert number is not None  # noqa: S101 - no leg is dialled that was not created
        blank.fill(number)
        await self._dialled()

    async def withdraw(self) -> None:
        """Nobody is to be called. When this returns Asterisk has done all that it was asked to do."""
        self._withdrawn = True
        self._can_be_dialled.set()
        (await self._making).void()
        await self._dialled()

    async def _dialled(self) -> None:
        if self._dialling is not None:
            await self._dialling

    def close(self) -> None:
        """The call is over, in whatever way: nobody waits for anything any more."""
        if _has_come_off(self._making):
            self._making.result().void()
        for task in (self._making, self._dialling):
            if task is not None and not _has_come_off(task):
                task.cancel()


def _has_come_off(task: asyncio.Task[Any]) -> bool:
    """Whether it is done, and has not failed; asyncio complains of failures that nobody has looked at."""
    return task.done() and not task.cancelled() and task.exception() is None


def _task(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    return asyncio.get_running_loop().create_task(work, name=name)
