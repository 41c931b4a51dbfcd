"""A client of the Asterisk REST Interface, usable alone.

Example::

    async with AriClient("http://127.0.0.1:8088", "user", "password", app="my-app") as client:
        async for item in client.events():
            match item:
                case Connected(): ...
                case {"type": "StasisStart", "channel": {"id": channel_id}}:
                    await client.channels.handle(channel_id).answer()
"""

from bridge.asterisk.ari.client import AriClient
from bridge.asterisk.ari.errors import (
    AccessDenied,
    AllocationFailed,
    AriError,
    BadRequest,
    Conflict,
    InvalidState,
    LinkDown,
    MalformedAnswer,
    NotFound,
    Unprocessable,
    UnusableId,
)
from bridge.asterisk.ari.events import (
    ApplicationReplaced,
    Connected,
    Disconnected,
    Event,
    EventStream,
    Item,
    LinkFault,
)
from bridge.asterisk.ari.models import (
    ApplicationInfo,
    AsteriskInfo,
    BridgeInfo,
    ChannelInfo,
    EndpointInfo,
    PlaybackInfo,
)
from bridge.asterisk.ari.resources import Bridge, Channel, Playback

__all__ = [
    "AccessDenied",
    "AllocationFailed",
    "ApplicationInfo",
    "ApplicationReplaced",
    "AriClient",
    "AriError",
    "AsteriskInfo",
    "BadRequest",
    "Bridge",
    "BridgeInfo",
    "Channel",
    "ChannelInfo",
    "Conflict",
    "Connected",
    "Disconnected",
    "EndpointInfo",
    "Event",
    "EventStream",
    "InvalidState",
    "Item",
    "LinkDown",
    "LinkFault",
    "MalformedAnswer",
    "NotFound",
    "Playback",
    "PlaybackInfo",
    "Unprocessable",
    "UnusableId",
]
