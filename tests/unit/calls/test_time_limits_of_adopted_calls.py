"""Taking a conversation over renews its time limits, as long as there is a conversation."""

from __future__ import annotations

import itertools

import pytest

from bridge.calls.adoption import Presence, adopt
from bridge.calls.commands import LimitLegs
from bridge.calls.events import LegEnded
from bridge.calls.model import Kind, Leg, State, Timings

TALKED_SECONDS = 60.0


@pytest.mark.parametrize("kind", Kind)
def test_a_conversation_has_what_is_left_of_its_time(kind: Kind) -> None:
    found = dict.fromkeys(Leg, Presence.BRIDGED)
    call, commands, missed = adopt(kind, Timings(talk=600), found, talked_seconds=TALKED_SECONDS)
    assert call.state is State.TALKING
    assert LimitLegs(600 - TALKED_SECONDS) in commands
    assert missed == ()


@pytest.mark.parametrize(
    ("manager", "customer"),
    [pair for pair in itertools.product(Presence, repeat=2) if Presence.GONE in pair],
)
def test_of_one_that_ended_unseen_nothing_is_asked_but_its_end(manager: Presence, customer: Presence) -> None:
    """Asterisk would refuse both limits, and each refusal is a line of the log: hundreds, after a night."""
    found = {Leg.MANAGER: manager, Leg.CUSTOMER: customer}
    _, commands, missed = adopt(Kind.DIAL_ORDER, Timings(), found, talked_seconds=TALKED_SECONDS)
    assert commands == ()
    assert set(missed) == {LegEnded(leg) for leg, presence in found.items() if presence is Presence.GONE}
