"""A customer's channel that is made, and dialled, before it is known whom it is to call."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bridge.asterisk.pbx import Pbx
from bridge.asterisk.trunk import Blank
from bridge.vault import HiddenNumber

T = TypeVar("T")


class PreparedCustomer:
    """While the rules decide and the call goes to the disk, Asterisk makes the channel and dials a token.

    That waits at our redirect server until `call` lets it lead to whom it is `meant_for`, or `withdraw` to
    nobody; one of the two is done, and once. All raise what has gone wrong meanwhile: AriError, CarrierDown.
    """

    def __init__(self, pbx: Pbx, channel_id: str, making: Coroutine[Any, Any, Blank]) -> None:
        self._pbx = pbx
        self._channel_id = channel_id
        self._making = _task(making, f"prepare {channel_id}")
        self._dialling: asyncio.Task[None] | None = None
        self._number: HiddenNumber | None = None

    def dial_ahead(self, seconds: float) -> None:
        """Let it be dialled; Asterisk gives up by itself after `seconds`. Returns at once."""
        self._dialling = _task(self._pbx.dial(self._channel_id, seconds), f"dial ahead {self._channel_id}")

    async def meant_for(self, number: HiddenNumber) -> None:
        """Know whom to call; returns when the channel has been made."""
        self._number = number
        await self._making

    async def call(self, seconds: float) -> None:
        """Let the phone of whom it is meant for ring; dial the channel if it has not been dialled."""
        blank, number, self._number = await self._making, self._number, None
        assert number is not None  # noqa: S101 - no leg is dialled that was not created
        blank.fill(number)
        await (self._dialling or self._pbx.dial(self._channel_id, seconds))

    async def withdraw(self) -> None:
        """Nobody is to be called. When this returns Asterisk has done all that it was asked to do."""
        (await self._making).void()
        if self._dialling is not None:
            await self._dialling

    def close(self) -> None:
        """The call is over, in whatever way: nobody waits for anything any more."""
        if _has_come_off(self._making):
            self._making.result().void()
        self._making.cancel()
        if self._dialling is not None and not _has_come_off(self._dialling):
            self._dialling.cancel()


def _has_come_off(task: asyncio.Task[Any]) -> bool:
    """Whether it is done, and has not failed; asyncio complains of failures that nobody has looked at."""
    return task.done() and not task.cancelled() and task.exception() is None


def _task(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    return asyncio.get_running_loop().create_task(work, name=name)
