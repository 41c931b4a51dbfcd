"""A phone and a carrier without a PBX between them: behaviours, retransmissions, audio, the record."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from bridge.proof.capture import Datagram, Direction, Journal, Protocol, Recording
from bridge.proof.sip.call import Call, CallRefused
from bridge.proof.sip.carrier import (
    Carrier,
    answer,
    answer_with_early_media,
    redirect,
    refuse,
    ring_for_ever,
    silence,
)
from bridge.proof.sip.digest import Challenge, Credentials
from bridge.proof.sip.message import Message, Request, Response, parse
from bridge.proof.sip.phone import Phone
from bridge.proof.sip.rtp import HeaderExtension, RtpPacket, a_law, mu_law
from bridge.proof.sip.transaction import Timers

QUICK = Timers(t1=0.02, t2=0.08)


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[Carrier]:
    async with Carrier(("127.0.0.2", 0), behaviour=answer(after=0), timers=QUICK) as carrier:
        yield carrier


@pytest_asyncio.fixture
async def phone(carrier: Carrier) -> AsyncIterator[Phone]:
    async with Phone("101", "secret", server=carrier.address, timers=QUICK) as phone:
        yield phone


def sent(carrier: Carrier, start: bytes) -> list[Datagram]:
    datagrams = carrier.recording.only(direction=Direction.SENT, protocol=Protocol.SIP)
    return [datagram for datagram in datagrams if datagram.data.startswith(start)]


@pytest.mark.parametrize("status", [404, 480, 484, 486, 500, 503, 603])
async def test_a_refusal_is_seen_and_acknowledged(phone: Phone, carrier: Carrier, status: int) -> None:
    carrier.behaviour = refuse(status)
    call = await phone.dial("1")
    with pytest.raises(CallRefused) as refusal:
        await call.answered()
    assert refusal.value.final.status == status
    await carrier.wait_for_request("ACK")


async def test_a_redirect_is_seen_with_its_contact(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = redirect("sip:other@127.0.0.3")
    call = await phone.dial("1")
    assert (await call.settled()).status == 302
    assert call.responses[-1].all("Contact") == ["<sip:other@127.0.0.3>"]


async def test_nobody_answering_is_a_408_after_retransmissions(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = silence()
    call = await phone.dial("1")
    assert (await call.settled()).status == 408
    # Timer A: at 0, 1, 3, 7, 15, 31 and 63 times T1; timer B ends it at 64: on a busy machine, sooner.
    assert len(carrier.received("INVITE")) in {6, 7}


async def test_an_answer_is_repeated_until_its_ack(phone: Phone, carrier: Carrier) -> None:
    def lose_acks(data: bytes, destination: tuple[str, int]) -> None:
        if not data.startswith(b"ACK") or len(sent(carrier, b"SIP/2.0 200")) > 2:
            really_send(data, destination)

    really_send = phone.send_raw
    phone.send_raw = lose_acks  # type: ignore[method-assign]
    call = await phone.dial("1")
    await call.answered()
    await carrier.calls[0].acknowledged()
    assert len(sent(carrier, b"SIP/2.0 200")) == 3


async def test_giving_up_before_the_answer_cancels(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = ring_for_ever()
    call = await phone.dial("1")
    await call.hang_up()  # before any response: the CANCEL has to wait for the 180
    assert call.final is not None
    assert call.final.status == 487
    assert carrier.received("CANCEL")


async def test_early_media_is_heard_before_the_answer(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = answer_with_early_media(after=0.2, hang_up_after=0)
    call = await phone.dial("1")
    await call.media.wait_for_audio(3)
    assert call.final is None
    await call.ended()
    assert call.provisional == [183]


async def test_a_rule_for_one_number_leaves_the_others(phone: Phone, carrier: Carrier) -> None:
    carrier.when("2", refuse(486))
    assert (await (await phone.dial("2")).settled()).status == 486
    assert (await (await phone.dial("3")).settled()).status == 200


async def test_a_behaviour_can_say_anything(phone: Phone, carrier: Carrier) -> None:
    async def talkative(call: Call) -> None:
        call.respond(183, "Listen", headers=[("X-Early", "1")], body=("text/plain", b"words"))
        await call.answer(headers=[("X-Late", "2")])
        await call.acknowledged()
        await call.request("INFO", headers=[("X-In", "3")], body=("text/plain", b"more"))

    carrier.behaviour = talkative
    call = await phone.dial("1")
    await phone.wait_for_request("INFO")
    early, late = call.responses
    assert (early.reason, early.get("X-Early"), early.body, late.get("X-Late")) == (
        "Listen",
        "1",
        b"words",
        "2",
    )
    assert call.requests[0].body == b"more"


async def test_alter_reaches_every_message(phone: Phone, carrier: Carrier) -> None:
    def mark(message: Message) -> None:
        message.add("X-Mark", "m")
        if isinstance(message, Response) and message.body:
            message.body += b"a=x:mark\r\n"

    carrier.alter = mark
    call = await phone.dial("1")
    await call.answered()
    await call.request("INFO")
    await call.hang_up()
    messages = [parse(datagram.data) for datagram in sent(carrier, b"")]
    assert len(messages) == 4
    assert all(message.get("X-Mark") == "m" for message in messages)
    assert any(message.body.endswith(b"a=x:mark\r\n") for message in messages)


async def test_raw_bytes_go_as_they_are(phone: Phone, carrier: Carrier) -> None:
    await phone.request("OPTIONS", "sip:x@y", carrier.address)
    carrier.send_raw(b"\x00 no SIP at all", phone.address)
    assert (await phone.request("OPTIONS", "sip:x@y", carrier.address)).status == 200
    received = phone.recording.only(direction=Direction.RECEIVED)
    assert b"\x00 no SIP at all" in [datagram.data for datagram in received]


async def test_a_request_of_an_unknown_dialog_is_refused(phone: Phone, carrier: Carrier) -> None:
    def pretend(message: Message) -> None:
        if isinstance(message, Request):
            message.set("To", "<sip:x@y>;tag=none")

    phone.alter = pretend
    assert (await phone.request("BYE", "sip:x@y", carrier.address)).status == 481


async def test_an_invite_that_is_challenged_is_sent_again_with_the_password(
    phone: Phone, carrier: Carrier
) -> None:
    challenge = Challenge("shop", "nonce-1", "SHA-256", qop_auth=True)

    async def demand(call: Call) -> None:
        given = call.invite.get("Proxy-Authorization")
        if given and Credentials("101", "secret").accept(challenge, given, "INVITE"):
            await call.answer()
        else:
            call.respond(407, headers=[("Proxy-Authenticate", str(challenge))])

    carrier.behaviour = demand
    await (await phone.dial("1")).answered()


async def test_both_hear_each_other_in_even_steps(phone: Phone, carrier: Carrier) -> None:
    call = await phone.dial("1")
    await call.answered()
    await call.media.wait_for_audio(10)
    packets = call.received_audio
    steps = {(after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in pairwise(packets)}
    assert steps == {160}
    assert {len(packet.payload) for packet in packets} == {160}
    assert [packet.marker for packet in packets[:3]] == [True, False, False]
    assert len(set(packets[0].payload)) > 8  # a tone, not silence


async def test_keys_are_told_from_each_other(phone: Phone, carrier: Carrier) -> None:
    call = await phone.dial("1")
    await call.answered()
    await call.send_dtmf("1102#")
    await carrier.calls[0].media.wait_for_dtmf("1102#")


async def test_identifiers_of_media_can_be_set(phone: Phone, carrier: Carrier) -> None:
    call = await phone.dial("1")
    await call.answered()
    theirs = carrier.calls[0].media
    theirs.ssrc, theirs.csrc, theirs.extension = 7, (8, 9), HeaderExtension(0xBEDE, b"data")
    heard = call.media
    before = len(heard.received)
    await heard.wait_for_audio(before + 3)
    last = heard.received[-1]
    assert (last.ssrc, last.csrc, last.extension) == (7, (8, 9), HeaderExtension(0xBEDE, b"data"))


async def test_a_wait_in_vain_says_for_what(phone: Phone, carrier: Carrier) -> None:
    carrier.behaviour = ring_for_ever()
    call = await phone.dial("1")
    with pytest.raises(TimeoutError, match=r"final response .* within 0.1 s: no; so far: \[180\]"):
        await call.answered(0.1)
    with pytest.raises(TimeoutError, match="no call for 101"):
        await phone.incoming(0.01)


async def test_a_behaviour_that_fails_fails_the_test() -> None:
    async def broken(call: Call) -> None:
        raise LookupError("broken behaviour")

    carrier = Carrier(("127.0.0.2", 0), behaviour=broken)
    await carrier.open()
    async with Phone("101", "secret", server=carrier.address) as phone:
        await phone.dial("1")
        await carrier.called()
        await asyncio.sleep(0)
    with pytest.raises(ExceptionGroup, match="background work"):
        await carrier.close()


def test_rtp_packets_survive_writing_and_reading() -> None:
    packet = RtpPacket(8, 65535, 1 << 31, 5, b"abc", True, (1, 2), HeaderExtension(1, b"wxyz"))
    assert RtpPacket.parse(packet.encode()) == packet


@pytest.mark.parametrize(("sample", "a", "mu"), [(0, 0xD5, 0xFF), (32767, 0xAA, 0x80), (-32768, 0x2A, 0x00)])
def test_companding_meets_the_ends_of_g711(sample: int, a: int, mu: int) -> None:
    assert (a_law(sample), mu_law(sample)) == (a, mu)


# What was recorded


def datagram(data: bytes, at_us: int = 1_700_000_000_123_456) -> Datagram:
    return Datagram(at_us, 5, Direction.SENT, Protocol.SIP, ("127.0.0.1", 5060), ("127.0.0.2", 5061), data)


def test_a_full_recording_drops_the_oldest() -> None:
    recording = Recording(limit_bytes=10)
    for data in (b"aaaa", b"bbbb", b"cccc"):
        recording.add(datagram(data))
    assert [kept.data for kept in recording] == [b"bbbb", b"cccc"]
    assert recording.dropped == 1


def test_a_journal_keeps_the_newest_and_never_outgrows_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, limit_bytes=4000)
    for number in range(100):
        journal.append(datagram(bytes([number])))
    journal.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4000
    kept = [entry.data[0] for entry in Recording.load(path)]
    assert kept == list(range(kept[0], 100))


def test_a_capture_file_holds_ip_packets_with_right_checksums(tmp_path: Path) -> None:
    recording = Recording()
    recording.add(datagram(b"OPTIONS"))
    recording.save_pcap(tmp_path / "c.pcap")
    data = (tmp_path / "c.pcap").read_bytes()
    assert struct.unpack("<IHHiIII", data[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    seconds, microseconds, captured, length = struct.unpack("<IIII", data[24:40])
    assert (seconds, microseconds, captured) == (1_700_000_000, 123_456, length)
    packet = data[40:]
    total = sum(struct.unpack("!10H", packet[:20]))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
    assert packet[12:20] == socket.inet_aton("127.0.0.1") + socket.inet_aton("127.0.0.2")
    assert struct.unpack("!HHHH", packet[20:28]) == (5060, 5061, 15, 0)
    assert packet[28:] == b"OPTIONS"
