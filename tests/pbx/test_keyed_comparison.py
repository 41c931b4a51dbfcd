"""A manager presses `*7` and keys a number in, on a real Asterisk: what they hear, and nobody else."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import pytest
import yaml
from capture_shop import SETTINGS, capture_shop
from eavesdropping import all_events
from keying import WAYS, hear_each_other, keys_of
from shop import ari, settings, until

from bridge.asterisk.announcements import COMPARISON_BEGUN, COMPARISONS, as_media
from bridge.asterisk.pbx import Pbx, ShopLine
from bridge.asterisk.trunk import Trunk
from bridge.calls.comparison import Comparison
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.rtp import SAMPLES_PER_PACKET, tone_second
from bridge.proof.sip.sdp import PCMA
from labkit.lab import Lab
from labkit.results import rows

ORDER, KEPT, OTHER = "1042", "07700900123", "07700900461"
BY_KEYS = ("RFC 4733", "SIP INFO")
TRIES = 3


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    wanted = SETTINGS | {"desk": {"comparisons_per_day": TRIES}}
    with capture_shop(tmp_path_factory.mktemp("comparisons"), wanted) as lab:
        yield lab


@dataclass
class Talk:
    """A conversation, and every event of Asterisk since it began."""

    manager: Call
    customer: Call
    language: str
    events: list[str]

    @property
    def said(self) -> list[tuple[str, str]]:
        """The recordings that anybody has heard, each with its language."""
        started = self._playbacks("PlaybackStarted")
        return [(each["media_uri"], each["language"]) for each in started]

    @property
    def _all_over(self) -> bool:
        started, over = self._playbacks("PlaybackStarted"), self._playbacks("PlaybackFinished")
        return {each["id"] for each in started} == {each["id"] for each in over}

    def _playbacks(self, kind: str) -> list[dict[str, str]]:
        heard = map(json.loads, self.events)
        return [each["playback"] for each in heard if each["type"] == kind]

    async def begin(self, way: str = "RFC 4733") -> None:
        before = len(self.said)
        await WAYS[way](self.manager, "*7")
        await self.hears(COMPARISON_BEGUN, before)

    async def hears(self, recordings: tuple[str, ...], before: int) -> None:
        """Until these have been played, to their end, and nothing else since."""
        expected = [(uri, self.language) for uri in as_media(recordings)]
        await until(lambda: len(self.said) >= before + len(expected), f"{recordings}, heard")
        assert self.said[before:] == expected
        await until(lambda: self._all_over, "the end of a message")

    async def compare(self, number: str, outcome: Comparison, way: str = "RFC 4733") -> None:
        await self.begin(way)
        before = len(self.said)
        await WAYS[way](self.manager, f"{number}#")
        await self.hears(COMPARISONS[outcome], before)
        await hear_each_other(self.manager, self.customer)


@asynccontextmanager
async def conversation(lab: Lab, phone: Phone, carrier: Carrier) -> AsyncIterator[Talk]:
    language = str(yaml.safe_load(lab.config_path.read_text())["shop"]["language"])
    async with all_events(lab) as events:
        manager = await phone.dial(f"*{ORDER}")
        await manager.answered()
        talk = Talk(manager, await carrier.called(), language, events)
        await hear_each_other(talk.manager, talk.customer)
        yield talk
        await manager.hang_up()
        await talk.customer.ended()


@pytest.fixture(autouse=True)
def all_tries(lab: Lab) -> None:
    """As on a new day."""
    with sqlite3.connect(lab.database_path) as database:
        database.execute("UPDATE audit SET at_ms = at_ms - 86400000 WHERE act = 'number-compare'")
    database.close()


def compared(lab: Lab) -> list[str]:
    details = rows(lab.database_path, "SELECT detail FROM audit WHERE act = 'number-compare' ORDER BY id")
    return [detail.partition(", ")[2] for (detail,) in details]


def is_of_the_manager(sound: bytes, tone: bytes) -> bool:
    """Their tone, or the silence of a phone that sends keys in its place."""
    return sound in tone or len(set(sound)) == 1


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_manager_hears_same_different_no_number_and_no_more_tries(
    lab: Lab, phone: Phone, carrier: Carrier, language: str
) -> None:
    before = len(compared(lab))
    with settings(lab, {"shop": {"language": language}}):
        await hear_each_outcome(lab, phone, carrier)
    assert compared(lab)[before:] == ["same", "different", "same"]


async def hear_each_outcome(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.compare(KEPT, Comparison.SAME)
        await talk.compare(OTHER, Comparison.DIFFERENT, "SIP INFO")
        await talk.compare("12", Comparison.NOT_A_NUMBER)
        await talk.compare("0" * 25, Comparison.NOT_A_NUMBER)
        await talk.compare(f"00447{KEPT[2:]}", Comparison.SAME)
        await talk.compare(KEPT, Comparison.NO_MORE_TRIES)


async def test_a_star_cancels_and_time_does_and_the_code_begins_anew(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = len(compared(lab))
    async with conversation(lab, phone, carrier) as talk:
        await talk.begin()
        said = len(talk.said)
        await talk.manager.send_dtmf("0770*")
        await talk.hears(COMPARISONS[Comparison.CANCELLED], said)
        await talk.compare(KEPT, Comparison.SAME)
        await talk.begin()
        said = len(talk.said)
        await talk.manager.send_dtmf("077")
        await until(lambda: len(talk.said) > said, "the end of a manager's time", within=25)
        await talk.hears(COMPARISONS[Comparison.CANCELLED], said)
    assert compared(lab)[before:] == ["same"]


async def test_a_database_that_fails_is_told_as_a_fault(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.begin()
        said = len(talk.said)
        with sqlite3.connect(lab.database_path, isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")
            await talk.manager.send_dtmf(f"{KEPT}#")
            await until(lambda: len(talk.said) > said, "an apology", within=20)
            database.execute("ROLLBACK")
        database.close()
        await talk.hears(COMPARISONS[Comparison.FAILED], said)
        await hear_each_other(talk.manager, talk.customer)


@pytest.mark.parametrize("way", BY_KEYS)
async def test_the_customer_hears_neither_keys_nor_messages(
    lab: Lab, phone: Phone, carrier: Carrier, way: str
) -> None:
    """The code itself is heard, as every key of a manager's is before it."""
    async with conversation(lab, phone, carrier) as talk:
        heard_before = len(talk.customer.media.received_audio)
        await talk.compare(KEPT, Comparison.SAME, way)
        assert keys_of(talk.customer.media) == "*7"
        assert not [each for each in talk.customer.requests if each.method == "INFO"]
        tone = tone_second(talk.manager.agent.tone_hz, PCMA) * 2
        heard = talk.customer.media.received_audio[heard_before:]
        assert [each for each in heard if not is_of_the_manager(each.payload, tone)] == []
        await WAYS[way](talk.manager, "1")
        await until(lambda: keys_of(talk.customer.media) == "*71", "a key, heard as ever")


