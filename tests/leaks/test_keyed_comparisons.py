"""A manager keys in what a customer says their number is: Asterisk shows keys at most, and keeps none."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from capture_shop import SETTINGS, capture_shop
from insiders import log_sizes, logged_since
from keying import WAYS
from left_open import what_is_shown
from search import PLANTED, scanner
from shop import carrier_of, nothing_left, registered_phone
from test_captures import files_of
from test_keyed_comparison import conversation

from bridge.asterisk.announcements import COMPARISON_BEGUN, COMPARISONS
from bridge.calls.comparison import Comparison
from bridge.proof.capture import Direction
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from labkit.lab import Lab

KEYED = {"RFC 4733": "07700900852", "SIP INFO": "07700900963"}
FIXED = {*COMPARISON_BEGUN, *(name for each in COMPARISONS.values() for name in each)}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with capture_shop(tmp_path_factory.mktemp("comparisons"), SETTINGS) as lab:
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


@pytest.mark.parametrize("way", KEYED)
async def test_a_number_that_a_manager_keys_in_is_nowhere_but_in_their_keys(
    lab: Lab, phone: Phone, carrier: Carrier, way: str
) -> None:
    number, before = f"+44{KEYED[way][1:]}", log_sizes(lab)
    lab.asterisk.rx("core set verbose 5")
    async with conversation(lab, phone, carrier) as talk:
        await talk.begin(way)
        await WAYS[way](talk.manager, KEYED[way])
        shown = await what_is_shown(lab)
        said = len(talk.said)
        await WAYS[way](talk.manager, "#")
        await talk.hears(COMPARISONS[Comparison.DIFFERENT], said)
    keys = [each for each in map(json.loads, talk.events) if each["type"] == "ChannelDtmfReceived"]
    assert "".join(each["digit"] for each in keys) == f"*7{KEYED[way]}#", "one event a key, and no more"
    others = [each for each in talk.events if json.loads(each)["type"] != "ChannelDtmfReceived"]
    places = {name: text.encode() for name, text in (shown | logged_since(before, lab)).items()}
    places |= {"events": "\n".join(others).encode(), "daemon": lab.log("daemon").read_bytes()}
    places |= {f"file {name}": data for name, data in files_of(lab).items()}
    assert any(lab.database_path.name in name for name in places), "the database is among them"
    found = {
        f"{place}: {finding.form}" for place, text in places.items() for finding in scanner(number).scan(text)
    }
    assert found == set()
    assert scanner(number).scan_recording(carrier.recording, Direction.RECEIVED) == [], "nor at the carrier"
    played = {name for each in others for name in re.findall(r'"media_uri": ?"sound:([^"]*)"', each)}
    assert played <= FIXED, "no recording is played that depends on what was keyed"
    planted = places["events"] + PLANTED.replace(b"+447700900123", number.encode())
    assert scanner(number).scan(planted), "the search would see it"
    assert scanner(number).scan_recording(phone.recording, Direction.SENT), "and saw it in the manager's keys"
