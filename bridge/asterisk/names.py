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
_BRIDGE: Final = "-bridge"
_MESSAGE: Final = "-message"


def random_letters(count: int) -> str:
    """Unguessable letters, of 4.3 bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def new_call_id() -> str:
    """A fresh call id: 60 bits, unguessable, of letters only."""
    return random_letters(_ID_LENGTH)


def channel_id(call_id: str, leg: Leg) -> str:
    """The id of a channel that we create for this leg."""
    return f"{OURS}{call_id}-{leg.value}"


def bridge_id(call_id: str) -> str:
    return f"{OURS}{call_id}{_BRIDGE}"


def call_of_bridge(name: str) -> str:
    """The call id in the id of a bridge; of any other name something that is no call's id."""
    return name.removeprefix(OURS).removesuffix(_BRIDGE)


def playback_id(call_id: str) -> str:
    """The id of the one message that a call plays to its manager."""
    return f"{OURS}{call_id}{_MESSAGE}"


def call_of_playback(name: str) -> str:
    """The call id in the id of a message; of any other name something that is no call's id."""
    return name.removeprefix(OURS).removesuffix(_MESSAGE)


def is_ours(name: str) -> bool:
    return name.startswith(OURS)
