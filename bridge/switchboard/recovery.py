"""Keeping calls and Asterisk in step: what happened while nobody listened, and what no event has told.

Three things are compared: the live calls, the records of calls without an end, and what Asterisk has. Live
calls hear what they have missed; recorded ones are adopted; what belongs to no call is removed. What is not
ours is never touched: only channels in our own application, and bridges by our own names, are looked at.

After every connect `catch_up` does so at once. From then on `sweep`, every second, makes sure that no
call depends on one event or one answer: each may be lost, and what it would have told is seen all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.asterisk import names
from bridge.asterisk.ari import AriError, BridgeInfo
from bridge.asterisk.happenings import ChannelAnswered, ChannelGone, ChannelJoined, ChannelRinging
from bridge.calls.adoption import Presence, adopt
from bridge.calls.model import (
    DIALPLAN_CALL,
    MOST_MANAGERS_RUNG,
    MOST_NUMBERS_DIALLED,
    Call,
    Kind,
    Leg,
    State,
)
from bridge.store.database import now_ms
from bridge.store.records import OpenCall
from bridge.switchboard.admission import Asked
from bridge.switchboard.board import Switchboard
from bridge.switchboard.callback_call import CallbackCall
from bridge.switchboard.live_call import LiveCall, Parts

log = structlog.get_logger()

SECONDS_BETWEEN_SWEEPS: Final = 1.0
"""What a sweep sees must be so in the next one, too: until then an event about it may be on its way."""


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


@dataclass(frozen=True, slots=True)
class _Doubts:
    """What one sweep saw amiss: legs without a channel, channels and bridges without a call."""

    missing: Set[str] = frozenset()
    strays: Set[str] = frozenset()
    orphans: Set[str] = frozenset()


class Recovery:
    def __init__(self, switchboard: Switchboard, parts: Parts) -> None:
        self._switchboard = switchboard
        self._parts = parts
        self._doubts = _Doubts()

    async def catch_up(self) -> None:
        """Bring calls and Asterisk together again. Raises AriError, and SQLAlchemyError."""
        unfinished = await self._parts.ledger.unfinished()
        known = self._switchboard.known_channels()
        now = await self._look()
        for channel_id in known:
            self._tell_missed(channel_id, now)
        adopted = [
            record
            for record in unfinished
            if record.kind != DIALPLAN_CALL and not self._switchboard.is_live(record.id)
        ]
        left = self._parts.book.seconds_left_of_each(now_ms())
        for record in adopted:
            self._adopt(record, now, left.get(record.id, 0))
        if adopted:
            log.info("calls of a daemon before this one are taken over", calls=len(adopted))

    async def sweep(self) -> None:
        """Tell calls what they should have heard, and remove what goes on belonging to none.

        Raises AriError, and SQLAlchemyError.
        """
        known = self._switchboard.known_channels()
        channels = set(await self._parts.pbx.channels_in_application())
        bridges = await self._our_bridges()
        before, self._doubts = self._doubts, await self._doubts_about(known, channels, bridges)
        for channel_id in before.missing & self._doubts.missing:
            call = self._switchboard.call_of(channel_id)
            log.warning("a channel is gone, and no event has said so", call=call)
            self._switchboard.hear(ChannelGone(channel_id, None))
        for channel_id in before.strays & self._doubts.strays:
            log.warning("a channel of no call is hung up", call=names.call_of_channel(channel_id))
            self._switchboard.turn_away(channel_id)
        for bridge_id in before.orphans & self._doubts.orphans:
            self._switchboard.dissolve(bridge_id)
        for bridge in bridges:
            self._tell_joined(bridge)

    async def ask_unanswered(self) -> None:
        """Ask Asterisk about each leg whose phone's answer a call waits for.

        A question that fails is asked again after the next sweep, and holds up no other.
        """
        for channel_id in self._switchboard.unanswered_channels():
            try:
                await self._tell_progress(channel_id)
            except AriError as error:
                log.warning("a leg's state is not known", operation=error.operation, status=error.status)

    async def _doubts_about(
        self, known: Collection[str], channels: set[str], bridges: Collection[BridgeInfo]
    ) -> _Doubts:
        unknown = {channel_id for channel_id in channels if not self._switchboard.knows(channel_id)}
        orphans = [
            bridge for bridge in bridges if not self._switchboard.is_live(names.call_of_bridge(bridge.id))
        ]
        if unknown or orphans:
            others = await self._conversations_of_others(orphans)
            orphans = [bridge for bridge in orphans if bridge not in others]
            unknown -= {channel_id for bridge in others for channel_id in bridge.channel_ids}
        return _Doubts(set(known) - channels, unknown, {bridge.id for bridge in orphans})

    async def _conversations_of_others(self, orphans: Collection[BridgeInfo]) -> list[BridgeInfo]:
        """Where two are talking whose call was never on our records: another daemon's, not ours to end."""
        talking = {
            names.call_of_bridge(bridge.id): bridge for bridge in orphans if len(bridge.channel_ids) > 1
        }
        recorded = await self._parts.ledger.recorded(list(talking)) if talking else frozenset()
        return [bridge for call_id, bridge in talking.items() if call_id not in recorded]

    def _tell_joined(self, bridge: BridgeInfo) -> None:
        """A call that has long been joined, or is over, passes over it."""
        if self._switchboard.is_connecting(names.call_of_bridge(bridge.id)):
            for channel_id in bridge.channel_ids:
                self._switchboard.hear(ChannelJoined(channel_id, bridge.id))

    async def _tell_progress(self, channel_id: str) -> None:
        match await self._parts.pbx.channel_state(channel_id):
            case "Ringing":
                self._switchboard.hear(ChannelRinging(channel_id))
            case "Up":
                self._switchboard.hear(ChannelAnswered(channel_id))

    async def _look(self) -> _Pbx:
        states = {channel.id: channel.state for channel in await self._parts.pbx.channels()}
        bridged = {
            channel_id: bridge.id for bridge in await self._our_bridges() for channel_id in bridge.channel_ids
        }
        return _Pbx(states, bridged)

    async def _our_bridges(self) -> list[BridgeInfo]:
        return [bridge for bridge in await self._parts.pbx.bridges() if names.is_ours(bridge.id)]

    def _tell_missed(self, channel_id: str, now: _Pbx) -> None:
        match now.presence(channel_id):
            case Presence.GONE:
                self._switchboard.hear(ChannelGone(channel_id, None))
            case Presence.UP:
                self._switchboard.hear(ChannelAnswered(channel_id))
            case Presence.BRIDGED:
                self._switchboard.hear(ChannelAnswered(channel_id))
                self._switchboard.hear(ChannelJoined(channel_id, now.bridged[channel_id]))

    def _adopt(self, record: OpenCall, now: _Pbx, seconds_left: int) -> None:
        """It may go on for as long as the day's allowances leave, and no longer."""
        channels = {
            Leg.MANAGER: record.manager_channel
            or _last_channel(record.id, Leg.MANAGER, MOST_MANAGERS_RUNG, now),
            Leg.CUSTOMER: record.customer_channel
            or _last_channel(record.id, Leg.CUSTOMER, MOST_NUMBERS_DIALLED, now),
        }
        found = {leg: now.presence(channel_id) for leg, channel_id in channels.items()}
        # A clock that was set back must not lengthen a conversation.
        talked = None if record.answered_ms is None else max(0, now_ms() - record.answered_ms) / 1000
        kind = Kind(record.kind)
        timings = self._parts.timings
        if kind is not Kind.CALLBACK:  # which costs nothing
            timings = timings.with_less_talk((talked or 0) + seconds_left)
        call, commands, missed = adopt(kind, timings, found, talked_seconds=talked)
        if call.state is State.TALKING:
            # Whether or not the answer was put down in time: what is talked costs money.
            self._parts.book.answered(record.id, record.answered_ms or record.started_ms)
        asked = Asked(record.id, kind, record.extension, record.order_code, channels[Leg.MANAGER], 0, 0)
        live = self._live_call(asked, channels, call, record)
        self._switchboard.adopt(live, commands, missed)

    def _live_call(self, asked: Asked, channels: dict[Leg, str], call: Call, record: OpenCall) -> LiveCall:
        if call.kind is Kind.CALLBACK:
            return CallbackCall(
                asked,
                self._parts,
                channels,
                call,
                busy=lambda: self._switchboard.engagements.extensions,
                confirmed=record.contact_id is not None,
                started_ms=record.started_ms,
                answered_ms=record.answered_ms,
            )
        return LiveCall(
            asked,
            self._parts,
            channels,
            call,
            started_ms=record.started_ms,
            answered_ms=record.answered_ms,
        )


def _last_channel(call_id: str, leg: Leg, most: int, now: _Pbx) -> str:
    """The one that is there of those that the leg may have had, the last to be rung."""
    channels = [names.channel_id(call_id, leg, attempt) for attempt in range(most, 0, -1)]
    return next((channel for channel in channels if channel in now.states), channels[-1])
