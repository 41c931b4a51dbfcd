"""A customer keys a number in: the manager's leg gets nothing of it, and Asterisk shows no number."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from capture_shop import capture_shop
from eavesdropping import all_events
from insiders import log_sizes, logged_since
from keying import WAYS, hears_music, is_music, speak_without_events
from left_open import what_is_shown
from search import PLANTED, leaked, scanner
from shop import carrier_of, nothing_left, registered_phone, until
from test_capture import Conversation, conversation
from ways import Way

from bridge.asterisk.announcements import AFTER_THE_NUMBER, BEFORE_THE_NUMBER, OUTCOMES, PROMPTS
from bridge.proof.capture import Direction, Protocol, Recording
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.rtp import SAMPLES_PER_PACKET, RtpPacket
from bridge.proof.sip.sdp import PCMA
from labkit.lab import Lab

NUMBERS = dict(zip(WAYS, ("07700900641", "07700900752", "07700900863"), strict=True))
FIXED = {
    *BEFORE_THE_NUMBER,
    *AFTER_THE_NUMBER,
    *(name for all_of in (PROMPTS, OUTCOMES) for each in all_of.values() for name in each),
}
FEWEST_PACKETS = 300
"""Of music, from the first key to the last: fifty a second."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with capture_shop(tmp_path_factory.mktemp("captures")) as lab:
        yield lab


@pytest.fixture
async def phone(lab: Lab) -> AsyncIterator[Phone]:
    async with registered_phone(lab) as phone:
        yield phone


@pytest.fixture
async def carrier(lab: Lab) -> AsyncIterator[Carrier]:
    async with carrier_of(lab) as carrier:
        yield carrier
    await nothing_left(lab)


async def keyed_in(talk: Conversation, way: str) -> list[RtpPacket]:
    """A whole capture; returns what the manager's phone received from the first key to the last."""
    await talk.ask()
    await until(lambda: hears_music(talk.manager.media), "music on hold")
    first = talk.manager.media.received[-1].sequence
    await WAYS[way](talk.customer, f"{NUMBERS[way]}#")
    await talk.moves_to("confirming")
    await asyncio.sleep(6)  # in the middle of the number, as it is read: keys end that, too
    passed = (talk.manager.media.received[-1].sequence - first) & 0xFFFF
    await WAYS[way](talk.customer, "1")
    assert await talk.outcome() == "saved"
    return [each for each in talk.manager.media.received if 0 < (each.sequence - first) & 0xFFFF <= passed]


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_of_a_capture_reaches_the_managers_phone(
    lab: Lab, phone: Phone, carrier: Carrier, way: str
) -> None:
    if way == "in band":
        speak_without_events(carrier)
    number = Way("keyed in", f"+44{NUMBERS[way][1:]}", "everything", medium="media")
    async with conversation(lab, phone, carrier) as talk:
        before = len(phone.recording)
        received = await keyed_in(talk, way)
        meanwhile = Recording()
        for datagram in list(phone.recording)[before:]:
            meanwhile.add(datagram)
    signalled = meanwhile.only(direction=Direction.RECEIVED, protocol=Protocol.SIP)
    assert signalled == (), "not one message about it, by whose time something could be told"
    assert leaked([number], meanwhile) == []
    assert len(received) > FEWEST_PACKETS
    assert {each.payload_type for each in received} == {PCMA}
    assert all(is_music(each.payload) for each in received), "music alone"
    steps = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(received)}
    assert steps == {SAMPLES_PER_PACKET}, "that goes on evenly, whatever keys are pressed"
    assert {(each.ssrc, each.marker, each.csrc, each.extension) for each in received} == {
        (received[0].ssrc, False, (), None)
    }
    said = Recording()
    for datagram in carrier.recording.only(direction=Direction.SENT):
        if datagram.protocol is not Protocol.SIP or b"Signal=" in datagram.data:
            said.add(replace(datagram, direction=Direction.RECEIVED))
    if way != "in band":
        assert leaked([number], said), "it was said, and would have been found"


async def test_whoever_looks_into_asterisk_sees_keys_at_most_and_never_the_number(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    """A key is an event of ARI's, alone, as the daemon needs it. The number is in nothing besides."""
    way, before = "RFC 4733", log_sizes(lab)
    lab.asterisk.rx("core set verbose 5")
    async with all_events(lab) as events, conversation(lab, phone, carrier) as talk:
        await talk.ask()
        await WAYS[way](talk.customer, f"{NUMBERS[way]}#")
        await talk.moves_to("confirming")
        await until(lambda: any("-voice" in each for each in events), "a number that is being read")
        shown = await what_is_shown(lab)
        await WAYS[way](talk.customer, "1")
        assert await talk.outcome() == "saved"
    assert any("UnicastRTP" in text for text in shown.values()), "it was looked while the number was read"
    keys = [each for each in map(json.loads, events) if each["type"] == "ChannelDtmfReceived"]
    assert "".join(each["digit"] for each in keys) == f"*5{NUMBERS[way]}#1", "one event a key, and no more"
    others = [each for each in events if json.loads(each)["type"] != "ChannelDtmfReceived"]
    database = b"".join(
        path.read_bytes() for path in lab.database_path.parent.glob(lab.database_path.name + "*")
    )
    places = {name: text.encode() for name, text in (shown | logged_since(before, lab)).items()}
    places |= {"events": "\n".join(others).encode(), "database": database}
    places["daemon"] = lab.log("daemon").read_bytes()
    places |= {f"file {name}": data for name, data in files_of(lab).items()}
    number = f"+44{NUMBERS[way][1:]}"
    found = {
        f"{place}: {finding.form}" for place, text in places.items() for finding in scanner(number).scan(text)
    }
    assert found == set()
    played = {name for each in others for name in re.findall(r'"media_uri": ?"sound:([^"]*)"', each)}
    assert played <= FIXED, "no recording is played that depends on what was keyed"
    planted = places["events"] + PLANTED.replace(b"+447700900123", number.encode())
    assert scanner(number).scan(planted), "the search would see it"


def files_of(lab: Lab) -> dict[str, bytes]:
    """All that Asterisk keeps on disk, and the daemon beside its database."""
    folders = (lab.folder / "lib", lab.folder / "spool", lab.folder / "cache", lab.database_path.parent)
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(lab.folder)): path.read_bytes() for path in paths}
