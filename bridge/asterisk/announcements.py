"""What a manager hears: recordings that are in Asterisk's English and in its Russian core sound set."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bridge.calls.model import Message

SOUNDS: Final[Mapping[Message, tuple[str, ...]]] = MappingProxyType(
    {
        Message.BUSY: ("vm-isonphone",),
        Message.NO_ANSWER: ("number-not-answering",),
        Message.DECLINED: ("vm-isunavail",),
        Message.INVALID_NUMBER: ("ss-noservice",),
        Message.TRY_LATER: ("all-circuits-busy-now",),
        Message.NOT_YOURS: ("cannot-complete-as-dialed", "check-number-dial-again"),
        Message.NOT_NOW: ("im-sorry", "feature-not-avail-line"),
        Message.LIMIT_REACHED: ("simul-call-limit-reached",),
        Message.NOT_ALLOWED: ("im-sorry", "cannot-complete-as-dialed"),
        Message.OUT_OF_SERVICE: ("im-sorry", "something-terribly-wrong"),
    }
)


def media_of(message: Message) -> list[str]:
    """The message as ARI media URIs, played in turn."""
    return [f"sound:{name}" for name in SOUNDS[message]]
