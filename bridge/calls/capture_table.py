"""Every transition of a capture, in one table, after the manner of `bridge.calls.table`.

House rules besides those of that table:

* The customer's keys are open only while the manager's leg is known to be out of the bridge.
* From every state there is a way to the two being joined again that no failure closes: joining is tried until
  it has worked, or the call itself is over.
* What was keyed is forgotten on every way out.
* Of a capture that a daemon before us began nothing is left but JOINING: `rejoining` makes that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bridge.calls.capture import (
    Ask,
    Capture,
    CaptureCancelled,
    CaptureCommand,
    CaptureEvent,
    CaptureFailed,
    CaptureRequested,
    CaptureState,
    CaptureTimer,
    CaptureTimerFired,
    CaptureTimings,
    CloseKeys,
    ConversationOver,
    DigitKeyed,
    Forget,
    Hush,
    JoinManager,
    ManagerApart,
    ManagerJoined,
    NoteOutcome,
    NumberConfirmed,
    NumberDenied,
    NumberKeyed,
    NumberNotSaved,
    NumberRead,
    NumberSaved,
    OpenKeys,
    Outcome,
    OutcomeTold,
    PartManager,
    Prompt,
    ReadBack,
    Save,
    StartCaptureTimer,
    StartedOver,
    StopCaptureTimer,
    TellOutcome,
)

CaptureStep: TypeAlias = tuple[Capture, tuple[CaptureCommand, ...]]
CaptureKey: TypeAlias = tuple[type[CaptureEvent], CaptureTimer | None]


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """Where an event can lead, and what does it."""

    to: tuple[CaptureState, ...]
    action: Callable[[Capture, CaptureEvent], CaptureStep]


STEP, KEYS, WHOLE, RETRY = CaptureTimer.STEP, CaptureTimer.KEYS, CaptureTimer.WHOLE, CaptureTimer.RETRY


def step(capture: Capture, event: CaptureEvent) -> CaptureStep:
    """Apply one event. One without a row is late, doubled or none of this state's, and changes nothing."""
    row = CAPTURE_TABLE[capture.state].get((type(event), getattr(event, "timer", None)))
    return (capture, ()) if row is None else row.action(capture, event)


def rejoining(timings: CaptureTimings) -> CaptureStep:
    """Where the two are apart, and nobody knows any more why."""
    return join(Capture(timings, outcome=Outcome.CUT_OFF))


# --- asking ---


