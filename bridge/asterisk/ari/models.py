"""What ARI answers, reduced to fields that cannot carry a phone number.

ARI's own models hold caller, connected line, dialplan position and channel variables; none of that is read.
Each `read` raises KeyError, TypeError or ValueError on an answer that is not what ARI documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

T = TypeVar("T")

_NAMED_BY_ENDPOINT = re.compile(r"PJSIP/[^/@;]+-[0-9a-f]{8,}")


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel. `state` is Asterisk's word: "Down", "Ring", "Ringing", "Up" and so on.

    `name` is whole for PJSIP, which names a channel by its endpoint ("PJSIP/101-00000001"). Others put what
    was dialled into the name, so of theirs only the technology is kept ("Local/").
    """

    id: str
    name: str
    state: str
    created: datetime

    @classmethod
    def read(cls, answer: Any) -> ChannelInfo:
        return cls(
            id=_text(answer, "id"),
            name=_safe_name(_text(answer, "name")),
            state=_text(answer, "state"),
            created=datetime.fromisoformat(_text(answer, "creationtime")),
        )


@dataclass(frozen=True, slots=True)
class BridgeInfo:
    """A bridge, and the channels that are in it."""

    id: str
    channel_ids: tuple[str, ...]

    @classmethod
    def read(cls, answer: Any) -> BridgeInfo:
        return cls(id=_text(answer, "id"), channel_ids=_texts(answer, "channels"))


@dataclass(frozen=True, slots=True)
class PlaybackInfo:
    """A playback. What it plays is not kept: `digits:` media speak numbers."""

    id: str
    state: str

    @classmethod
    def read(cls, answer: Any) -> PlaybackInfo:
        return cls(id=_text(answer, "id"), state=_text(answer, "state"))


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """A Stasis application and what it is subscribed to."""

    name: str
    channel_ids: tuple[str, ...]
    bridge_ids: tuple[str, ...]
    endpoint_ids: tuple[str, ...]

    @classmethod
    def read(cls, answer: Any) -> ApplicationInfo:
        return cls(
            name=_text(answer, "name"),
            channel_ids=_texts(answer, "channel_ids"),
            bridge_ids=_texts(answer, "bridge_ids"),
            endpoint_ids=_texts(answer, "endpoint_ids"),
        )


@dataclass(frozen=True, slots=True)
class EndpointInfo:
    """An endpoint. `state` is "unknown", "offline" or "online"; None where the technology does not tell."""

    technology: str
    resource: str
    state: str | None
    channel_ids: tuple[str, ...]

    @classmethod
    def read(cls, answer: Any) -> EndpointInfo:
        return cls(
            technology=_text(answer, "technology"),
            resource=_text(answer, "resource"),
            state=_text(answer, "state") if "state" in answer else None,
            channel_ids=_texts(answer, "channel_ids"),
        )


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    """The running Asterisk. `started` and `reloaded` are its own clock's."""

    version: str
    entity_id: str
    default_language: str
    started: datetime
    reloaded: datetime

    @classmethod
    def read(cls, answer: Any) -> AsteriskInfo:
        system, status = answer["system"], answer["status"]
        return cls(
            version=_text(system, "version"),
            entity_id=_text(system, "entity_id"),
            default_language=_text(answer["config"], "default_language"),
            started=datetime.fromisoformat(_text(status, "startup_time")),
            reloaded=datetime.fromisoformat(_text(status, "last_reload_time")),
        )


def listing(read: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A reader of lists, made of the reader of one element."""

    def read_all(answer: Any) -> tuple[T, ...]:
        if not isinstance(answer, list):
            raise TypeError
        return tuple(read(element) for element in answer)

    return read_all


def variable_value(answer: Any) -> str:
    return _text(answer, "value")


def ping_time(answer: Any) -> datetime:
    return datetime.fromisoformat(_text(answer, "timestamp"))


def _text(answer: Mapping[str, Any], field: str) -> str:
    value = answer[field]
    if not isinstance(value, str):
        raise TypeError(field)
    return value


def _texts(answer: Mapping[str, Any], field: str) -> tuple[str, ...]:
    values = answer[field]
    if not isinstance(values, list):
        raise TypeError(field)
    for value in values:
        if not isinstance(value, str):
            raise TypeError(field)
    return tuple(values)


def _safe_name(name: str) -> str:
    if _NAMED_BY_ENDPOINT.fullmatch(name):
        return name
    technology, _, _ = name.partition("/")
    return f"{technology}/"
