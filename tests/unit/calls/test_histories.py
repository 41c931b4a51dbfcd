"""Calls in a world that loses, doubles and delays events: always legal, always recorded, always over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from test_table import EVENTS

from bridge.calls.adoption import Presence, adopt
from bridge.calls.commands import (
    Admit,
    Close,
    Command,
    CreateLeg,
    DialLeg,
    HangUpLeg,
    JoinLegs,
    RecordResult,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallRefused,
    CallRequested,
    Event,
    Failure,
    HangUpRequested,
    LegAnswered,
    LegEnded,
    LegEntered,
    LegFailed,
    LegJoined,
    LegRinging,
    ManagerTold,
    TimerFired,
)
from bridge.calls.machine import step
from bridge.calls.model import Call, Kind, Leg, Message, State, Timer, Timings


class FairPbx:
    """A PBX that answers what it is asked, in any order, now and again twice or not at all.

    Fair in two things: timers fire, and a leg that is hung up ends.
    """

    def __init__(self, data: st.DataObject, kind: Kind) -> None:
        self.data = data
        self.call = Call(kind)
        self.pending: list[Event] = []
        self.timers: set[Timer] = set()
        self.sent: list[Command] = []
        self.admitted = False
        self.alive = {Leg.MANAGER} if kind is Kind.DIAL_ORDER else set[Leg]()

    def live(self, steps: int) -> None:
        self.hear(CallRequested())
        for _ in range(steps):
            if self.call.state is State.CLOSED:
                return
            choices: list[Event] = [*self.pending, *(TimerFired(timer) for timer in sorted(self.timers))]
            if self.data.draw(st.integers(0, 9)) == 0:
                choices += [HangUpRequested(), *(LegEnded(leg, 16) for leg in sorted(self.alive))]
            self.hear(self.data.draw(st.sampled_from(choices)) if choices else HangUpRequested())
        self.wind_up()

    def wind_up(self) -> None:
        """Nothing more is lost: timers fire, and what is hung up ends."""
        for _ in range(50):
            if self.call.state is State.CLOSED:
                return
            queue: list[Event] = [*self.pending, *(TimerFired(timer) for timer in sorted(self.timers))]
            event = queue[0] if queue else HangUpRequested()
            self.pending = [other for other in self.pending if other != event]
            self.hear(event)

    def hear(self, event: Event) -> None:
        if event in self.pending and self.data.draw(st.integers(0, 4)):
            self.pending.remove(event)  # else it will come again
        if isinstance(event, TimerFired):
            self.timers.discard(event.timer)
        if isinstance(event, LegEnded):
            self.alive.discard(event.leg)
        self.admitted |= isinstance(event, CallAdmitted)
        moved = step(self.call, event)
        self.call = moved.call
        for command in moved.commands:
            self.sent.append(command)
            self.answer(command)

    def answer(self, command: Command) -> None:
        draw = self.data.draw
        match command:
            case Admit():
                verdicts = [CallAdmitted(), CallAdmitted(), CallRefused(Message.NOT_YOURS)]
                self.pending.append(draw(st.sampled_from(verdicts)))
            case StartTimer(timer):
                self.timers.add(timer)
            case StopTimer(timer):
                self.timers.discard(timer)
            case CreateLeg(leg):
                self.alive.add(leg)
                self.pending.append(
                    draw(st.sampled_from([LegEntered(leg), LegFailed(leg, Failure.UNREACHABLE)]))
                )
            case DialLeg(leg):
                fates: list[list[Event]] = [
                    [LegRinging(leg), LegAnswered(leg)],
                    [LegRinging(leg)],
                    [LegEnded(leg, 17)],
                ]
                self.pending += draw(st.sampled_from(fates))
            case JoinLegs():
                self.pending += [LegJoined(leg) for leg in Leg if draw(st.booleans())]
            case TellManager():
                self.pending += [ManagerTold()] * draw(st.integers(0, 2))
            case HangUpLeg(leg):
                self.pending.append(LegEnded(leg, 16))
            case _:
                return


def check(sent: list[Command]) -> None:
    """What holds for every history."""
    for leg in Leg:
        created, dialled = positions(sent, CreateLeg, leg), positions(sent, DialLeg, leg)
        assert len(created) <= 1
        assert len(dialled) <= 1
        assert all(created and created[0] < dial for dial in dialled)
    assert len(positions(sent, JoinLegs)) <= 1
    assert len(positions(sent, RecordResult)) <= 1
    assert positions(sent, Close) in ([], [len(sent) - 1])


def positions(sent: list[Command], kind: type[Command], leg: Leg | None = None) -> list[int]:
    return [
        position
        for position, command in enumerate(sent)
        if isinstance(command, kind) and getattr(command, "leg", None) is leg
    ]


@settings(max_examples=1000, deadline=None)
@given(kind=st.sampled_from(Kind), data=st.data())
def test_under_a_fair_pbx_every_call_ends_and_has_one_result_if_it_was_admitted(
    kind: Kind, data: st.DataObject
) -> None:
    pbx = FairPbx(data, kind)
    pbx.live(data.draw(st.integers(1, 100)))
    check(pbx.sent)
    assert pbx.call.state is State.CLOSED
    assert len(positions(pbx.sent, RecordResult)) == int(pbx.admitted)
    assert not pbx.alive or pbx.call.hang_ups_left == 0


@settings(max_examples=1000, deadline=None)
@given(kind=st.sampled_from(Kind), events=st.lists(st.sampled_from(EVENTS), max_size=100))
def test_under_any_events_at_all_a_call_stays_legal(kind: Kind, events: list[Event]) -> None:
    call, sent = Call(kind), list[Command]()
    for event in [CallRequested(), *events]:
        moved = step(call, event)
        call = moved.call
        sent += moved.commands
    check(sent)


@given(
    kind=st.sampled_from(Kind),
    manager=st.sampled_from(Presence),
    customer=st.sampled_from(Presence),
    talked=st.none() | st.floats(0, 10_000),
    noise=st.lists(st.sampled_from(EVENTS), max_size=20),
)
def test_an_adopted_call_dials_nobody_again_and_ends_when_its_legs_do(
    kind: Kind, manager: Presence, customer: Presence, talked: float | None, noise: list[Event]
) -> None:
    found = {Leg.MANAGER: manager, Leg.CUSTOMER: customer}
    call, commands, missed = adopt(kind, Timings(), found, talked_seconds=talked)
    sent = list(commands)
    for event in [*missed, *noise, LegEnded(Leg.MANAGER), LegEnded(Leg.CUSTOMER)]:
        moved = step(call, event)
        call = moved.call
        sent += moved.commands
    check(sent)
    assert CreateLeg(Leg.CUSTOMER) not in sent
    assert not any(isinstance(command, DialLeg) for command in sent)
    assert call.state is State.CLOSED
    assert any(isinstance(command, RecordResult) for command in sent)
