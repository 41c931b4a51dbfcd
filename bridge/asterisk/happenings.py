"""What Asterisk tells, as small types: events of ARI are read here, and nowhere else.

An event's JSON holds caller, connected line and dialplan position; none of that gets any further.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from bridge.asterisk import names
from bridge.asterisk.formats import are_formats, as_asked

LEG_ARGUMENT: Final = "leg"
"""The Stasis argument of channels that we create ourselves."""

CALLBACK_ARGUMENT: Final = "callback"
"""The Stasis argument of calls that the carrier brings."""

CAPTURE_ARGUMENT: Final = "capture"
"""The Stasis argument of those that a dialplan hands over for a number to be keyed in."""

EVENT_TYPES: Final = (
    "StasisStart",
    "StasisEnd",
    "ChannelStateChange",
    "ChannelDestroyed",
    "ChannelEnteredBridge",
    "PlaybackFinished",
    "ChannelDtmfReceived",
    "RecordingFinished",
    "RecordingFailed",
    "ApplicationReplaced",
)
"""All that we listen to. Dial events are left out for what they hold: the number that was dialled."""

_KEYS: Final = frozenset("0123456789*#")

_ORDER_DIALLED: Final = re.compile(r"([0-9]{1,12})(?:\*([1-9]))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OrderDialled:
    """An authenticated endpoint's phone dialled an order code: 1042, or 1042*2 for the second contact.

    `formats` are what the phone speaks, None where the dialplan hands none over, or there are none.
    """

    channel_id: str
    extension: str
    code: str
    formats: str | None = None
    place: int = 1


@dataclass(frozen=True, slots=True)
class CustomerCalled:
    """A call came in from the carrier. Who calls is not in the event, and is not to be."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class CustomerHandedOver:
    """A dialplan wants the customer who calls on this channel to be asked for a number."""

    channel_id: str


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


@dataclass(frozen=True, slots=True)
class RecordingOver:
    """Asterisk has what was said, or has failed to record it."""

    name: str


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key on one of the phones. A customer's come only while a capture has opened them."""

    channel_id: str
    key: str = field(repr=False)


Happening = (
    OrderDialled
    | CustomerCalled
    | CustomerHandedOver
    | StrayEntered
    | ChannelEntered
    | ChannelRinging
    | ChannelAnswered
    | ChannelJoined
    | ChannelGone
    | MessagePlayed
    | RecordingOver
    | KeyPressed
)


def managers_endpoint(manager_endpoint: str) -> str:
    """A regular expression with a group `extension`, for what is written like "PJSIP/{extension}"."""
    before, after = manager_endpoint.split("{extension}")
    return rf"{re.escape(before)}(?P<extension>[A-Za-z0-9_-]+){re.escape(after)}"


class Reader:
    """Reads events of one application. `manager_endpoint` is like "PJSIP/{extension}".

    `carrier_endpoints` are the names of those by which the carrier's calls come in.
    """

    def __init__(self, manager_endpoint: str, carrier_endpoints: Collection[str] = ()) -> None:
        # Asterisk names a channel by the endpoint that authenticated, then a counter: PJSIP/101-0000002a.
        self._manager_channel = re.compile(rf"{managers_endpoint(manager_endpoint)}-[0-9a-f]{{8,}}", re.ASCII)
        names_of_carriers = "|".join(map(re.escape, carrier_endpoints)) or r"(?!)"
        self._carrier_channel = re.compile(rf"PJSIP/(?:{names_of_carriers})-[0-9a-f]{{8,}}", re.ASCII)

    def extension_of(self, channel_name: str) -> str | None:
        """Of the manager whose phone this channel leads to; None for any other channel."""
        found = self._manager_channel.fullmatch(channel_name)
        return None if found is None else found["extension"]

    def is_carriers(self, channel_name: str) -> bool:
        """Whether a call came in by it from the carrier."""
        return self._carrier_channel.fullmatch(channel_name) is not None

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
            case "RecordingFinished" | "RecordingFailed":
                return RecordingOver(event["recording"]["name"])
            case "ChannelDtmfReceived":
                return _key_pressed(event["channel"]["id"], event["digit"])
        return None

    def _entered(self, channel_id: str, name: str, arguments: list[str]) -> Happening:
        if names.is_ours(channel_id) and arguments == [LEG_ARGUMENT]:
            return ChannelEntered(channel_id)
        if arguments == [CALLBACK_ARGUMENT] and self.is_carriers(name):
            return CustomerCalled(channel_id)
        if arguments == [CAPTURE_ARGUMENT] and self.is_carriers(name):
            return CustomerHandedOver(channel_id)
        if names.is_voice(channel_id) and not arguments:
            return ChannelEntered(channel_id)
        extension = self.extension_of(name)
        if extension is None:
            return StrayEntered(channel_id, StrayReason.NOT_A_MANAGERS_PHONE)
        match arguments:
            case ["order", str(dialled)] if order := _ORDER_DIALLED.fullmatch(dialled):
                formats = None
            case ["order", str(dialled), str(told)] if (
                order := _ORDER_DIALLED.fullmatch(dialled)
            ) and are_formats(told):
                formats = as_asked(told)
            case _:
                return StrayEntered(channel_id, StrayReason.UNEXPECTED_ARGUMENTS)
        code, place = order.groups(default="1")
        return OrderDialled(channel_id, extension, code, formats, int(place))


def _state_changed(channel_id: str, state: str) -> Happening | None:
    match state:
        case "Ringing":
            return ChannelRinging(channel_id)
        case "Up":
            return ChannelAnswered(channel_id)
    return None


def _key_pressed(channel_id: str, key: object) -> Happening | None:
    return KeyPressed(channel_id, key) if isinstance(key, str) and key in _KEYS else None


def _cause(value: object) -> int | None:
    return value if isinstance(value, int) and 0 < value < 128 else None
