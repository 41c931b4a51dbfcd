"""What Asterisk tells, as small types: events of ARI are read here, and nowhere else.

An event's JSON holds caller, connected line and dialplan position; none of that gets any further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bridge.asterisk import names

LEG_ARGUMENT: Final = "leg"
"""The Stasis argument of channels that we create ourselves."""

EVENT_TYPES: Final = (
    "StasisStart",
    "StasisEnd",
    "ChannelStateChange",
    "ChannelDestroyed",
    "ChannelEnteredBridge",
    "PlaybackFinished",
    "ApplicationReplaced",
)
"""All that we listen to. Dial events are left out for what they hold: the number that was dialled."""

_ORDER_CODE: Final = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OrderDialled:
    """An authenticated endpoint's phone dialled an order code."""

    channel_id: str
    extension: str
    code: str


class StrayReason(StrEnum):
    NOT_A_MANAGERS_PHONE = "not-a-managers-phone"
    UNEXPECTED_ARGUMENTS = "unexpected-arguments"


@dataclass(frozen=True, slots=True)
class StrayEntered:
    """A channel that has no business in the application."""

    channel_id: str
    reason: StrayReason


@dataclass(frozen=True, slots=True)
class ChannelEntered:
    """A channel that we created is ours to command."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelRinging:
    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelAnswered:
    channel_id: str


@dataclass(frozen=True, slots=True)
class ChannelJoined:
    channel_id: str
    bridge_id: str


@dataclass(frozen=True, slots=True)
class ChannelGone:
    """`cause` is the Q.850 cause, None where Asterisk gave none."""

    channel_id: str
    cause: int | None


@dataclass(frozen=True, slots=True)
class MessagePlayed:
    playback_id: str


Happening = (
    OrderDialled
    | StrayEntered
    | ChannelEntered
    | ChannelRinging
    | ChannelAnswered
    | ChannelJoined
    | ChannelGone
    | MessagePlayed
)


class Reader:
    """Reads events of one application. `manager_endpoint` is like "PJSIP/{extension}"."""

    def __init__(self, manager_endpoint: str) -> None:
        # Asterisk names a channel by the endpoint that authenticated, then a counter: PJSIP/101-0000002a.
        before, after = manager_endpoint.split("{extension}")
        self._manager_channel = re.compile(
            rf"{re.escape(before)}(?P<extension>[A-Za-z0-9_-]+){re.escape(after)}-[0-9a-f]{{8,}}", re.ASCII
        )

    def read(self, event: Mapping[str, Any]) -> Happening | None:
        """None for what does not concern us. Never raises, whatever the event holds."""
        try:
            return self._read(event)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def _read(self, event: Mapping[str, Any]) -> Happening | None:
        match event["type"]:
            case "StasisStart":
                return self._entered(event["channel"]["id"], event["channel"]["name"], event["args"])
            case "StasisEnd":
                # The end of a channel that came from the dialplan; of ours the cause is still to come.
                channel_id = event["channel"]["id"]
                return None if names.is_ours(channel_id) else ChannelGone(channel_id, None)
            case "ChannelDestroyed":
                return ChannelGone(event["channel"]["id"], _cause(event.get("cause")))
            case "ChannelStateChange":
                return _state_changed(event["channel"]["id"], event["channel"]["state"])
            case "ChannelEnteredBridge":
                return ChannelJoined(event["channel"]["id"], event["bridge"]["id"])
            case "PlaybackFinished":
                return MessagePlayed(event["playback"]["id"])
        return None

    def _entered(self, channel_id: str, name: str, arguments: list[str]) -> Happening:
        if names.is_ours(channel_id) and arguments == [LEG_ARGUMENT]:
            return ChannelEntered(channel_id)
        manager = self._manager_channel.fullmatch(name)
        if manager is None:
            return StrayEntered(channel_id, StrayReason.NOT_A_MANAGERS_PHONE)
        match arguments:
            case ["order", str(code)] if _ORDER_CODE.fullmatch(code):
                return OrderDialled(channel_id, manager["extension"], code)
        return StrayEntered(channel_id, StrayReason.UNEXPECTED_ARGUMENTS)


def _state_changed(channel_id: str, state: str) -> Happening | None:
    match state:
        case "Ringing":
            return ChannelRinging(channel_id)
        case "Up":
            return ChannelAnswered(channel_id)
    return None


def _cause(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 128 else None
