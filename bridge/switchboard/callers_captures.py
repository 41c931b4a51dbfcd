"""Captures without a conversation: a dialplan of the shop's own hands over a customer who has called.

It is the capture of a conversation, by the same table, but for the manager: nobody has to be parted from the
customer, told what came of it, or joined to them again. Only who has been let in by FastAGI gets one.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import Final

import structlog

from bridge.asterisk import names
from bridge.asterisk.ari import AriError
from bridge.asterisk.pbx import Pbx
from bridge.calls.capture import (
    CaptureEvent,
    CaptureRequested,
    CaptureState,
    ConversationOver,
    ManagerApart,
    ManagerJoined,
    Outcome,
)
from bridge.calls.model import Leg
from bridge.switchboard.capture import Captures, Conversation, LiveCapture
from bridge.switchboard.live_call import Parts
from bridge.switchboard.tasks import Tasks

log = structlog.get_logger()

_MOST_AT_ONCE: Final = 20
_SECONDS_TO_COME: Final = 30.0
"""A dialplan that has been told yes hands the channel over at once."""

_MOST_KEYS_WAITING: Final = 100
"""More is no finger, but a PBX gone mad: what it tells besides is let go."""

_SECONDS_AROUND: Final = 60
"""What Asterisk allows beyond the longest capture, before it ends the call of a daemon that has died."""


@dataclass(frozen=True, slots=True)
class _Pressed:
    key: str = field(repr=False)


class CallersCapture(LiveCapture):
    """One of them: the customer is alone in a bridge, into which their number is read."""

    async def _part(self) -> None:
        if await self._knows_language():
            seconds = self._captures.timings.whole + _SECONDS_AROUND
            await self._pbx.take_aside(self._of.call_id, self._customer, seconds)

    def joined(self) -> None:
        """The customer is in the bridge, where there is nobody else."""
        self._post(ManagerApart())

    async def _tell(self, outcome: Outcome) -> None:
        """The customer is told already: that message is the last one."""
        self._told = self._heard_by_customer

    async def _join(self) -> None:
        """Let the dialplan go on, which reads what came of it."""
        outcome = self.outcome or Outcome.NOT_SAVED
        await self._pbx.bring_back(self._of.call_id, self._customer, outcome.value)
        self._post(ManagerJoined())


@dataclass(slots=True)
class _Going:
    capture: CallersCapture
    call_id: str
    happened: asyncio.Queue[CaptureEvent | _Pressed]


class CallersCaptures:
    """Whom dialplans hand over, and what goes on with each."""

    def __init__(self, parts: Parts, captures: Captures, pbx: Pbx, tasks: Tasks) -> None:
        self._parts = parts
        self._captures = captures
        self._pbx = pbx
        self._tasks = tasks
        self._let_in: dict[str, tuple[str, asyncio.TimerHandle]] = {}
        """The order of each channel that may come, until it does or its time is up."""
        self._going: dict[str, _Going] = {}
        """By the customer's channel."""

    def __contains__(self, channel_id: str) -> bool:
        return channel_id in self._going

    def has_call(self, call_id: str) -> bool:
        """Whether a bridge of that name is one of ours."""
        return any(going.call_id == call_id for going in self._going.values())

    def let_in(self, channel_id: str, order: str) -> bool:
        """This channel's caller is the customer of the order. False where there is no room for one more."""
        if len(self._let_in) + len(self._going) >= _MOST_AT_ONCE:
            return False
        self._forget(channel_id)
        timer = asyncio.get_running_loop().call_later(_SECONDS_TO_COME, self._forget, channel_id)
        self._let_in[channel_id] = order, timer
        return True

    def _forget(self, channel_id: str) -> None:
        if (known := self._let_in.pop(channel_id, None)) is not None:
            known[1].cancel()

    def entered(self, channel_id: str) -> bool:
        """A channel has been handed over. False for one that was not let in."""
        if channel_id in self._going:
            return True  # the same StasisStart told twice
        known = self._let_in.get(channel_id)
        if known is None:
            return False
        self._forget(channel_id)
        going = self._begin(channel_id, known[0])
        self._going[channel_id] = going
        self._tasks.start(self._go_on(channel_id, going), name="capture of a caller", call=going.call_id)
        return True

    def _begin(self, channel_id: str, order: str) -> _Going:
        call_id, language = names.new_call_id(), self._parts.language
        happened: asyncio.Queue[CaptureEvent | _Pressed] = asyncio.Queue()
        of = Conversation(call_id, order, "", {Leg.CUSTOMER: channel_id}, language, language)
        capture = CallersCapture(
            of, self._captures, self._pbx, self._parts.vault, happened.put_nowait, itertools.count(1)
        )
        return _Going(capture, call_id, happened)

    async def _go_on(self, channel_id: str, going: _Going) -> None:
        capture = going.capture
        try:
            await capture.handle(CaptureRequested())
            while capture.state is not CaptureState.OVER:
                match await going.happened.get():
                    case _Pressed(key):
                        await capture.press(key)
                    case event:
                        await capture.handle(event)
            await self._pbx.release(going.call_id)
        except AriError as error:  # a sweep finds the bridge
            log.warning("a capture left something behind", operation=error.operation, status=error.status)
        finally:
            capture.close()
            del self._going[channel_id]

    # --- what the PBX tells ---

    def joined(self, channel_id: str) -> None:
        if (going := self._going.get(channel_id)) is not None:
            going.capture.joined()

    def gone(self, channel_id: str) -> None:
        if (going := self._going.get(channel_id)) is not None:
            going.happened.put_nowait(ConversationOver())

    def pressed(self, channel_id: str, key: str) -> None:
        going = self._going.get(channel_id)
        if going is not None and going.happened.qsize() < _MOST_KEYS_WAITING:
            going.happened.put_nowait(_Pressed(key))

    def played(self, playback_id: str) -> None:
        for going in self._going.values():
            going.capture.played(playback_id)
