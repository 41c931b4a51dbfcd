"""Every live call, and which channel belongs to which of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.asterisk import names
from bridge.asterisk.ari import AriError
from bridge.asterisk.happenings import (
    ChannelAnswered,
    ChannelEntered,
    ChannelGone,
    ChannelJoined,
    ChannelRinging,
    Happening,
    MessagePlayed,
    OrderDialled,
    StrayEntered,
)
from bridge.asterisk.pbx import ChannelGoneAlready
from bridge.calls.commands import Command
from bridge.calls.events import (
    CallRequested,
    Event,
    HangUpRequested,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegJoined,
    LegRinging,
    ManagerTold,
)
from bridge.calls.model import Call, Kind, Leg, State
from bridge.store.database import now_ms
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admitted, Asked, Refused
from bridge.switchboard.live_call import LiveCall, Parts
from bridge.switchboard.tasks import Tasks

log = structlog.get_logger()

_ROOM_FOR_REFUSALS: Final = 50
"""Calls beyond the limit of live ones that are still told why they can't be placed."""

_AS_GOOD_AS_OVER: Final = {
    State.REFUSING,
    State.ABANDONED,
    State.TELLING,
    State.CLOSING,
    State.CLOSED,
}
"""Calls that don't count against a limit: a manager who hangs up may dial again at once."""


@dataclass(frozen=True, slots=True)
class CallView:
    """A live call as others may see it. Times are milliseconds since the epoch, UTC."""

    id: str
    kind: str
    order: str
    extension: str
    state: str
    started_ms: int
    answered_ms: int | None


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a click: the call, and the rules' decision."""

    call: CallView
    outcome: Admitted | Refused


class SwitchboardFull(Exception):
    """More calls are in progress than there is room for, refusals included."""


