"""The calls of a proof: what the carrier does in each, and what the manager's phone does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import (
    Behaviour,
    Carrier,
    answer_naming_the_callee,
    name_the_callee_again,
    refuse_naming_the_callee,
    ring_naming_the_callee,
)
from bridge.proof.story import ENOUGH_PACKETS, Ending

_SECONDS_TO_ANSWER: Final = 20.0
_SECONDS_TO_BE_TOLD: Final = 30.0
"""A message to the manager, in whatever language, and the way there."""

_SECONDS_OF_A_TALK: Final = 1.0
_SECONDS_OF_RINGING: Final = 0.5

Conduct = Callable[[Call, Carrier], Awaitable[None]]


@dataclass(frozen=True)
class Trial:
    """One call; `conduct` is what the manager does with it, and raises CallRefused and TimeoutError."""

    name: str
    behaviour: Behaviour
    conduct: Conduct
    ending: Ending


async def _talk(call: Call, carrier: Carrier) -> None:
    await call.answered(within=_SECONDS_TO_ANSWER)
    theirs = await carrier.called()
    for side in (call, theirs):
        await side.media.wait_for_audio(ENOUGH_PACKETS, within=5.0)
    await name_the_callee_again(theirs)
    await asyncio.sleep(_SECONDS_OF_A_TALK)
    await call.hang_up()
    await theirs.ended()


async def _be_told(call: Call, carrier: Carrier) -> None:
    """Listen to why there is no conversation, until Asterisk hangs up."""
    await carrier.called(within=_SECONDS_TO_ANSWER)
    await call.ended(within=_SECONDS_TO_BE_TOLD)


async def _give_up(call: Call, carrier: Carrier) -> None:
    theirs = await carrier.called(within=_SECONDS_TO_ANSWER)
    await asyncio.sleep(_SECONDS_OF_RINGING)
    await call.hang_up()
    await theirs.ended()


TRIALS: Final = (
    Trial("talked", answer_naming_the_callee(after=1.0), _talk, Ending.TALKED),
    Trial("busy", refuse_naming_the_callee(486), _be_told, Ending.REFUSED),
    Trial("invalid", refuse_naming_the_callee(404), _be_told, Ending.REFUSED),
    Trial("cancelled", ring_naming_the_callee(), _give_up, Ending.CANCELLED),
)
