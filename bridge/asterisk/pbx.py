"""What a call asks of Asterisk, in the order of a call's life. Every method raises AriError's subclasses."""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bridge.asterisk import names
from bridge.asterisk.announcements import as_media, media_of
from bridge.asterisk.ari import (
    AllocationFailed,
    AriClient,
    AriError,
    BadRequest,
    BridgeInfo,
    ChannelInfo,
    Conflict,
    InvalidState,
    NotFound,
    Unprocessable,
)
from bridge.asterisk.callers import CallerLine
from bridge.asterisk.formats import as_asked
from bridge.asterisk.happenings import EVENT_TYPES, LEG_ARGUMENT
from bridge.asterisk.trunk import Blank, Trunk
from bridge.asterisk.voice import speak
from bridge.calls.model import Message
from bridge.vault import HiddenNumber, ReadNumber

# Media through Asterisk itself: a native bridge would hand RTP header extensions, CSRCs and SSRCs across.
_BRIDGE_TYPE: Final = "mixing,proxy_media"

# What a customer's side may not send to the manager's, however open the PBX's settings: text, who it is and
# by way of whom it came, video, fax; and tones that spell a number. The names are FRAME_DROP()'s own.
_DROPPED_ALWAYS: Final = "TEXT,TEXT_DATA,CONNECTED_LINE,REDIRECTING,VIDEO,MODEM"
DROPPED_FRAMES: Final = f"DTMF_BEGIN,DTMF_END,{_DROPPED_ALWAYS}"

# A daemon that takes over hundreds of calls renews all their limits. These are no hurry, and must leave
# connections to ARI free for whoever dials or hangs up meanwhile.
_LIMITS_AT_ONCE: Final = 4


_SECONDS_OF_SILENCE: Final = 6
"""After which whoever leaves a message has nothing more to say."""

SECONDS_AROUND_A_MESSAGE: Final = 60
"""For what is said before a customer's message, and for Asterisk to tell of its end."""


_CAPTURE_VARIABLE: Final = "CALLBRIDGE_CAPTURE"
"""What a dialplan reads that has handed a customer over."""


class Onward(StrEnum):
    """Where a customer goes on whom no manager takes: by the dialplan's variable that says so."""

    NOBODY_THERE = "CALLBRIDGE_CALLERS_THEN"
    CLOSED = "CALLBRIDGE_CALLERS_CLOSED"


class ChannelGoneAlready(Exception):
    """The channel of this leg does not exist: its end has been, or will be, told."""


class StillTogether(AriError):
    """The manager's channel has been told to leave the bridge, and has not."""

    def __init__(self) -> None:
        super().__init__("bridges.remove_channel")


@dataclass(frozen=True, slots=True)
class ShopLine:
    """The shop's own caller ID, which customers see."""

    name: str
    number: str


@dataclass(frozen=True, slots=True, repr=False)
class RunningAgi:
    """A channel in an AGI() of the dialplan's, by its name; `asked` is what stands in the brackets."""

    channel_name: str
    asked: str