class Switchboard:
    """`max_live` is the policy's limit: beyond it the rules refuse, far beyond it they are not even asked."""

    def __init__(self, parts: Parts, tasks: Tasks, *, max_live: int) -> None:
        self._parts = parts
        self._tasks = tasks
        self._most = max_live + _ROOM_FOR_REFUSALS
        self._calls: dict[str, LiveCall] = {}
        self._legs: dict[str, tuple[LiveCall, Leg]] = {}
        """By channel id. Of channels that we create ourselves the id is known before they exist."""

    def __len__(self) -> int:
        return len(self._calls)

    def live(self) -> list[CallView]:
        """Every live call, oldest first."""
        return [_view(call) for call in self._calls.values()]

    def hear(self, happening: Happening) -> None:
        """Take note of what the PBX tells. Returns at once."""
        match happening:
            case OrderDialled(channel_id, extension, code):
                self._order_dialled(channel_id, extension, code)
            case StrayEntered(channel_id, reason):
                log.warning("a stray channel is hung up", reason=reason.value)
                metrics.strays.labels(reason.value).inc()
                self.turn_away(channel_id)
            case ChannelEntered(channel_id):
                self._entered(channel_id)
            case ChannelRinging(channel_id):
                self._leg(channel_id, LegRinging)
            case ChannelAnswered(channel_id):
                self._leg(channel_id, LegAnswered)
            case ChannelJoined(channel_id):
                self._leg(channel_id, LegJoined)
            case ChannelGone(channel_id, cause):
                if (found := self._legs.pop(channel_id, None)) is not None:
                    call, leg = found
                    call.post(LegEnded(leg, cause))
            case MessagePlayed(playback_id):
                self._message_played(playback_id)

    async def click(self, code: str, extension: str) -> Placed:
        """Ring the manager's phone, then the customer's. Returns when the rules have decided.

        Raises SwitchboardFull.
        """
        call = self._begin(Kind.CLICK_TO_CALL, code, extension, channels={})
        if call is None:
            raise SwitchboardFull
        outcome = await call.decided
        return Placed(_view(call), outcome)

    def hang_up(self, call_id: str) -> bool:
        """Ask for the end of a call. False where there is no such call."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        call.post(HangUpRequested())
        return True

    def give_up_unanswered(self) -> None:
        """Ask for the end of every call but the conversations: these do without us."""
        for call in self._calls.values():
            if call.state is not State.TALKING:
                call.post(HangUpRequested())

    def give_up_attempts(self) -> None:
        """Ask for the end of every call that may yet become a conversation; refusals are still told."""
        for call in self._calls.values():
            if call.state is not State.TALKING and call.state not in _AS_GOOD_AS_OVER:
                call.post(HangUpRequested())

    def end_conversations(self, extensions: Collection[str]) -> int:
        """Ask for the end of every conversation of these; returns how many there are."""
        talking = [
            call
            for call in self._calls.values()
            if call.state is State.TALKING and call.asked.extension in extensions
        ]
        for call in talking:
            call.post(HangUpRequested())
        return len(talking)

    def knows(self, channel_id: str) -> bool:
        """Whether the channel is, or is about to be, a leg of a live call."""
        return channel_id in self._legs

    def known_channels(self) -> list[str]:
        """The channels that live calls have now; those that they may come to have are left out."""
        return [channel for call in self._calls.values() for channel in call.channels.values()]

    def is_live(self, call_id: str) -> bool:
        return call_id in self._calls

    def adopt(self, call: LiveCall, commands: tuple[Command, ...], missed: tuple[Event, ...]) -> None:
        """Go on with a call that another daemon began."""
        for event in missed:
            call.post(event)
        self._keep(call, commands)

    # --- beginnings and ends ---

    def _order_dialled(self, channel_id: str, extension: str, code: str) -> None:
        if channel_id in self._legs:
            return  # the same StasisStart told twice
        if self._begin(Kind.DIAL_ORDER, code, extension, channels={Leg.MANAGER: channel_id}) is None:
            log.error("no room for another call", extension=extension)
            self.turn_away(channel_id)

    def _begin(self, kind: Kind, code: str, extension: str, channels: dict[Leg, str]) -> LiveCall | None:
        if len(self._calls) >= self._most:
            return None
        asked = self._asked(kind, code, extension, channels.get(Leg.MANAGER))
        call = LiveCall(asked, self._parts, channels, Call(kind, self._parts.timings))
        call.post(CallRequested())
        self._keep(call)
        return call

    def _keep(self, call: LiveCall, first: tuple[Command, ...] = ()) -> None:
        call_id = call.asked.call_id
        self._calls[call_id] = call
        ours = {leg: names.channel_id(call_id, leg) for leg in Leg}
        for leg, channel_id in (ours | call.channels).items():
            self._legs[channel_id] = (call, leg)
        metrics.live_calls.inc()
        self._tasks.start(self._live(call, first), name=f"call {call_id}")

    def _asked(self, kind: Kind, code: str, extension: str, channel: str | None) -> Asked:
        live = [call for call in self._calls.values() if call.state not in _AS_GOOD_AS_OVER]
        managers = sum(call.asked.extension == extension for call in live)
        call_id = names.new_call_id()
        return Asked(
            call_id,
            kind,
            extension,
            code,
            manager_channel=channel or names.channel_id(call_id, Leg.MANAGER),
            managers_live_calls=managers,
            live_calls=len(live),
        )

    async def _live(self, call: LiveCall, first: tuple[Command, ...]) -> None:
        call_id = call.asked.call_id
        try:
            await call.run(first)
        except Exception:
            # A fault of ours: nobody is left to end this call, so it ends now.
            for channel_id in call.channels.values():
                self.turn_away(channel_id)
            raise
        finally:
            del self._calls[call_id]
            self._parts.book.ended(call_id, now_ms())
            for channel_id in (*call.channels.values(), *(names.channel_id(call_id, leg) for leg in Leg)):
                self._legs.pop(channel_id, None)
            metrics.live_calls.dec()

    # --- legs ---

    def _entered(self, channel_id: str) -> None:
        if channel_id in self._legs:
            self._leg(channel_id, LegEntered)
        else:
            log.warning("a channel of a call that is over is hung up")
            self.turn_away(channel_id)

    def _leg(
        self, channel_id: str, happened: type[LegEntered | LegRinging | LegAnswered | LegJoined]
    ) -> None:
        if (found := self._legs.get(channel_id)) is not None:
            call, leg = found
            call.post(happened(leg))

    def _message_played(self, playback_id: str) -> None:
        call = self._calls.get(names.call_of_playback(playback_id))
        if call is not None:
            call.post(ManagerTold())

    def turn_away(self, channel_id: str) -> None:
        """Hang up a channel that is no leg of a live call."""
        self._tasks.start(self._hang_up_stray(channel_id), name="turn a stray away")

    async def _hang_up_stray(self, channel_id: str) -> None:
        try:
            await self._parts.pbx.hang_up(channel_id)
        except ChannelGoneAlready:
            return
        except AriError as error:
            log.warning("a stray could not be hung up", operation=error.operation, status=error.status)


def _view(call: LiveCall) -> CallView:
    asked = call.asked
    return CallView(
        id=asked.call_id,
        kind=asked.kind.value,
        order=asked.code,
        extension=asked.extension,
        state=call.state.value,
        started_ms=call.started_ms,
        answered_ms=call.answered_ms,
    )
