"""Calls in a world that loses, doubles and delays events: always legal, always recorded, always over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from test_table import EVENTS, NEXT_AFTER

from bridge.calls.adoption import Presence, adopt
from bridge.calls.commands import (
    Admit,
    Close,
    Command,
    CreateLeg,
    DialLeg,
    FindNextContact,
    HangUpLeg,
    JoinLegs,
    PassOn,
    PrepareCustomer,
    RecordResult,
    StartTimer,
    StopTimer,
    TellManager,
)
from bridge.calls.events import (
    CallAdmitted,
    CallerUnknown,
    CallRecorded,
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
    NextContactFound,
    NobodyFree,
    NoNextContact,
    TimerFired,
)
from bridge.calls.machine import step
from bridge.calls.model import Call, Kind, Leg, Message, State, Timer, Timings

NOT_RECORDED = CallRefused(Message.OUT_OF_SERVICE)

EXAMPLES = 10 * settings().max_examples
"""1,000 every day, 100,000 with --hypothesis-profile=thorough."""


THERE_BEFORE = {
    Kind.DIAL_ORDER: {Leg.MANAGER},
    Kind.CLICK_TO_CALL: set[Leg](),
    Kind.CALLBACK: {Leg.CUSTOMER},
}
"""The legs that exist before the call does."""


class FairPbx:
    """A PBX that answers what it is asked, in any order, now and again twice or not at all.

    Fair in two things: timers fire, and a leg that is hung up ends.
    """

    def __init__(self, data: st.DataObject, kind: Kind) -> None:
        self.data = data
        self.call = Call(kind, early=data.draw(st.booleans()), next_after=NEXT_AFTER)
        self.prepared = False
        self.pending: list[Event] = []
        self.timers: set[Timer] = set()
        self.sent: list[Command] = []
        self.admitted = False
        self.alive = set(THERE_BEFORE[kind])

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
        moved = step(self.call, event)
        if moved.known and isinstance(event, CallAdmitted):
            self.admitted = True
            not_recorded = CallerUnknown() if self.call.kind is Kind.CALLBACK else NOT_RECORDED
            self.pending.append(self.data.draw(st.sampled_from([CallRecorded(), not_recorded])))
        if moved.known and isinstance(event, CallRefused | CallerUnknown):
            self.admitted = False  # after all, where it could not be put on record
        self.call = moved.call
        for command in moved.commands:
            self.sent.append(command)
            self.answer(command)

    def answer(self, command: Command) -> None:
        draw = self.data.draw
        match command:
            case Admit():
                no = CallerUnknown() if self.call.kind is Kind.CALLBACK else CallRefused(Message.NOT_YOURS)
                verdicts: list[Event] = [CallAdmitted(), CallAdmitted(), no]
                self.pending.append(draw(st.sampled_from(verdicts)))
            case FindNextContact():
                self.pending.append(draw(st.sampled_from([NextContactFound(), NoNextContact()])))
            case StartTimer(timer):
                self.timers.add(timer)
            case StopTimer(timer):
                self.timers.discard(timer)
            case PassOn():
                self.alive.discard(Leg.CUSTOMER)
            case PrepareCustomer():
                self.prepared = True
                self.create(Leg.CUSTOMER)
            case CreateLeg(Leg.CUSTOMER) if self.prepared:
                self.prepared = False  # it has been made, or has failed, already
            case CreateLeg(leg):
                # Of the leg before this one nothing counts any more: a live call sees to that.
                self.pending = [event for event in self.pending if getattr(event, "leg", None) is not leg]
                self.create(leg)
            case DialLeg(leg):
                fates: list[list[Event]] = [
                    [LegRinging(leg), LegAnswered(leg)],
                    [LegRinging(leg)],
                    [LegEnded(leg, 17)],
                    [LegEnded(leg, 28)],
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

    def create(self, leg: Leg) -> None:
        if self.call.kind is Kind.CALLBACK and self.data.draw(st.integers(0, 3)) == 0:
            self.hear(NobodyFree())  # which is no word of the PBX's, and waits for nothing
            return
        self.alive.add(leg)
        fates = [LegEntered(leg), LegFailed(leg, Failure.UNREACHABLE)]
        # Of a channel that is made early the failure is told once somebody waits for it.
        self.pending.append(self.data.draw(st.sampled_from(fates[:1] if self.prepared else fates)))


def check(sent: list[Command], kind: Kind) -> None:
    """What holds for every history."""
    for leg in Leg:
        created, dialled = positions(sent, CreateLeg, leg), positions(sent, DialLeg, leg)
        assert len(created) <= most_created(kind, leg, sent)
        assert len(dialled) <= len(created)
        assert all(create < dial for create, dial in zip(created, dialled, strict=False))
    assert len(positions(sent, FindNextContact)) <= 1
    assert len(positions(sent, PassOn)) <= 1
    assert len(positions(sent, JoinLegs)) <= 1
    assert len(positions(sent, RecordResult)) <= 1
    assert positions(sent, Close) in ([], [len(sent) - 1])


def most_created(kind: Kind, leg: Leg, sent: list[Command]) -> int:
    """How often a leg may be asked for: a customer's once more for another number that was looked for."""
    if kind is Kind.CALLBACK:
        return Call(kind).managers_left
    return 1 + len(positions(sent, FindNextContact)) if leg is Leg.CUSTOMER else 1


def positions(sent: list[Command], kind: type[Command], leg: Leg | None = None) -> list[int]:
    return [
        position
        for position, command in enumerate(sent)
        if isinstance(command, kind) and getattr(command, "leg", None) is leg
    ]


@settings(max_examples=EXAMPLES)
@given(kind=st.sampled_from(Kind), data=st.data())
def test_under_a_fair_pbx_every_call_ends_and_has_one_result_if_it_was_admitted(
    kind: Kind, data: st.DataObject
) -> None:
    pbx = FairPbx(data, kind)
    pbx.live(data.draw(st.integers(1, 100)))
    check(pbx.sent, kind)
    assert pbx.call.state is State.CLOSED
    assert len(positions(pbx.sent, RecordResult)) == int(pbx.admitted)
    assert not pbx.alive or pbx.call.hang_ups_left == 0
    assert pbx.timers <= {Timer.CLOSE}, "only the one that nobody misses is left running"


@settings(max_examples=EXAMPLES)
@given(
    kind=st.sampled_from(Kind), early=st.booleans(), events=st.lists(st.sampled_from(EVENTS), max_size=100)
)
def test_under_any_events_at_all_a_call_stays_legal(kind: Kind, early: bool, events: list[Event]) -> None:
    call, sent = Call(kind, early=early, next_after=NEXT_AFTER), list[Command]()
    for event in [CallRequested(), *events]:
        moved = step(call, event)
        call = moved.call
        sent += moved.commands
    check(sent, kind)


# An adopted call is on record: no disk says any more that it can't be.
HEARD_WHEN_ADOPTED = [event for event in EVENTS if event != CallerUnknown()]


@settings(max_examples=EXAMPLES)
@given(
    kind=st.sampled_from(Kind),
    manager=st.sampled_from(Presence),
    customer=st.sampled_from(Presence),
    talked=st.none() | st.floats(0, 10_000),
    noise=st.lists(st.sampled_from(HEARD_WHEN_ADOPTED), max_size=20),
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
    check(sent, kind)
    assert CreateLeg(Leg.CUSTOMER) not in sent
    assert not any(isinstance(command, DialLeg) for command in sent)
    assert call.state is State.CLOSED
    assert any(isinstance(command, RecordResult) for command in sent)