class Pbx:
    """Commands for one Stasis application. `manager_endpoint` is like "PJSIP/{extension}"."""

    def __init__(self, client: AriClient, *, trunk: Trunk, manager_endpoint: str, shop: ShopLine) -> None:
        self._client = client
        self._trunk = trunk
        self._manager_endpoint = manager_endpoint
        self._shop = shop
        self._limits = asyncio.Semaphore(_LIMITS_AT_ONCE)

    def to(self, carrier: str) -> Pbx:
        """The same PBX, whose customers are called by another carrier: a SIP URI with {number} in it."""
        trunk = self._trunk.to(carrier)
        return Pbx(self._client, trunk=trunk, manager_endpoint=self._manager_endpoint, shop=self._shop)

    async def has_outbound_proxy(self) -> bool:
        """Whether the trunk's endpoint sends every call to one proxy, wherever its address leads."""
        path = ("asterisk", "config", "dynamic", "res_pjsip", "endpoint", self._trunk.endpoint_name)
        return await self._client.query("asterisk.config", "GET", *path, read=_outbound_proxy) != ""

    async def listen(self) -> None:
        """Ask for the events that we read and no others; to be done after every connect."""
        await self._client.applications.set_event_filter(self._client.app, allowed=list(EVENT_TYPES))

    async def channels(self) -> tuple[ChannelInfo, ...]:
        return await self._client.channels.list()

    async def channel_state(self, channel_id: str) -> str | None:
        """Asterisk's word for it, such as "Ringing" or "Up"; None where the channel is gone."""
        try:
            return (await self._client.channels.get(channel_id)).state
        except NotFound:
            return None

    async def agi_of(self, channel_id: str) -> RunningAgi | None:
        """What AGI() the channel is carrying out now; None where it is gone, or in another application."""
        try:
            return await self._client.query("channels.get", "GET", "channels", channel_id, read=_running_agi)
        except NotFound:
            return None

    async def channels_in_application(self) -> tuple[str, ...]:
        """The ids of every channel that is in our hands."""
        return (await self._client.applications.get(self._client.app)).channel_ids

    async def bridges(self) -> tuple[BridgeInfo, ...]:
        return await self._client.bridges.list()

    async def formats_of(self, channel_id: str) -> str | None:
        """A channel's audio formats, the best first, as `create` takes them; None where it does not tell.

        They only put the endpoint's own codecs into another order (Asterisk's outgoing_call_offer_pref, of
        which remote_merge is the default): a carrier that speaks none of them is offered the others, too.
        """
        with suppress(AriError):
            channel = self._client.channels.handle(channel_id)
            return as_asked(await channel.get_variable("CHANNEL(audionativeformat)"))
        return None

    async def ring_back(self, channel_id: str) -> None:
        """Raises ChannelGoneAlready."""
        with _gone_where_it_has_left():
            await self._client.channels.handle(channel_id).ring()

    @property
    def dials_sealed(self) -> bool:
        """Whether a customer's channel is made without their number."""
        return self._trunk.is_sealed

    def dial_string(self, number: HiddenNumber) -> str:
        """For `create_customer`. Raises NotDiallable and CarrierDown."""
        return self._trunk.dial_string(number)

    def blank(self) -> Blank:
        """One that is to be filled before it is dialled. Raises CarrierDown, and TypeError if not sealed."""
        return self._trunk.blank()

    async def create_customer(
        self, channel_id: str, dial_string: str, code: str, *, formats: str | None
    ) -> None:
        """Make the customer's channel, undialled; `formats` are what the carrier is asked to speak."""
        await self._client.channels.create(
            formats=formats,
            endpoint=dial_string,
            app=self._client.app,
            app_args=LEG_ARGUMENT,
            channel_id=channel_id,
            variables=self._masks(_order_identity(code)),
        )

    async def create_manager(
        self, channel_id: str, extension: str, code: str, *, first_name: str = "", confirmed: bool = True
    ) -> None:
        """Make a manager's channel, undialled; the phone will show the order, and the name, if any.

        Not `confirmed` is a caller whose number is not known to be the customer's.
        """
        await self._client.channels.create(
            endpoint=self._manager_endpoint.replace("{extension}", extension),
            app=self._client.app,
            app_args=LEG_ARGUMENT,
            channel_id=channel_id,
            variables={
                "CALLERID(all)": f'"{extension}" <{extension}>',
                "CONNECTEDLINE(all)": _order_identity(code, first_name, confirmed=confirmed),
            },
        )

    async def dial(self, channel_id: str, seconds: float) -> None:
        """Dial a created channel; Asterisk gives up by itself after `seconds`."""
        await self._client.channels.handle(channel_id).dial(timeout=round(seconds))

    async def answer(self, channel_id: str) -> None:
        """Raises ChannelGoneAlready."""
        with _gone_where_it_has_left():
            await self._client.channels.handle(channel_id).answer()

    async def caller(self, channel_id: str, line: CallerLine) -> ReadNumber | None:
        """Who calls on a channel that came in; None where its INVITE tells no number."""
        try:
            channel = self._client.channels.handle(channel_id)
            return line.number_in(await channel.get_variable(f"PJSIP_HEADER(read,{line.header})"))
        except NotFound:
            return None

    async def answer_customer(self, channel_id: str, code: str, *, confirmed: bool = True) -> None:
        """Pick up a customer who has called. From here on nothing but sound comes from that side.

        What `create_customer` says when it makes a channel is said here of one that came by itself.
        """
        channel = self._client.channels.handle(channel_id)
        await asyncio.gather(
            *(
                channel.set_variable(*each)
                for each in self._masks(_order_identity(code, confirmed=confirmed)).items()
            )
        )
        if not confirmed:  # they have been picked up to be asked, and hear ringing as a tone
            await channel.ring_stop()
        await channel.answer()

    async def pass_on(self, channel_id: str, name: str, number: str, language: str, onward: Onward) -> None:
        """Let a customer who has called go on in the dialplan, to whom the call shows this name and number.

        Raises ChannelGoneAlready where the customer has hung up.
        """
        channel = self._client.channels.handle(channel_id)
        try:
            await channel.set_variable("CHANNEL(language)", language)
            await channel.set_variable("CALLERID(all)", f'"{name}" <{number}>')
            # The dialplan has made the caller anonymous; without this, agents' phones would show just that.
            await channel.set_variable("CALLERID(pres)", "allowed_not_screened")
            if onward is Onward.CLOSED:
                await self._lead_elsewhere(channel_id, onward)
            await channel.continue_in_dialplan()
        except NotFound:
            raise ChannelGoneAlready from None

    async def _lead_elsewhere(self, channel_id: str, onward: Onward) -> None:
        """Let the dialplan's own way on lead to another place, on this channel alone."""
        channel = self._client.channels.handle(channel_id)
        try:
            place = await channel.get_variable(onward.value)
        except NotFound:  # a dialplan that has no such place, or the customer has hung up: the next one tells
            return
        if place:
            await channel.set_variable(Onward.NOBODY_THERE.value, place)

    def _masks(self, identity: str) -> dict[str, str]:
        """What a customer's channel says and lets through.

        Asterisk takes a channel's own caller ID for that of the far end: so CALLERID is what the manager may
        see of the customer, and CONNECTEDLINE what the customer sees of the shop.
        """
        return {
            "CALLERID(all)": identity,
            "CONNECTEDLINE(all)": f'"{self._shop.name}" <{self._shop.number}>',
            "FRAME_DROP(RX)": DROPPED_FRAMES,
        }

    async def join(self, call_id: str, manager_channel: str, customer_channel: str) -> None:
        """Put both channels into a bridge of the call's own. They are in when ChannelJoined says so."""
        bridge = self._client.bridges.handle(names.bridge_id(call_id))
        with suppress(AllocationFailed):  # it is there: a daemon before us made it
            await self._client.bridges.create(type=_BRIDGE_TYPE, bridge_id=bridge.id, name=bridge.id)
        await bridge.add_channel(customer_channel, manager_channel, inhibit_connected_line_updates=True)

    # --- a capture: the customer keys a number in, and the manager is elsewhere ---

    async def part(self, call_id: str, manager_channel: str) -> None:
        """Take the manager's channel out of the bridge, and let it hear music.

        Raises StillTogether where Asterisk goes on having it in there.
        """
        bridge = self._client.bridges.handle(names.bridge_id(call_id))
        with suppress(Unprocessable):  # it is not in the bridge
            await bridge.remove_channel(manager_channel)
        if manager_channel in await self._channels_in(bridge.id):
            raise StillTogether
        await self._client.channels.handle(manager_channel).start_music()

    async def take_aside(self, call_id: str, customer_channel: str, seconds: float) -> None:
        """Pick a customer up and put them into a bridge alone. They are in it when ChannelJoined says so.

        After so many seconds Asterisk lets them go on by itself, whether or not anybody is left to ask.
        """
        await self.limit(customer_channel, seconds)
        await self._client.channels.handle(customer_channel).answer()
        bridge = self._client.bridges.handle(names.bridge_id(call_id))
        await self._client.bridges.create(type=_BRIDGE_TYPE, bridge_id=bridge.id, name=bridge.id)
        await bridge.add_channel(customer_channel)

    async def bring_back(self, call_id: str, customer_channel: str, outcome: str) -> None:
        """Let the customer's channel go on in the dialplan, with its keys, and what came of it in a variable.

        Nothing is wrong where they have hung up.
        """
        channel = self._client.channels.handle(customer_channel)
        with suppress(NotFound):
            await channel.set_variable("FRAME_DROP(RX)", "")
            await channel.set_variable(_CAPTURE_VARIABLE, outcome)
            with suppress(NotFound, BadRequest, Unprocessable):  # it is not in the bridge
                await self._client.bridges.handle(names.bridge_id(call_id)).remove_channel(customer_channel)
            await channel.continue_in_dialplan()

    async def open_keys(self, customer_channel: str) -> None:
        """Let the customer's keys come in as events, and to whoever is in a bridge with them."""
        await self._drop(customer_channel, _DROPPED_ALWAYS)

    async def close_keys(self, customer_channel: str) -> None:
        await self._drop(customer_channel, DROPPED_FRAMES)

    async def _drop(self, channel_id: str, frames: str) -> None:
        await self._client.channels.handle(channel_id).set_variable("FRAME_DROP(RX)", frames)

    async def say(self, channel_id: str, playback_id: str, recordings: Iterable[str], language: str) -> None:
        """Let whoever is on this channel hear recordings, and nobody who is in a bridge with them."""
        await self._client.channels.handle(channel_id).play(
            as_media(recordings), playback_id=playback_id, lang=language
        )

    async def take_message(
        self,
        channel_id: str,
        message_id: str,
        prompt: Iterable[str],
        language: str,
        *,
        longest_seconds: int,
    ) -> None:
        """Pick up a customer who has called, and record a message; RecordingOver says when it is over.

        Asterisk ends the channel by itself, whether or not anybody is left to hear of it. Raises AriError;
        before anything else is done for an Asterisk that would not hand the recording out.
        """
        await self._client.recordings.count()
        channel = self._client.channels.handle(channel_id)
        await channel.answer()
        await self.limit(channel_id, longest_seconds + SECONDS_AROUND_A_MESSAGE)
        await channel.play(as_media(prompt), playback_id=names.message_playback_id(message_id), lang=language)
        await channel.record(
            message_id,
            format="wav",
            max_duration_seconds=longest_seconds,
            max_silence_seconds=_SECONDS_OF_SILENCE,
            beep=True,
            terminate_on="#",
        )

    async def message(self, message_id: str) -> bytes | None:
        """A recording as WAV; None where there is none, or none that is over."""
        try:
            return await self._client.recordings.file(message_id)
        except NotFound:
            return None

    async def forget_message(self, message_id: str) -> None:
        """Delete the recording; nothing is wrong where there is none."""
        with suppress(NotFound):
            await self._client.recordings.delete(message_id)

    async def hush(self, playback_id: str) -> None:
        """Stop it; nothing is wrong where it is over."""
        with suppress(NotFound):
            await self._client.playbacks.stop(playback_id)

    async def speak(self, call_id: str, channel_id: str, sound: bytes, entered: Event) -> None:
        """Let those in the call's bridge hear this sound, in G.711's mu-law, which Asterisk has no name for.

        `channel_id` is that of the channel by which it comes, and `entered` is set when it is ours.
        """
        await speak(self._client, names.bridge_id(call_id), channel_id, sound, entered)

    async def rejoin(self, call_id: str, manager_channel: str, customer_channel: str) -> bool:
        """Shut the customer's keys out, then put into the bridge who is not in it.

        True where both are in it already; else they are in it when ChannelJoined says so.
        """
        await self.close_keys(customer_channel)
        with suppress(NotFound, Conflict):
            await self._client.channels.handle(manager_channel).stop_music()
        bridge = self._client.bridges.handle(names.bridge_id(call_id))
        try:
            there = await self._channels_in(bridge.id)
        except NotFound:
            await self._client.bridges.create(type=_BRIDGE_TYPE, bridge_id=bridge.id, name=bridge.id)
            there = ()
        missing = [each for each in (customer_channel, manager_channel) if each not in there]
        if missing:
            await bridge.add_channel(*missing, inhibit_connected_line_updates=True)
        return not missing

    async def join_anew(self, call_id: str, manager_channel: str, *, keys_pass: bool) -> None:
        """Let the customer hear the manager's keys, or not, though they come in as events all the same.

        Asterisk takes that from the joining, so the manager's channel leaves the bridge and is back at once.
        FRAME_DROP(TX) on the customer's channel would do it, too, and undo what FRAME_DROP(RX) does there.
        """
        bridge = self._client.bridges.handle(names.bridge_id(call_id))
        await bridge.add_channel(
            manager_channel, inhibit_connected_line_updates=True, absorb_dtmf=not keys_pass
        )

    async def _channels_in(self, bridge_id: str) -> tuple[str, ...]:
        return (await self._client.bridges.get(bridge_id)).channel_ids

    async def limit(self, channel_id: str, seconds: float) -> None:
        """Let Asterisk end the channel after `seconds`, whether or not anybody is left to ask for it."""
        async with self._limits:
            channel = self._client.channels.handle(channel_id)
            await channel.set_variable("TIMEOUT(absolute)", str(round(seconds)))

    async def tell(
        self, call_id: str, channel_id: str, message: Message, language: str, *, then: Message | None = None
    ) -> None:
        """Play a message, and another one after which the call goes on, if there is one.

        Raises ChannelGoneAlready.
        """
        played = (message,) if then is None else (message, then)
        playback_id = names.playback_id(call_id, goes_on=then is not None)
        with _gone_where_it_has_left():
            await self._client.channels.handle(channel_id).play(
                media_of(*played), playback_id=playback_id, lang=language
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
        """Destroy a bridge; nothing is wrong where it is gone. Told twice, the second finds nothing."""
        bridge = self._client.bridges.handle(bridge_id)
        with suppress(NotFound, BadRequest):
            try:
                return await bridge.destroy()
            except (NotFound, BadRequest):
                raise
            except AriError:
                await bridge.destroy()


@contextmanager
def _gone_where_it_has_left() -> Iterator[None]:
    """A channel that was in our application and is there no longer has hung up, whatever is left of it."""
    try:
        yield
    except (NotFound, Conflict, InvalidState):
        raise ChannelGoneAlready from None


def order_label(code: str, *, confirmed: bool) -> str:
    """What phones show of an order: with a question mark where it is the caller alone who says so."""
    return f"Order {code}" if confirmed else f"Order {code}?"


def _running_agi(channel: Any) -> RunningAgi | None:
    place = channel["dialplan"]
    if place["app_name"] != "AGI":
        return None
    return RunningAgi(str(channel["name"]), str(place["app_data"]))


def _outbound_proxy(settings: Any) -> str:
    """Of an endpoint's settings as Asterisk tells them; it tells the empty ones, too."""
    return str(next(each["value"] for each in settings if each["attribute"] == "outbound_proxy"))


def _order_identity(code: str, first_name: str = "", *, confirmed: bool = True) -> str:
    shown = f"{order_label(code, confirmed=confirmed)} {first_name}".rstrip()
    return f'"{shown}" <{code}>'
