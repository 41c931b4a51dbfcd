"""ARI's resources under the names that ari-py gave them.

Parameters: https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/
A handle (Channel, Bridge, Playback) is an id with commands; making one sends nothing and proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from bridge.asterisk.ari.ids import checked_id
from bridge.asterisk.ari.models import (
    ApplicationInfo,
    AsteriskInfo,
    BridgeInfo,
    ChannelInfo,
    EndpointInfo,
    PlaybackInfo,
    listing,
    ping_time,
    variable_value,
)

if TYPE_CHECKING:
    from bridge.asterisk.ari.client import AriClient

Direction = Literal["in", "out", "both"]


@dataclass(frozen=True, slots=True)
class Playback:
    """A playback, perhaps over already."""

    id: str
    _client: AriClient = field(repr=False, compare=False)

    async def stop(self) -> None:
        """Raises NotFound where it is over."""
        await self._client.command("playbacks.stop", "DELETE", "playbacks", self.id)


class Playbacks:
    def __init__(self, client: AriClient) -> None:
        self._client = client

    def handle(self, playback_id: str) -> Playback:
        return Playback(playback_id, self._client)

    async def get(self, playback_id: str) -> PlaybackInfo:
        return await self._client.query(
            "playbacks.get", "GET", "playbacks", playback_id, read=PlaybackInfo.read
        )

    async def stop(self, playback_id: str) -> None:
        await self.handle(playback_id).stop()


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, perhaps gone already: then every command raises NotFound."""

    id: str
    _client: AriClient = field(repr=False, compare=False)

    async def dial(
        self,
        *,
        timeout: int | None = None,  # noqa: ASYNC109 - Asterisk's, for the ringing
        caller: str | None = None,
    ) -> None:
        """Dial a channel made by `channels.create`. Wait for its StasisStart first: earlier raises Conflict.

        `timeout` is seconds until Asterisk gives up; `caller` the id of the channel that is calling.
        """
        await self._command("dial", body=_body(timeout=timeout, caller=caller))

    async def ring(self) -> None:
        await self._command("ring")

    async def ring_stop(self) -> None:
        await self._client.command("channels.ring_stop", "DELETE", "channels", self.id, "ring")

    async def answer(self) -> None:
        await self._command("answer")

    async def hangup(self, *, reason: str | None = None, reason_code: int | None = None) -> None:
        """Hang up, with one of ARI's words ("normal", "busy", "no_answer") or a Q.850 cause, not both."""
        if reason is not None and reason_code is not None:
            raise ValueError("hangup takes reason or reason_code, not both")
        code = None if reason_code is None else str(reason_code)
        body = _body(reason=reason, reason_code=code)
        await self._client.command("channels.hangup", "DELETE", "channels", self.id, body=body)

    async def play(
        self, media: Sequence[str], *, playback_id: str | None = None, lang: str | None = None
    ) -> Playback:
        """Queue media URIs ("sound:beep", "tone:ring"), played in turn. The channel must be up or ringing."""
        body = _body(media=list(media), playbackId=_new_id("channels.play", playback_id), lang=lang)
        info = await self._client.query(
            "channels.play", "POST", "channels", self.id, "play", read=PlaybackInfo.read, body=body
        )
        return self._client.playbacks.handle(info.id)

    async def continue_in_dialplan(
        self, *, context: str | None = None, extension: str | None = None, priority: int | None = None
    ) -> None:
        """Leave Stasis and go on in the dialplan: there, or where the channel came from."""
        await self._command("continue", body=_body(context=context, extension=extension, priority=priority))

    async def set_variable(self, name: str, value: str) -> None:
        """Set a variable or function. Asterisk says yes to functions it lacks: read back what must hold."""
        await self._command("variable", operation="set_variable", body=_body(variable=name, value=value))

    async def get_variable(self, name: str) -> str:
        """A variable's or function's value. Raises NotFound where it is not set."""
        return await self._client.query(
            "channels.get_variable",
            "GET",
            "channels",
            self.id,
            "variable",
            read=variable_value,
            body=_body(variable=name),
        )

    async def record(
        self,
        name: str,
        *,
        format: str,
        max_duration_seconds: int,
        max_silence_seconds: int,
        beep: bool,
        terminate_on: str,
    ) -> None:
        """Record what comes from this channel, once what is being played to it is over.

        It is over when RecordingFinished or RecordingFailed says so; then `recordings` has it, by `name`.
        """
        body = _body(
            name=checked_id("channels.record", name),
            format=format,
            maxDurationSeconds=max_duration_seconds,
            maxSilenceSeconds=max_silence_seconds,
            ifExists="fail",
            beep=beep,
            terminateOn=terminate_on,
        )
        await self._command("record", body=body)

    async def start_music(self) -> None:
        """Play music on hold, of the class that the channel has; silence where Asterisk has none."""
        await self._command("moh", operation="start_music")

    async def stop_music(self) -> None:
        await self._client.command("channels.stop_music", "DELETE", "channels", self.id, "moh")

    async def mute(self, direction: Direction = "both") -> None:
        await self._command("mute", body=_body(direction=direction))

    async def unmute(self, direction: Direction = "both") -> None:
        body = _body(direction=direction)
        await self._client.command("channels.unmute", "DELETE", "channels", self.id, "mute", body=body)

    async def _command(
        self, action: str, *, operation: str | None = None, body: Mapping[str, Any] | None = None
    ) -> None:
        name = f"channels.{operation or action}"
        await self._client.command(name, "POST", "channels", self.id, action, body=body)