@pytest.mark.parametrize("off", [{"calls": {"compare_code": ""}}, {"desk": {"comparisons_per_day": 0}}])
async def test_where_it_is_switched_off_the_customer_hears_the_keys_and_nothing_is_compared(
    lab: Lab, phone: Phone, carrier: Carrier, off: dict[str, dict[str, Any]]
) -> None:
    before = len(compared(lab))
    with settings(lab, off):
        async with conversation(lab, phone, carrier) as talk:
            await talk.manager.send_dtmf("*712#")
            await until(lambda: keys_of(talk.customer.media) == "*712#", "keys, heard as ever")
            assert talk.said == []
    assert len(compared(lab)) == before


async def test_while_the_customer_keys_a_number_in_none_is_compared(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    before = len(compared(lab))
    async with conversation(lab, phone, carrier) as talk:
        await talk.manager.send_dtmf("*5")
        await until(lambda: bool(talk.said), "a customer who is asked")
        await talk.manager.send_dtmf(f"*7{KEPT}#")
        await hear_each_other(talk.manager, talk.customer)
        beeps = [uri for uri, _ in talk.said if uri in as_media(COMPARISON_BEGUN)]
        assert beeps == []
    assert len(compared(lab)) == before


async def test_a_daemon_that_dies_in_the_middle_leaves_a_conversation(
    lab: Lab, phone: Phone, carrier: Carrier
) -> None:
    async with conversation(lab, phone, carrier) as talk:
        await talk.begin()
        await talk.manager.send_dtmf("0770")
        daemon = lab.record.processes["daemon"]
        lab.kill_daemon()
        await until(lambda: not daemon.alive, "the end of a killed daemon")
        await hear_each_other(talk.manager, talk.customer)
        await asyncio.to_thread(lab.start_daemon)
        await talk.compare(KEPT, Comparison.SAME)


@pytest.mark.alone  # it has less than a packet's time for it
async def test_joining_anew_costs_neither_of_them_a_packet(lab: Lab, phone: Phone, carrier: Carrier) -> None:
    async with conversation(lab, phone, carrier) as talk, ari(lab) as client:
        ((call_id, manager_channel),) = rows(
            lab.database_path, "SELECT id, manager_channel FROM calls WHERE ended_ms IS NULL"
        )
        pbx = Pbx(client, trunk=cast(Trunk, None), manager_endpoint="", shop=ShopLine("", ""))
        streams = [talk.manager.media, talk.customer.media]
        before = [len(stream.received) for stream in streams]
        for keys_pass in (False, True):
            await pbx.join_anew(call_id, manager_channel, keys_pass=keys_pass)
            await hear_each_other(talk.manager, talk.customer)
        for stream, count in zip(streams, before, strict=True):
            await stream.wait_for_audio(count + 50)
            heard = list(stream.received)[count - 1 :]
            steps = {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(heard)}
            assert steps == {1}, "none is missing"
            times = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(heard)}
            assert times == {SAMPLES_PER_PACKET}
