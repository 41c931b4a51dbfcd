"""Every live call, and which channel belongs to which of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
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
    CustomerCalled,
    CustomerHandedOver,
    Happening,
    KeyPressed,
    MessagePlayed,
    OrderDialled,
    RecordingOver,
    StrayEntered,
    StrayReason,
)
from bridge.asterisk.pbx import ChannelGoneAlready
from bridge.calls.capture import CaptureCancelled, CaptureRequested
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
)
from bridge.calls.model import Call, Kind, Leg, Result, State
from bridge.rules.callbacks import NotRung
from bridge.store.database import now_ms
from bridge.switchboard import metrics
from bridge.switchboard.admission import Admitted, Asked, Refused
from bridge.switchboard.answering_machine import AnsweringMachine
from bridge.switchboard.callback_call import CallbackCall
from bridge.switchboard.callers_captures import CallersCaptures
from bridge.switchboard.capture import Voices
from bridge.switchboard.engagements import Engagements
from bridge.switchboard.keyed_comparison import Compare
from bridge.switchboard.live_call import CaptureView, LiveCall, Parts, Pressed
from bridge.switchboard.tasks import Tasks

log = structlog.get_logger()

_ROOM_FOR_REFUSALS: Final = 50
"""Calls beyond the limit of live ones that are still told why they can't be placed."""

_MOST_LEAVING: Final = 500

_MOST_REMEMBERED: Final = 200
"""An event that is told twice comes twice within moments."""

_AS_GOOD_AS_OVER: Final = {
    State.REFUSING,
    State.ABANDONED,
    State.HOLDING,
    State.ASKING_CODE,
    State.TELLING,
    State.CLOSING,
    State.CLOSED,
}
"""Calls that don't count against a limit: a manager who hangs up may dial again at once."""


_BEING_CREATED: Final = {
    (State.CHECKING, Leg.CUSTOMER),
    (State.REFUSING, Leg.CUSTOMER),
    (State.ABANDONED, Leg.CUSTOMER),
    (State.CREATING_MANAGER, Leg.MANAGER),
    (State.CREATING_CUSTOMER, Leg.CUSTOMER),
}
"""Legs whose channel has been asked for, and may not be there yet."""

_BEING_CALLED: Final = {
    (State.RINGING_MANAGER, Leg.MANAGER),
    (State.DIALLING, Leg.CUSTOMER),
    (State.RINGING, Leg.CUSTOMER),
}


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
    capture: CaptureView | None = None
    """Of the capture that is going on, or has been the last."""
    confirmed: bool = True
    """False of somebody who has called and is known by an order's code alone."""


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a click: the call, and the rules' decision."""

    call: CallView
    outcome: Admitted | Refused


@dataclass(frozen=True, slots=True)
class CallMoved:
    """A call is in another state, or over. `result` is there as soon as it is known."""

    call: CallView
    result: Result | None
    over: bool


Watcher = Callable[[CallMoved], None]


class SwitchboardFull(Exception):
    """More calls are in progress than there is room for, refusals included."""


