"""What Asterisk tells becomes small types; what it should not tell gets no further."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.asterisk.announcements import SOUNDS
from bridge.asterisk.happenings import (
    ChannelAnswered,
    ChannelEntered,
    ChannelGone,
    ChannelJoined,
    ChannelRinging,
    CustomerCalled,
    Happening,
    MessagePlayed,
    OrderDialled,
    Reader,
    StrayEntered,
    StrayReason,
)
from bridge.calls.model import Message

READER = Reader("PJSIP/{extension}", {"trunk", "trunk-2"})
NUMBER = "+447700900123"


def entered(name: str, *arguments: str, channel_id: str = "1732.5") -> dict[str, Any]:
    caller = {"name": "", "number": NUMBER}
    channel = {"id": channel_id, "name": name, "caller": caller, "connected": caller}
    return {"type": "StasisStart", "channel": channel, "args": list(arguments)}


def of_channel(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "channel": {"id": "cb-xyz-customer", "name": "PJSIP/trunk-00000001", **more}}


@pytest.mark.parametrize(
    ("event", "happening"),
    [
        (entered("PJSIP/101-0000002a", "order", "1042"), OrderDialled("1732.5", "101", "1042")),
        (entered("PJSIP/101-0000002a", "order", "0042"), OrderDialled("1732.5", "101", "0042")),
        (
            entered("PJSIP/101-0000002a", "order", "1042", "(alaw|ulaw)"),
            OrderDialled("1732.5", "101", "1042", formats="alaw,ulaw"),
        ),
        (entered("PJSIP/101-0000002a", "order", "1042", "(nothing)"), OrderDialled("1732.5", "101", "1042")),
        (entered("PJSIP/101-0000002a", "order", "1042*2"), OrderDialled("1732.5", "101", "1042", place=2)),
        (
            entered("PJSIP/101-0000002a", "order", "0042*9", "(alaw)"),
            OrderDialled("1732.5", "101", "0042", "alaw", place=9),
        ),
        (
            entered("PJSIP/trunk-0000002b", "leg", channel_id="cb-xyz-customer"),
            ChannelEntered("cb-xyz-customer"),
        ),
        (entered("PJSIP/trunk-0000002b", "callback"), CustomerCalled("1732.5")),
        (entered("PJSIP/trunk-2-0000002b", "callback"), CustomerCalled("1732.5")),
        (of_channel("ChannelStateChange", state="Ringing"), ChannelRinging("cb-xyz-customer")),
        (of_channel("ChannelStateChange", state="Up"), ChannelAnswered("cb-xyz-customer")),
        (of_channel("ChannelDestroyed") | {"cause": 17}, ChannelGone("cb-xyz-customer", 17)),
        (of_channel("ChannelDestroyed") | {"cause": 0}, ChannelGone("cb-xyz-customer", None)),
        (of_channel("ChannelDestroyed") | {"cause": "17"}, ChannelGone("cb-xyz-customer", None)),
        (of_channel("ChannelEnteredBridge") | {"bridge": {"id": "b"}}, ChannelJoined("cb-xyz-customer", "b")),
        ({"type": "PlaybackFinished", "playback": {"id": "p"}}, MessagePlayed("p")),
        ({"type": "StasisEnd", "channel": {"id": "1732.5"}}, ChannelGone("1732.5", None)),
        (of_channel("StasisEnd"), None),
        (of_channel("ChannelVarset"), None),
    ],
)
def test_an_event_is_read(event: dict[str, Any], happening: Happening | None) -> None:
    assert READER.read(event) == happening


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("Local/101@somewhere-00000001;2", ("order", "1042"), StrayReason.NOT_A_MANAGERS_PHONE),
        ("Message/ast_msg_queue", ("order", "1042"), StrayReason.NOT_A_MANAGERS_PHONE),
        ("PJSIP/101", ("order", "1042"), StrayReason.NOT_A_MANAGERS_PHONE),
        ("PJSIP/101-0000002a", ("order", "1042", "more"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "1042", "(alaw|ulaw)", "more"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "10x2", "(alaw)"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "10x2"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "١٢٣"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "1" * 13), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "1042*0"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "1042*12", "(alaw)"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "1042*2*2"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("order", "*2"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("leg",), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", (), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/101-0000002a", ("callback",), StrayReason.UNEXPECTED_ARGUMENTS),
        ("PJSIP/trunk-0000002b", ("callback", "more"), StrayReason.UNEXPECTED_ARGUMENTS),
        ("Local/trunk@x-0000002b;1", ("callback",), StrayReason.NOT_A_MANAGERS_PHONE),
    ],
)
def test_a_stray_is_told_apart(name: str, arguments: tuple[str, ...], reason: StrayReason) -> None:
    assert READER.read(entered(name, *arguments)) == StrayEntered("1732.5", reason)


def test_an_endpoints_prefix_is_not_part_of_the_extension() -> None:
    reader = Reader("PJSIP/shop-{extension}-desk")
    event = entered("PJSIP/shop-101-desk-0000002a", "order", "1042")
    assert reader.read(event) == OrderDialled("1732.5", "101", "1042")


def test_nothing_of_the_caller_gets_any_further() -> None:
    for event in (
        entered("PJSIP/101-0000002a", "order", "1042"),
        entered("PJSIP/trunk-0000002b", "callback"),
    ):
        assert NUMBER not in repr(READER.read(event))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
TYPES = ("StasisStart", "StasisEnd", "ChannelDestroyed", "ChannelStateChange", "ChannelEnteredBridge")


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(["channel", "args", "bridge", "cause"]), JSON))
def test_no_event_at_all_upsets_the_reader(kind: str, rest: dict[str, Any]) -> None:
    READER.read(json.loads(json.dumps({"type": kind, **rest})))


def test_every_message_has_its_words() -> None:
    assert set(SOUNDS) == set(Message)
