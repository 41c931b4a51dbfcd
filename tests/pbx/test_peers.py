"""The lab's own peers and the verdict, against a real Asterisk that knows nothing of call-bridge."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from plain_pbx import NUMBER, PASSWORD, SHOP_NUMBER, PlainPbx
from rich.console import Console

from bridge.proof.capture import Direction, Protocol, Recording
from bridge.proof.sip.carrier import Carrier, answer, redirect, refuse, ring_for_ever, silence
from bridge.proof.sip.message import Message, Response
from bridge.proof.sip.phone import Phone, RegistrationRefused
from bridge.proof.story import Story
from bridge.proof.storytexts import ENGLISH, LANGUAGES, StoryTexts


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainPbx]:
    pbx = PlainPbx(tmp_path_factory.mktemp("plain-pbx"))
    pbx.start()
    yield pbx
    pbx.stop()


@pytest_asyncio.fixture
async def carrier(pbx: PlainPbx) -> AsyncIterator[Carrier]:
    async with Carrier(pbx.carrier_address, server=pbx.sip_address, behaviour=answer(after=0.05)) as carrier:
        yield carrier


@pytest_asyncio.fixture
async def phone(pbx: PlainPbx, carrier: Carrier) -> AsyncIterator[Phone]:
    async with Phone("101", PASSWORD, server=pbx.sip_address) as phone:
        await phone.register()
        yield phone
        await phone.unregister()


def story_of(phone: Phone, carrier: Carrier) -> Story:
    return Story(phone.recording, carrier.recording, number=NUMBER, region="GB", texts=ENGLISH)


async def talk(phone: Phone) -> None:
    call = await phone.dial("*1042")
    await call.answered()
    await call.media.wait_for_audio(40)
    await call.hang_up()


async def test_a_call_has_audio_both_ways_and_ends_at_both(phone: Phone, carrier: Carrier) -> None:
    call = await phone.dial("*1042")
    await call.answered()
    theirs = await carrier.called()
    await call.media.wait_for_audio(20)
    await theirs.media.wait_for_audio(20)
    await call.hang_up()
    await theirs.ended()
    assert theirs.invite.uri.startswith(f"sip:{NUMBER}@")
    assert 180 in call.provisional


async def test_a_carrier_that_hangs_up_ends_the_call(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = answer(after=0.05, hang_up_after=0.2)
    call = await phone.dial("*1042")
    await call.answered()
    await call.ended()
    assert not call.ended_by_us


async def test_a_refusal_reaches_the_phone(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = refuse(486)
    call = await phone.dial("*1042")
    assert (await call.settled()).status == 486


async def test_a_caller_who_gives_up_ends_the_ringing(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = ring_for_ever()
    call = await phone.dial("*1042")
    theirs = await carrier.called()
    await call.hang_up()
    await theirs.ended()
    assert call.final is not None
    assert theirs.final is not None
    assert (call.final.status, theirs.final.status) == (487, 487)


async def test_a_silent_carrier_gets_the_invite_again(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = silence()
    call = await phone.dial("*1042")
    await carrier.wait_for_request("INVITE", times=2)
    call.cancel()


async def test_a_redirect_carries_the_contact(phone: Phone, carrier: Carrier) -> None:
    carrier.when(NUMBER, redirect("sip:+447700900999@127.0.0.2"))
    await (await phone.dial("*1042")).settled()
    sent = carrier.recording.only(direction=Direction.SENT, protocol=Protocol.SIP)
    assert any(b"302 " in datagram.data and b"900999" in datagram.data for datagram in sent)


async def test_keys_arrive_in_order(phone: Phone) -> None:
    call = await phone.dial("9")
    await call.answered()
    await call.send_dtmf("1042*#")
    await call.media.wait_for_dtmf("1042*#")  # Echo() sends them back
    await call.hang_up()


async def test_a_call_from_outside_reaches_the_phone(phone: Phone, carrier: Carrier) -> None:
    call = await carrier.call(SHOP_NUMBER, from_="+442079460555", display="Visitor")
    theirs = await phone.incoming()
    theirs.ring()
    await theirs.answer()
    await theirs.acknowledged()
    await call.answered()
    await theirs.media.wait_for_audio(10)
    await call.hang_up()
    await theirs.ended()


async def test_a_request_within_the_dialog_is_answered(phone: Phone) -> None:
    call = await phone.dial("9")
    await call.answered()
    assert (await call.reinvite()).status == 200
    assert (await call.request("OPTIONS")).status == 200
    await call.hang_up()


async def test_a_wrong_password_is_refused(pbx: PlainPbx, carrier: Carrier) -> None:
    async with Phone("101", "wrong", server=pbx.sip_address) as stranger:
        with pytest.raises(RegistrationRefused, match="401"):
            await stranger.register()


async def test_a_pbx_that_keeps_the_number_gets_a_good_verdict(phone: Phone, carrier: Carrier) -> None:
    await talk(phone)
    verdict = story_of(phone, carrier).verdict()
    assert verdict.good, verdict


def name_the_callee(message: Message) -> None:
    if isinstance(message, Response) and message.cseq[1] == "INVITE" and message.status > 100:
        message.add("P-Asserted-Identity", f"<sip:{NUMBER}@carrier.invalid>")


async def test_a_pbx_that_tells_the_number_is_told(pbx: PlainPbx, carrier: Carrier) -> None:
    carrier.alter = name_the_callee
    async with Phone("102", PASSWORD, server=pbx.sip_address) as phone:
        await phone.register()
        await talk(phone)
    verdict = story_of(phone, carrier).verdict()
    assert verdict.proven
    assert verdict.findings


async def test_a_call_nobody_answers_proves_nothing(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = refuse(486)
    await (await phone.dial("*1042")).settled()
    verdict = story_of(phone, carrier).verdict()
    assert not verdict.good
    assert ENGLISH.not_answered in verdict.missing


async def test_a_recording_survives_the_file(phone: Phone, carrier: Carrier, tmp_path: Path) -> None:
    await talk(phone)
    phone.recording.save(tmp_path / "phone.jsonl")
    assert list(Recording.load(tmp_path / "phone.jsonl")) == list(phone.recording)


async def test_a_call_under_another_number_proves_nothing(phone: Phone, carrier: Carrier) -> None:
    await talk(phone)
    other = Story(
        phone.recording, carrier.recording, number="+447700900999", region="GB", texts=ENGLISH
    ).verdict()
    assert other.missing == (ENGLISH.carrier_got_no_number,)


@pytest.mark.parametrize("texts", LANGUAGES.values(), ids=LANGUAGES.keys())
async def test_the_story_shows_the_number_once_where_the_carrier_gets_it(
    phone: Phone, carrier: Carrier, texts: StoryTexts
) -> None:
    await talk(phone)
    console = Console(record=True, width=120, file=io.StringIO())
    story = Story(phone.recording, carrier.recording, number=NUMBER, region="GB", texts=texts)
    console.print(story.render())
    told = console.export_text()
    assert told.count("900123") == 1
    assert texts.only_the_carrier in told
    assert texts.verdict.format(answer=texts.no) in told
    assert texts.not_proven not in told