class Switchboard:
    """`max_live` is the policy's limit: beyond it the rules refuse, far beyond it they are not even asked."""

    def __init__(self, parts: Parts, tasks: Tasks, *, max_live: int) -> None:
        self._parts = parts
        self._tasks = tasks
        self.follow(max_live=max_live)
        self._calls: dict[str, LiveCall] = {}
        self._legs: dict[str, tuple[LiveCall, Leg]] = {}
        """By channel id. Of channels that we create ourselves the id is known before they exist."""
        self._expected: dict[tuple[str, str], Parts] = {}
        """What a call from this extension with this code works with, where that is not what all do."""
        self._had_their_call: deque[str] = deque(maxlen=_MOST_REMEMBERED)
        """The channels of managers whose call is over, the last ones."""
        self._leaving: set[str] = set()
        """Channels and bridges of no call that are being ended."""
        self.engagements = Engagements()
        """Of all calls, and of those that go another way."""
        self._watchers: list[Watcher] = []
        self._voices = parts.captures.voices if parts.captures else Voices()
        self._machine: AnsweringMachine | None = None
        self._handed_over: CallersCaptures | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def follow(self, *, max_live: int) -> None:
        """Have room for so many from now on. No call is ended for it."""
        self._most_callers = max_live
        self._most = max_live + _ROOM_FOR_REFUSALS

    @property
    def conversations(self) -> int:
        return sum(call.state is State.TALKING for call in self._calls.values())

    def live(self) -> list[CallView]:
        """Every live call, oldest first."""
        return [_view(call) for call in self._calls.values()]

    def hear(self, happening: Happening) -> None:  # noqa: PLR0912 - one branch a happening
        """Take note of what the PBX tells. Returns at once."""
        match happening:
            case OrderDialled():
                self._order_dialled(happening)
            case CustomerCalled(channel_id):
                self._customer_called(channel_id)
            case CustomerHandedOver(channel_id):
                if self._handed_over is None or not self._handed_over.entered(channel_id):
                    self._stray(channel_id, StrayReason.UNEXPECTED_ARGUMENTS)
            case StrayEntered(channel_id, reason):
                self._stray(channel_id, reason)
            case ChannelEntered(channel_id):
                self._entered(channel_id)
            case ChannelRinging(channel_id):
                self._leg(channel_id, LegRinging)
            case ChannelAnswered(channel_id):
                self._leg(channel_id, LegAnswered)
            case ChannelJoined(channel_id):
                self._leg(channel_id, LegJoined)
                if self._handed_over is not None:
                    self._handed_over.joined(channel_id)
            case ChannelGone(channel_id, cause):
                if self._machine is not None:
                    self._machine.gone(channel_id)
                if self._handed_over is not None:
                    self._handed_over.gone(channel_id)
                if (found := self._legs.pop(channel_id, None)) is not None:
                    call, leg = found
                    if call.channels.get(leg) == channel_id:
                        call.post(LegEnded(leg, cause))
            case RecordingOver(recording):
                if self._machine is not None:
                    self._machine.over(recording)
            case MessagePlayed(playback_id):
                self._message_played(playback_id)
            case KeyPressed(channel_id, key):
                if self._is_a_leg(channel_id):
                    call, leg = self._legs[channel_id]
                    call.hear(Pressed(leg, key))
                elif self._handed_over is not None:
                    self._handed_over.pressed(channel_id, key)

    def _stray(self, channel_id: str, reason: StrayReason) -> None:
        log.warning("a stray channel is hung up", reason=reason.value)
        metrics.strays.labels(reason.value).inc()
        self.turn_away(channel_id)

    def answer_with(self, machine: AnsweringMachine) -> None:
        """Tell this machine of its channels and recordings, and let it have them."""
        self._machine = machine

    def capture_by(self, handed_over: CallersCaptures) -> None:
        """Tell it of its channels, and let it have them."""
        self._handed_over = handed_over

    def tell_of_messages(self, tell: Callable[[], None]) -> None:
        """Tell somebody each time when there is a message more to be heard. They return at once."""
        if self._machine is not None:
            self._machine.kept = tell

    def leave_alone_by(self, leave_alone: Callable[[str, str], Awaitable[bool]]) -> None:
        """Ask this when a manager keys in that nobody is to call the customer again.

        It takes the call's id and the manager's extension, and says whether the wish is on disk.
        """
        self._parts.leave_alone = leave_alone

    def compare_by(self, compare: Compare) -> None:
        """Ask this when a manager has keyed in what the customer says their number is."""
        self._parts.compare = compare

    def watch(self, watcher: Watcher) -> None:
        """Tell somebody of each change of every call from now on. They return at once, and raise nothing."""
        self._watchers.append(watcher)

    def announce(self, moved: CallMoved) -> None:
        """Tell those who watch of a call that goes another way."""
        for watcher in self._watchers:
            watcher(moved)

    async def click(self, code: str, extension: str, contact_id: int | None = None, place: int = 1) -> Placed:
        """Ring the manager's phone, then the customer's. Returns when the decision may be known.

        The customer is called at the contact that is chosen, by its id or its place among those that may be
        dialled, if there is such a one.

        A refusal comes as late as on a phone: its time says no more than its words.
        Raises SwitchboardFull.
        """
        call = self._begin(
            Kind.CLICK_TO_CALL, code, extension, {}, self._parts, contact_id=contact_id, place=place
        )
        if call is None:
            raise SwitchboardFull
        # Whoever asked may go away; the call still has somebody to tell.
        outcome = await asyncio.shield(call.told)
        return Placed(_view(call), outcome)

    def expect(self, extension: str, code: str, parts: Parts) -> None:
        """Let the next call from this extension with this code work with these parts, and no other call."""
        self._expected[extension, code] = parts

    def expect_no_longer(self, extension: str, code: str) -> None:
        self._expected.pop((extension, code), None)

    def hang_up(self, call_id: str) -> bool:
        """Ask for the end of a call. False where there is no such call."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        call.post(HangUpRequested())
        return True

    def capture(self, call_id: str) -> bool:
        """Let the customer key a number in. False where there is no such conversation, or none that may."""
        call = self._calls.get(call_id)
        if call is None or call.state is not State.TALKING or not call.may_capture:
            return False
        call.post(CaptureRequested())
        return True

    def cancel_capture(self, call_id: str) -> None:
        if (call := self._calls.get(call_id)) is not None:
            call.post(CaptureCancelled())

    def give_up_unanswered(self) -> None:
        """Ask for the end of every call but the conversations: these do without us."""
        for call in self._calls.values():
            if call.state is not State.TALKING:
                call.post(HangUpRequested())

    def give_up_attempts(self) -> None:
        """Ask for the end of every call that may yet become a conversation; refusals are still told.

        What a call comes to that is being decided about nobody knows yet: ask again when it has been.
        """
        for call in self._calls.values():
            if call.state not in (State.TALKING, State.CHECKING) and call.state not in _AS_GOOD_AS_OVER:
                call.post(HangUpRequested())

    def end_conversations(self, extensions: Collection[str]) -> int:
        """Ask for the end of every conversation of these; returns how many there are."""
        if not extensions:
            return 0
        talking = [
            call
            for call in self._calls.values()
            if call.state is State.TALKING
            and call.asked.extension in extensions
            and call.asked.kind is not Kind.CALLBACK  # which costs nothing
        ]
        for call in talking:
            call.post(HangUpRequested())
        return len(talking)

    def knows(self, channel_id: str) -> bool:
        """Whether the channel is, or is about to be, a live call's leg, or one that is spoken to besides."""
        if channel_id in self._legs or channel_id in self._voices:
            return True
        return any(channel_id in each for each in (self._machine, self._handed_over) if each is not None)

    def call_of(self, channel_id: str) -> str | None:
        """The id of the live call whose leg this channel is, if there is one."""
        found = self._legs.get(channel_id)
        return None if found is None else found[0].asked.call_id

    def known_channels(self) -> list[str]:
        """The channels that live calls have now, as far as they have heard.

        Those that they may come to have are left out.
        """
        return self._channels(lambda call, leg: (call.state, leg) not in _BEING_CREATED)

    def unanswered_channels(self) -> list[str]:
        """The channels whose phone's answer calls are waiting for."""
        return self._channels(lambda call, leg: (call.state, leg) in _BEING_CALLED)

    def is_connecting(self, call_id: str) -> bool:
        """Whether the call waits for a leg to be in the bridge."""
        call = self._calls.get(call_id)
        return call is not None and call.awaits_joining

    def _channels(self, wanted: Callable[[LiveCall, Leg], bool]) -> list[str]:
        return [
            channel
            for channel, (call, leg) in self._legs.items()
            if call.channels.get(leg) == channel and wanted(call, leg)
        ]

    def is_live(self, call_id: str) -> bool:
        if self._handed_over is not None and self._handed_over.has_call(call_id):
            return True
        return call_id in self._calls

    def adopt(self, call: LiveCall, commands: tuple[Command, ...], missed: tuple[Event, ...]) -> None:
        """Go on with a call that another daemon began."""
        for event in missed:
            call.post(event)
        self._keep(call, commands)

    # --- beginnings and ends ---

    def _order_dialled(self, dialled: OrderDialled) -> None:
        if dialled.channel_id in self._legs or dialled.channel_id in self._had_their_call:
            return  # the same StasisStart told twice; a channel that had its call never comes again
        code, extension, channels = dialled.code, dialled.extension, {Leg.MANAGER: dialled.channel_id}
        parts = self._expected.pop((extension, code), self._parts)
        call = self._begin(
            Kind.DIAL_ORDER, code, extension, channels, parts, place=dialled.place, formats=dialled.formats
        )
        if call is None:
            log.error("no room for another call", extension=extension)
            self.turn_away(dialled.channel_id)

    def _customer_called(self, channel_id: str) -> None:
        if channel_id in self._legs:
            return  # the same StasisStart told twice
        if self._callers() >= self._most_callers:
            log.error("no room for another caller")
            metrics.callers_not_rung.labels(NotRung.FULL.value).inc()
            self._tasks.start(self._parts.reception.pass_on(channel_id, ""), name="pass a caller on")
            return
        asked = self._asked(Kind.CALLBACK, "", "", None)
        beginning = Call(Kind.CALLBACK, self._parts.timings)
        call = CallbackCall(
            asked,
            self._parts,
            {Leg.CUSTOMER: channel_id},
            beginning,
            busy=lambda: self.engagements.extensions,
        )
        call.post(CallRequested())
        self._keep(call)

    def _callers(self) -> int:
        return sum(call.asked.kind is Kind.CALLBACK for call in self._calls.values())

    def _begin(
        self,
        kind: Kind,
        code: str,
        extension: str,
        channels: dict[Leg, str],
        parts: Parts,
        *,
        contact_id: int | None = None,
        place: int = 1,
        formats: str | None = None,
    ) -> LiveCall | None:
        # The first follows from the second, and spares counting the callers as long as there is room.
        if len(self._calls) >= self._most and len(self._calls) - self._callers() >= self._most:
            return None
        asked = self._asked(kind, code, extension, channels.get(Leg.MANAGER), contact_id, place)
        # A manager who is in a call will be refused: no channel is to be made in vain for every try.
        early = parts.pbx.dials_sealed and asked.managers_live_calls == 0
        beginning = Call(kind, parts.timings, early=early, next_after=parts.next_contact_after)
        call = LiveCall(asked, parts, channels, beginning, formats=formats)
        call.post(CallRequested())
        self._keep(call)
        return call

    def _keep(self, call: LiveCall, first: tuple[Command, ...] = ()) -> None:
        call_id = call.asked.call_id
        self._calls[call_id] = call
        call.stepped = partial(self._take_note, call)
        call.stepped()
        call.moved = partial(self._tell_moved, call)
        for leg, channel_id in call.possible_channels():
            self._legs[channel_id] = (call, leg)
        metrics.live_calls.inc()
        self._tasks.start(self._live(call, first), name=f"call {call_id}", call=call_id)

    def _asked(
        self,
        kind: Kind,
        code: str,
        extension: str,
        channel: str | None,
        contact_id: int | None = None,
        place: int = 1,
    ) -> Asked:
        managers, in_all = self.engagements.counted(extension)
        call_id = names.new_call_id()
        return Asked(
            call_id,
            kind,
            extension,
            code,
            manager_channel=channel or names.channel_id(call_id, Leg.MANAGER),
            managers_live_calls=managers,
            live_calls=in_all,
            contact_id=contact_id,
            place=place,
        )

    def _take_note(self, call: LiveCall) -> None:
        if call.state in _AS_GOOD_AS_OVER:
            self.engagements.release(call.asked.call_id)
        else:
            self.engagements.engage(call.asked.call_id, call.asked.extension, counted=call.counted)

    def _tell_moved(self, call: LiveCall, *, over: bool = False) -> None:
        if self._watchers and call.counted:
            self.announce(CallMoved(_view(call), call.result, over))

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
            self.engagements.release(call_id)
            self._had_their_call.append(call.asked.manager_channel)
            self._parts.book.ended(call_id, now_ms())
            for _, channel_id in call.possible_channels():
                self._legs.pop(channel_id, None)
            metrics.live_calls.dec()
            self._tell_moved(call, over=True)

    # --- legs ---

    def _entered(self, channel_id: str) -> None:
        if self._is_a_leg(channel_id):
            self._leg(channel_id, LegEntered)
        elif channel_id in self._voices:
            self._voices.entered(channel_id)
        else:
            log.warning("a channel of a call that is over is hung up", call=names.call_of_channel(channel_id))
            self.turn_away(channel_id)

    def _is_a_leg(self, channel_id: str) -> bool:
        """Whether the channel is a leg now, and not one of a manager who has been rung in vain."""
        found = self._legs.get(channel_id)
        return found is not None and found[0].channels.get(found[1]) == channel_id

    def _leg(
        self, channel_id: str, happened: type[LegEntered | LegRinging | LegAnswered | LegJoined]
    ) -> None:
        if self._is_a_leg(channel_id):
            call, leg = self._legs[channel_id]
            call.hear(happened(leg))

    def _message_played(self, playback_id: str) -> None:
        call = self._calls.get(names.call_of_playback(playback_id))
        if call is not None:
            call.message_played(playback_id)
        elif self._handed_over is not None:
            self._handed_over.played(playback_id)

    def turn_away(self, channel_id: str) -> None:
        """Hang up a channel that is no leg of a live call. Of too many at once a sweep finds the rest."""
        self._let_go(channel_id, self._parts.pbx.hang_up)

    def dissolve(self, bridge_id: str) -> None:
        """Destroy a bridge of no live call. Of too many at once a sweep finds the rest."""
        self._let_go(bridge_id, self._parts.pbx.destroy)

    def _let_go(self, stray_id: str, end: Callable[[str], Awaitable[None]]) -> None:
        if stray_id not in self._leaving and len(self._leaving) < _MOST_LEAVING:
            self._leaving.add(stray_id)
            self._tasks.start(self._end_stray(stray_id, end), name="let a stray go")

    async def _end_stray(self, stray_id: str, end: Callable[[str], Awaitable[None]]) -> None:
        try:
            await end(stray_id)
        except ChannelGoneAlready:
            return
        except AriError as error:
            log.warning("a stray could not be ended", operation=error.operation, status=error.status)
        finally:
            self._leaving.discard(stray_id)


def _view(call: LiveCall) -> CallView:
    asked = call.asked
    return CallView(
        id=asked.call_id,
        kind=str(asked.kind),
        order=asked.code,
        extension=asked.extension,
        state=call.state.value,
        started_ms=call.started_ms,
        answered_ms=call.answered_ms,
        capture=call.capture,
        confirmed=call.confirmed,
    )