class Channels:
    def __init__(self, client: AriClient) -> None:
        self._client = client

    def handle(self, channel_id: str) -> Channel:
        return Channel(channel_id, self._client)

    async def list(self) -> tuple[ChannelInfo, ...]:
        return await self._client.query("channels.list", "GET", "channels", read=listing(ChannelInfo.read))

    async def get(self, channel_id: str) -> ChannelInfo:
        return await self._client.query("channels.get", "GET", "channels", channel_id, read=ChannelInfo.read)

    async def create(
        self,
        *,
        endpoint: str,
        app: str,
        app_args: str | None = None,
        channel_id: str | None = None,
        variables: Mapping[str, str] | None = None,
        formats: str | None = None,
    ) -> Channel:
        """Create a channel and put it into `app`; it dials only when told to, after its StasisStart.

        Choose `channel_id` and note it down first: events about the channel can come before this returns. A
        taken id raises Conflict. There is no `originator`: it would copy the other leg's From.
        """
        body = _body(
            endpoint=endpoint,
            app=app,
            appArgs=app_args,
            channelId=_new_id("channels.create", channel_id),
            variables=variables,
            formats=formats,
        )
        info = await self._client.query(
            "channels.create", "POST", "channels", "create", read=ChannelInfo.read, body=body
        )
        return self.handle(info.id)

    async def originate(
        self,
        *,
        endpoint: str,
        app: str,
        app_args: str | None = None,
        caller_id: str | None = None,
        timeout: int | None = None,  # noqa: ASYNC109 - Asterisk's, for the ringing
        channel_id: str | None = None,
        variables: Mapping[str, str] | None = None,
        formats: str | None = None,
    ) -> Channel:
        """Create a channel, dial it at once and put it into `app` when it answers.

        `caller_id` is Asterisk's form, `"Name" <number>`; `timeout` is seconds. A peer's 302 is followed as a
        Local channel named after the new target, which `create` and `dial` avoid.
        """
        body = _body(
            endpoint=endpoint,
            app=app,
            appArgs=app_args,
            callerId=caller_id,
            timeout=timeout,
            channelId=_new_id("channels.originate", channel_id),
            variables=variables,
            formats=formats,
        )
        info = await self._client.query(
            "channels.originate", "POST", "channels", read=ChannelInfo.read, body=body
        )
        return self.handle(info.id)

    async def external_media(
        self, *, app: str, external_host: str, format: str, channel_id: str | None = None
    ) -> Channel:
        """Create a channel whose sound comes from and goes to `external_host` ("127.0.0.1:40000"), by RTP.

        It is in `app` when its StasisStart, which has no arguments, has come.
        """
        body = _body(
            app=app,
            external_host=external_host,
            format=format,
            channelId=_new_id("channels.external_media", channel_id),
        )
        info = await self._client.query(
            "channels.external_media", "POST", "channels", "externalMedia", read=ChannelInfo.read, body=body
        )
        return self.handle(info.id)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge, perhaps gone already: then every command raises NotFound."""

    id: str
    _client: AriClient = field(repr=False, compare=False)

    async def add_channel(
        self,
        *channel_ids: str,
        inhibit_connected_line_updates: bool | None = None,
        absorb_dtmf: bool | None = None,
        mute: bool | None = None,
    ) -> None:
        """Ask for channels to be added; each is in when its ChannelEnteredBridge says so.

        Raises BadRequest for a channel that is gone, Unprocessable for one that is still dialling.
        """
        body = _body(
            channel=list(channel_ids),
            inhibitConnectedLineUpdates=inhibit_connected_line_updates,
            absorbDTMF=absorb_dtmf,
            mute=mute,
        )
        await self._client.command("bridges.add_channel", "POST", "bridges", self.id, "addChannel", body=body)

    async def remove_channel(self, channel_id: str) -> None:
        """Raises BadRequest for a channel that is gone, Unprocessable for one that is not in this bridge."""
        body = _body(channel=channel_id)
        await self._client.command(
            "bridges.remove_channel", "POST", "bridges", self.id, "removeChannel", body=body
        )

    async def destroy(self) -> None:
        """End the bridge. Channels still in it stay in Stasis."""
        await self._client.command("bridges.destroy", "DELETE", "bridges", self.id)


class Bridges:
    def __init__(self, client: AriClient) -> None:
        self._client = client

    def handle(self, bridge_id: str) -> Bridge:
        return Bridge(bridge_id, self._client)

    async def list(self) -> tuple[BridgeInfo, ...]:
        return await self._client.query("bridges.list", "GET", "bridges", read=listing(BridgeInfo.read))

    async def get(self, bridge_id: str) -> BridgeInfo:
        return await self._client.query("bridges.get", "GET", "bridges", bridge_id, read=BridgeInfo.read)

    async def create(
        self, *, type: str | None = None, bridge_id: str | None = None, name: str | None = None
    ) -> Bridge:
        """Create a bridge of a `type` like "mixing,proxy_media". A taken id raises AllocationFailed."""
        body = _body(type=type, bridgeId=_new_id("bridges.create", bridge_id), name=name)
        info = await self._client.query("bridges.create", "POST", "bridges", read=BridgeInfo.read, body=body)
        return self.handle(info.id)


class Recordings:
    """Recordings that are over."""

    def __init__(self, client: AriClient) -> None:
        self._client = client

    async def file(self, name: str) -> bytes:
        """Raises NotFound where there is none of this name, or one that is still going on."""
        return await self._client.fetch("recordings.file", "recordings", "stored", name, "file")

    async def delete(self, name: str) -> None:
        """Raises NotFound."""
        await self._client.command("recordings.delete", "DELETE", "recordings", "stored", name)

    async def count(self) -> int:
        """Raises NotFound where Asterisk has not loaded what hands recordings out."""
        return await self._client.query("recordings.list", "GET", "recordings", "stored", read=len)


class Applications:
    def __init__(self, client: AriClient) -> None:
        self._client = client

    async def list(self) -> tuple[ApplicationInfo, ...]:
        return await self._client.query(
            "applications.list", "GET", "applications", read=listing(ApplicationInfo.read)
        )

    async def get(self, name: str) -> ApplicationInfo:
        return await self._client.query(
            "applications.get", "GET", "applications", name, read=ApplicationInfo.read
        )

    async def set_event_filter(
        self, name: str, *, allowed: Sequence[str] | None = None, disallowed: Sequence[str] | None = None
    ) -> None:
        """Let Asterisk send only the allowed types of events, less the disallowed ones.

        The filter lives as long as the application is registered: set it again after each Connected.
        """
        body = _body(allowed=_event_types(allowed), disallowed=_event_types(disallowed))
        await self._client.command(
            "applications.set_event_filter", "PUT", "applications", name, "eventFilter", body=body
        )


class Endpoints:
    def __init__(self, client: AriClient) -> None:
        self._client = client

    async def list(self) -> tuple[EndpointInfo, ...]:
        return await self._client.query("endpoints.list", "GET", "endpoints", read=listing(EndpointInfo.read))

    async def get(self, tech: str, resource: str) -> EndpointInfo:
        return await self._client.query(
            "endpoints.get", "GET", "endpoints", tech, resource, read=EndpointInfo.read
        )


class Asterisk:
    def __init__(self, client: AriClient) -> None:
        self._client = client

    async def info(self) -> AsteriskInfo:
        return await self._client.query("asterisk.info", "GET", "asterisk", "info", read=AsteriskInfo.read)

    async def reload(self, module: str) -> None:
        """Let a module, such as res_pjsip.so, read its configuration again."""
        await self._client.command("asterisk.reload", "PUT", "asterisk", "modules", module)

    async def ping(self) -> datetime:
        """Asterisk's time."""
        return await self._client.query("asterisk.ping", "GET", "asterisk", "ping", read=ping_time)


def _body(**parameters: Any) -> dict[str, Any]:
    """A JSON body of the parameters that were given."""
    return {name: value for name, value in parameters.items() if value is not None}


def _new_id(operation: str, chosen: str | None) -> str | None:
    """The id chosen for something new: one that no URL could name would leave it out of control."""
    return None if chosen is None else checked_id(operation, chosen)


def _event_types(types: Sequence[str] | None) -> list[dict[str, str]] | None:
    return None if types is None else [{"type": name} for name in types]
