"""What a call asks of Asterisk, in the order of a call's life. Every method raises AriError's subclasses."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bridge.asterisk import names
from bridge.asterisk.announcements import media_of
from bridge.asterisk.ari import (
    AllocationFailed,
    AriClient,
    AriError,
    BadRequest,
    BridgeInfo,
    ChannelInfo,
    NotFound,
)
from bridge.asterisk.happenings import EVENT_TYPES, LEG_ARGUMENT
from bridge.asterisk.trunk import Trunk
from bridge.calls.model import Leg, Message
from bridge.vault import HiddenNumber

# Media through Asterisk itself: a native bridge would hand RTP header extensions, CSRCs and SSRCs across.
_BRIDGE_TYPE: Final = "mixing,proxy_media"

# What a customer's side may not send to the manager's: tones that spell a number, and text.
_DROPPED_FRAMES: Final = "DTMF_BEGIN,DTMF_END,TEXT,TEXT_DATA"


class ChannelGoneAlready(Exception):
    """The channel of this leg does not exist: its end has been, or will be, told."""


@dataclass(frozen=True, slots=True)
class ShopLine:
    """The shop's own caller ID, which customers see."""

    name: str
    number: str


class Pbx:
    """Commands for one Stasis application. `manager_endpoint` is like "PJSIP/{extension}"."""

    def __init__(self, client: AriClient, *, trunk: Trunk, manager_endpoint: str, shop: ShopLine) -> None:
        self._client = client
        self._trunk = trunk
        self._manager_endpoint = manager_endpoint
        self._shop = shop

    async def listen(self) -> None:
        """Ask for the events that we read and no others; to be done after every connect."""
        await self._client.applications.set_event_filter(self._client.app, allowed=list(EVENT_TYPES))

    async def channels(self) -> tuple[ChannelInfo, ...]:
        return await self._client.channels.list()

    async def channels_in_application(self) -> tuple[str, ...]:
        """The ids of every channel that is in our hands."""
        return (await self._client.applications.get(self._client.app)).channel_ids

    async def bridges(self) -> tuple[BridgeInfo, ...]:
        return await self._client.bridges.list()

    async def ring_back(self, channel_id: str) -> None:
        await self._client.channels.handle(channel_id).ring()

    async def create_customer(self, call_id: str, number: HiddenNumber, code: str) -> None:
        """Make the customer's channel, undialled.

        Asterisk takes a channel's own caller ID for that of the far end: so CALLERID is what the manager may
        see of the customer, and CONNECTEDLINE what the customer sees of the shop.
        """
        await self._client.channels.create(
            endpoint=self._trunk.dial_string(number),
            app=self._client.app,
            app_args=LEG_ARGUMENT,
            channel_id=names.channel_id(call_id, Leg.CUSTOMER),
            variables={
                "CALLERID(all)": _order_identity(code),
                "CONNECTEDLINE(all)": f'"{self._shop.name}" <{self._shop.number}>',
                "FRAME_DROP(RX)": _DROPPED_FRAMES,
            },
        )

    async def create_manager(self, call_id: str, extension: str, code: str) -> None:
        """Make a manager's channel, undialled; the phone will show the order."""
        await self._client.channels.create(
            endpoint=self._manager_endpoint.replace("{extension}", extension),
            app=self._client.app,
            app_args=LEG_ARGUMENT,
            channel_id=names.channel_id(call_id, Leg.MANAGER),
            variables={
                "CALLERID(all)": f'"{extension}" <{extension}>',
                "CONNECTEDLINE(all)": _order_identity(code),
            },
        )

    async def dial(self, channel_id: str, seconds: float) -> None:
        """Dial a created channel; Asterisk gives up by itself after `seconds`."""
        await self._client.channels.handle(channel_id).dial(timeout=round(seconds))

    async def answer(self, channel_id: str) -> None:
        await self._client.channels.handle(channel_id).answer()

    async def join(self, call_id: str, manager_channel: str, customer_channel: str) -> None:
        """Put both channels into a bridge of the call's own. They are in when ChannelJoined says so."""
        bridge = self._client.bridges.handle(names.bridge_id(call_id))
        with suppress(AllocationFailed):  # it is there: a daemon before us made it
            await self._client.bridges.create(type=_BRIDGE_TYPE, bridge_id=bridge.id, name=bridge.id)
        try:
            async with asyncio.TaskGroup() as both:
                for channel in (customer_channel, manager_channel):
                    both.create_task(
                        bridge.add_channel(channel, inhibit_connected_line_updates=True),
                        name=f"join {call_id}",
                    )
        except* AriError as failures:
            raise _first(failures) from None

    async def limit(self, channel_id: str, seconds: float) -> None:
        """Let Asterisk end the channel after `seconds`, whether or not anybody is left to ask for it."""
        await self._client.channels.handle(channel_id).set_variable("TIMEOUT(absolute)", str(round(seconds)))

    async def tell(self, call_id: str, channel_id: str, message: Message, language: str) -> None:
        await self._client.channels.handle(channel_id).play(
            media_of(message), playback_id=names.playback_id(call_id), lang=language
        )

    async def hang_up(self, channel_id: str) -> None:
        """Raises ChannelGoneAlready where there is nothing left to hang up."""
        try:
            await self._client.channels.handle(channel_id).hangup(reason="normal")
        except NotFound:
            raise ChannelGoneAlready from None

    async def release(self, call_id: str) -> None:
        """Destroy the call's bridge; nothing is wrong where it is gone or was never made."""
        await self.destroy(names.bridge_id(call_id))

    async def destroy(self, bridge_id: str) -> None:
        """Destroy a bridge; nothing is wrong where it is gone."""
        with suppress(NotFound, BadRequest):
            await self._client.bridges.handle(bridge_id).destroy()


def _order_identity(code: str) -> str:
    return f'"Order {code}" <{code}>'


def _first(failures: BaseExceptionGroup[AriError]) -> AriError:
    """One of several failures: any will do, all of them end the call."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
