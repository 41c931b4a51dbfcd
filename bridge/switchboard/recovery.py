"""Catching up after every connect: what happened while nobody listened, and what a daemon before us has left.

Three things are compared: the live calls, the records of calls without an end, and what Asterisk has. Live
calls hear what they have missed; recorded ones are adopted; what belongs to no call is removed. What is not
ours is never touched: only channels in our own application, and bridges by our own names, are looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.asterisk import names
from bridge.asterisk.happenings import ChannelAnswered, ChannelGone, ChannelJoined
from bridge.calls.adoption import Presence, adopt
from bridge.calls.model import Kind, Leg, State, Timings
from bridge.store.database import now_ms
from bridge.store.records import OpenCall
from bridge.switchboard.admission import Asked
from bridge.switchboard.board import Switchboard
from bridge.switchboard.live_call import LiveCall, Parts

log = structlog.get_logger()

_GRACE_SECONDS: Final = 2.0
"""How long something may belong to nobody: the event that says whose it is may be on its way."""


@dataclass(frozen=True, slots=True)
class _Pbx:
    """What Asterisk has: the state of each channel, and which channels are in a bridge of ours."""

    states: Mapping[str, str]
    bridged: Mapping[str, str]

    def presence(self, channel_id: str) -> Presence:
        if channel_id in self.bridged:
            return Presence.BRIDGED
        match self.states.get(channel_id):
            case None:
                return Presence.GONE
            case "Up":
                return Presence.UP
            case "Ringing":
                return Presence.RINGING
        return Presence.WAITING


class Recovery:
    def __init__(self, switchboard: Switchboard, parts: Parts) -> None:
        self._switchboard = switchboard
        self._parts = parts

    async def catch_up(self) -> None:
        """Bring calls and Asterisk together again. Raises AriError, and DBAPIError."""
        unfinished = await self._parts.ledger.unfinished()
        known = self._switchboard.known_channels()
        now = await self._look()
        for channel_id in known:
            self._tell_missed(channel_id, now)
        adopted = [record for record in unfinished if not self._switchboard.is_live(record.id)]
        for record in adopted:
            self._adopt(record, now)
        if adopted:
            log.info("calls of a daemon before this one are taken over", calls=len(adopted))

    async def remove_orphans(self) -> None:
        """Hang up and destroy what belongs to no call, and goes on belonging to none. Raises AriError."""
        suspects = await self._orphans()
        if suspects == (set(), set()):
            return
        await asyncio.sleep(_GRACE_SECONDS)
        channels, bridges = await self._orphans()
        for channel_id in channels & suspects[0]:
            self._switchboard.turn_away(channel_id)
        for bridge_id in bridges & suspects[1]:
            await self._parts.pbx.destroy(bridge_id)

    async def _look(self) -> _Pbx:
        pbx = self._parts.pbx
        states = {channel.id: channel.state for channel in await pbx.channels()}
        bridged = {
            channel_id: bridge.id
            for bridge in await pbx.bridges()
            if names.is_ours(bridge.id)
            for channel_id in bridge.channel_ids
        }
        return _Pbx(states, bridged)

    def _tell_missed(self, channel_id: str, now: _Pbx) -> None:
        match now.presence(channel_id):
            case Presence.GONE:
                self._switchboard.hear(ChannelGone(channel_id, None))
            case Presence.UP:
                self._switchboard.hear(ChannelAnswered(channel_id))
            case Presence.BRIDGED:
                self._switchboard.hear(ChannelAnswered(channel_id))
                self._switchboard.hear(ChannelJoined(channel_id, now.bridged[channel_id]))

    def _adopt(self, record: OpenCall, now: _Pbx) -> None:
        channels = {
            Leg.MANAGER: record.manager_channel or names.channel_id(record.id, Leg.MANAGER),
            Leg.CUSTOMER: names.channel_id(record.id, Leg.CUSTOMER),
        }
        found = {leg: now.presence(channel_id) for leg, channel_id in channels.items()}
        talked = None if record.answered_ms is None else (now_ms() - record.answered_ms) / 1000
        kind = Kind(record.kind)
        call, commands, missed = adopt(kind, self._timings(record.id, talked), found, talked_seconds=talked)
        if call.state is State.TALKING:
            # Whether or not the answer was put down in time: what is talked costs money.
            self._parts.book.answered(record.id, record.answered_ms or record.started_ms)
        asked = Asked(record.id, kind, record.extension, record.order_code, channels[Leg.MANAGER], 0, 0)
        live = LiveCall(
            asked,
            self._parts,
            channels,
            call,
            started_ms=record.started_ms,
            answered_ms=record.answered_ms,
        )
        self._switchboard.adopt(live, commands, missed)

    def _timings(self, call_id: str, talked: float | None) -> Timings:
        """A call that is taken over may go on for as long as the day's allowances leave, and no longer."""
        left = self._parts.book.seconds_left(call_id, now_ms())
        return self._parts.timings.with_less_talk((talked or 0) + left)

    async def _orphans(self) -> tuple[set[str], set[str]]:
        """Channels in our application, and bridges by our names, that are no live call's."""
        pbx = self._parts.pbx
        channels = {
            channel_id
            for channel_id in await pbx.channels_in_application()
            if not self._switchboard.knows(channel_id)
        }
        bridges = {
            bridge.id
            for bridge in await pbx.bridges()
            if names.is_ours(bridge.id) and not self._switchboard.is_live(names.call_of_bridge(bridge.id))
        }
        return channels, bridges
