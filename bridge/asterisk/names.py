"""The names of everything that call-bridge makes in Asterisk.

All begin with `cb-` and hold the call's id, so that what is ours can be told from what is the PBX's own,
and a successor finds the parts of a call. Order codes and extensions are not in them: a channel id shows up
in other people's logs.
"""

from __future__ import annotations

import secrets
from typing import Final

from bridge.calls.model import Leg

OURS: Final = "cb-"

# Letters alone: no id can ever look like a phone number, to a person or to whoever searches for one.
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz"
_ID_LENGTH: Final = 14
_MESSAGE_ID_LENGTH: Final = 20
_BRIDGE: Final = "-bridge"
_MESSAGE: Final = "-message"
_NEXT: Final = "-next"
_CAPTURE: Final = "-capture"
_VOICE: Final = "-voice"
_ASKING: Final = "-asking"


def random_letters(count: int) -> str:
    """Unguessable letters, of 4.3 bits each."""
    number = secrets.randbelow(len(_ALPHABET) ** count)  # one draw for all: a call waits for two such names
    letters = []
    for _ in range(count):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def new_call_id() -> str:
    """A fresh call id: 60 bits, unguessable, of letters only."""
    return random_letters(_ID_LENGTH)


def new_message_id() -> str:
    """A fresh id of what a customer says, by which Asterisk names the recording: nothing else is in it."""
    return random_letters(_MESSAGE_ID_LENGTH)


def channel_id(call_id: str, leg: Leg, attempt: int = 1) -> str:
    """The id of a channel that we create for this leg; a leg that is created again needs another one."""
    again = "" if attempt == 1 else f"-{attempt}"
    return f"{OURS}{call_id}-{leg.value}{again}"


def call_of_channel(name: str) -> str | None:
    """The call id in the id of a channel that we created; None of any other channel."""
    return name.removeprefix(OURS).partition("-")[0] if is_ours(name) else None


def bridge_id(call_id: str) -> str:
    return f"{OURS}{call_id}{_BRIDGE}"


def call_of_bridge(name: str) -> str:
    """The call id in the id of a bridge; of any other name something that is no call's id."""
    return name.removeprefix(OURS).removesuffix(_BRIDGE)


def playback_id(call_id: str, *, goes_on: bool = False) -> str:
    """The id of the message that a call plays to its manager: the last one, or one after which it goes on."""
    return f"{OURS}{call_id}{_NEXT if goes_on else ''}{_MESSAGE}"


def capture_playback_id(call_id: str, count: int) -> str:
    """The id of one of the messages of a call's captures, or of the question for an order's code."""
    return f"{OURS}{call_id}{_CAPTURE}-{count}"


def message_playback_id(message_id: str) -> str:
    """The id of what is said to a customer before their message. It is of no call's."""
    return f"{OURS}{message_id}{_ASKING}"


def call_of_playback(name: str) -> str:
    """The call id in the id of a message; of any other name something that is no call's id."""
    return name.removeprefix(OURS).removesuffix(_MESSAGE).removesuffix(_NEXT).partition(_CAPTURE)[0]


def voice_id(call_id: str, count: int) -> str:
    """The id of a channel by which we speak to the customer ourselves."""
    return f"{OURS}{call_id}{_VOICE}{count}"


def is_voice(name: str) -> bool:
    return is_ours(name) and _VOICE in name


def is_ours(name: str) -> bool:
    return name.startswith(OURS)
