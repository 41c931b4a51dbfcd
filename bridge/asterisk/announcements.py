"""What managers and customers hear: recordings of Asterisk's English and Russian core sound sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from bridge.calls.capture import Outcome, Prompt
from bridge.calls.comparison import Comparison
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
        Message.ANOTHER_NUMBER: ("pls-hold-while-try",),
    }
)

PROMPTS: Final[Mapping[Prompt, tuple[str, ...]]] = MappingProxyType(
    {
        Prompt.ENTER: ("privacy-prompt", "vm-then-pound"),
        Prompt.NOT_A_NUMBER: ("privacy-incorrect", "privacy-prompt", "vm-then-pound"),
        Prompt.THANKS: ("privacy-thankyou",),
        Prompt.GIVEN_UP: ("one-moment-please",),
    }
)
"""What a customer hears who is asked for a number."""

BEFORE_THE_NUMBER: Final = ("vm-num-i-have",)
AFTER_THE_NUMBER: Final = ("if-correct-press", "digits/1", "vm-calldiffnum")
"""Around the number that they have keyed in, which no recording of Asterisk's says: bridge.asterisk.voice."""

OUTCOMES: Final[Mapping[Outcome, tuple[str, ...]]] = MappingProxyType(
    {
        Outcome.SAVED: ("telephone-number", "vm-saved"),
        Outcome.NOT_VALID: ("privacy-incorrect",),
        Outcome.NOT_SAVED: ("im-sorry", "something-terribly-wrong"),
        Outcome.CANCELLED: ("cancelled",),
    }
)
"""What the manager hears of it."""

LEFT_ALONE: Final = ("do-not-disturb", "activated")
NOT_LEFT_ALONE: Final = ("im-sorry", "something-terribly-wrong")
"""What a manager hears who has asked by keys that a customer be called no more, or could not."""

COMPARISON_BEGUN: Final = ("beep",)
COMPARISONS: Final[Mapping[Comparison, tuple[str, ...]]] = MappingProxyType(
    {
        Comparison.SAME: ("telephone-number", "letters/equals"),
        Comparison.DIFFERENT: ("telephone-number", "vm-no"),
        Comparison.NOT_A_NUMBER: ("privacy-incorrect",),
        Comparison.NO_MORE_TRIES: ("im-sorry", "feature-not-avail-line"),
        Comparison.CANCELLED: ("cancelled",),
        Comparison.FAILED: ("im-sorry", "something-terribly-wrong"),
    }
)
"""What a manager hears who keys a number in that a customer says: that keys count, and what came of it."""


def media_of(*messages: Message) -> list[str]:
    """The messages as ARI media URIs, played in turn."""
    return as_media(name for message in messages for name in SOUNDS[message])


def as_media(recordings: Iterable[str]) -> list[str]:
    return [f"sound:{name}" for name in recordings]