def part(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    parting = replace(capture, state=CaptureState.PARTING)
    return parting, (StartCaptureTimer(STEP, capture.timings.part), PartManager())


def begin(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    asking, commands = ask(capture, Prompt.ENTER)
    return asking, (
        StopCaptureTimer(STEP),
        StartCaptureTimer(WHOLE, capture.timings.whole),
        OpenKeys(),
        *commands,
    )


def ask(capture: Capture, prompt: Prompt) -> CaptureStep:
    asking = replace(capture, state=CaptureState.ASKING)
    seconds = capture.timings.prompt + capture.timings.keys
    return asking, (Hush(), Forget(), Ask(prompt), StartCaptureTimer(KEYS, seconds))


def listen(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return capture, (Hush(), StartCaptureTimer(KEYS, capture.timings.keys))


def start_over(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return capture, (Hush(), Forget(), StartCaptureTimer(KEYS, capture.timings.keys))


def keyed(capture: Capture, event: CaptureEvent) -> CaptureStep:
    assert isinstance(event, NumberKeyed)
    if not event.valid:
        return ask_again(capture, Prompt.NOT_A_NUMBER)
    confirming = replace(capture, state=CaptureState.CONFIRMING)
    return confirming, (
        Hush(),
        StopCaptureTimer(KEYS),
        StartCaptureTimer(STEP, capture.timings.read_back),
        ReadBack(),
    )


def nothing_keyed(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return ask_again(capture, Prompt.ENTER)


def denied(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    moved, commands = ask_again(capture, Prompt.ENTER)
    return moved, (StopCaptureTimer(STEP), *commands)


def ask_again(capture: Capture, prompt: Prompt) -> CaptureStep:
    tried = replace(capture, tries_left=capture.tries_left - 1)
    return ask(tried, prompt) if tried.tries_left else tell(tried, Outcome.NOT_VALID)


def await_yes(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return capture, (StopCaptureTimer(STEP), StartCaptureTimer(KEYS, capture.timings.keys))


def save(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    saving = replace(capture, state=CaptureState.SAVING)
    return saving, (StopCaptureTimer(STEP), StopCaptureTimer(KEYS), Hush(), CloseKeys(), Save())


# --- the ends ---


def saved(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return tell(capture, Outcome.SAVED)


def failed(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return tell(capture, Outcome.NOT_SAVED)


def too_long(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return tell(capture, Outcome.NOT_VALID)


def cancelled(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return tell(capture, Outcome.CANCELLED)


def tell(capture: Capture, outcome: Outcome) -> CaptureStep:
    telling = replace(capture, state=CaptureState.TELLING, outcome=outcome)
    prompt = Prompt.THANKS if outcome is Outcome.SAVED else Prompt.GIVEN_UP
    return telling, (
        *(StopCaptureTimer(timer) for timer in CaptureTimer),
        NoteOutcome(outcome),
        Hush(),
        CloseKeys(),
        Forget(),
        Ask(prompt),
        TellOutcome(outcome),
        StartCaptureTimer(STEP, capture.timings.tell),
    )


def told(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return join(capture)


def join(capture: Capture) -> CaptureStep:
    joining = replace(capture, state=CaptureState.JOINING)
    return joining, (
        StopCaptureTimer(STEP),
        StartCaptureTimer(RETRY, capture.timings.retry),
        JoinManager(),
    )


def joined(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    return replace(capture, state=CaptureState.OVER), (StopCaptureTimer(RETRY),)


def cut_off(capture: Capture, _event: CaptureEvent) -> CaptureStep:
    noted = () if capture.outcome else (NoteOutcome(Outcome.CUT_OFF),)
    over = replace(capture, state=CaptureState.OVER, outcome=capture.outcome or Outcome.CUT_OFF)
    return over, (*(StopCaptureTimer(timer) for timer in CaptureTimer), *noted, Forget())


# --- the table ---

_TELLING: Final = (CaptureState.TELLING,)
_TRIED: Final = (CaptureState.ASKING, CaptureState.TELLING)

_OVER: dict[CaptureKey, CaptureRow] = {
    (ConversationOver, None): CaptureRow((CaptureState.OVER,), cut_off),
}
_CUSTOMERS_TURN: dict[CaptureKey, CaptureRow] = {
    **_OVER,
    (CaptureFailed, None): CaptureRow(_TELLING, failed),
    (CaptureCancelled, None): CaptureRow(_TELLING, cancelled),
    (CaptureTimerFired, WHOLE): CaptureRow(_TELLING, too_long),
}

CAPTURE_TABLE: dict[CaptureState, dict[CaptureKey, CaptureRow]] = {
    CaptureState.NEW: {
        (CaptureRequested, None): CaptureRow((CaptureState.PARTING,), part),
    },
    CaptureState.PARTING: {
        **_OVER,
        (ManagerApart, None): CaptureRow((CaptureState.ASKING,), begin),
        (CaptureFailed, None): CaptureRow(_TELLING, failed),
        (CaptureCancelled, None): CaptureRow(_TELLING, cancelled),
        (CaptureTimerFired, STEP): CaptureRow(_TELLING, failed),
    },
    CaptureState.ASKING: {
        **_CUSTOMERS_TURN,
        (DigitKeyed, None): CaptureRow((CaptureState.ASKING,), listen),
        (StartedOver, None): CaptureRow((CaptureState.ASKING,), start_over),
        (NumberKeyed, None): CaptureRow((CaptureState.CONFIRMING, *_TRIED), keyed),
        (CaptureTimerFired, KEYS): CaptureRow(_TRIED, nothing_keyed),
    },
    CaptureState.CONFIRMING: {
        **_CUSTOMERS_TURN,
        (NumberRead, None): CaptureRow((CaptureState.CONFIRMING,), await_yes),
        (NumberConfirmed, None): CaptureRow((CaptureState.SAVING,), save),
        (NumberDenied, None): CaptureRow(_TRIED, denied),
        (CaptureTimerFired, KEYS): CaptureRow(_TRIED, nothing_keyed),
        (CaptureTimerFired, STEP): CaptureRow(_TELLING, failed),
    },
    CaptureState.SAVING: {
        **_OVER,
        (NumberSaved, None): CaptureRow(_TELLING, saved),
        (NumberNotSaved, None): CaptureRow(_TELLING, failed),
    },
    CaptureState.TELLING: {
        **_OVER,
        (OutcomeTold, None): CaptureRow((CaptureState.JOINING,), told),
        (CaptureFailed, None): CaptureRow((CaptureState.JOINING,), told),
        (CaptureTimerFired, STEP): CaptureRow((CaptureState.JOINING,), told),
    },
    CaptureState.JOINING: {
        **_OVER,
        (ManagerJoined, None): CaptureRow((CaptureState.OVER,), joined),
        (CaptureTimerFired, RETRY): CaptureRow((CaptureState.JOINING,), told),
    },
    CaptureState.OVER: {},
}
