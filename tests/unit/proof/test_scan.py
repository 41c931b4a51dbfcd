"""The scanner finds the number in every dress, and does not cry wolf."""

from __future__ import annotations

import base64
import random
import struct
import time

import pytest

from bridge.proof.capture import Direction, Protocol, Recording
from bridge.proof.scan import Scanner
from bridge.proof.sip.message import Request
from bridge.proof.sip.rtp import HeaderExtension, RtpPacket, event_steps, sender_report, source_description

NUMBER = "+447700900123"
PHONE, PBX = ("127.0.0.1", 40000), ("127.0.0.1", 5060)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(NUMBER, "GB")


def forms(scanner: Scanner, data: bytes) -> set[str]:
    return {finding.form for finding in scanner.scan(data)}


PLANTED = {
    "E.164 with plus": b"<sip:+447700900123@h>",
    "E.164 with plus, as 00": b"tel:00447700900123;x",
    "E.164": b"x447700900123y",
    "E.164 within more digits": b"9999447700900123999",
    "national with trunk prefix": b"07700900123",
    "national": b"ab7700900123",
    "national with spaces": b"0 7700 900 123",
    "national with punctuation": b"(0)7700-900.12/3",
    "national with unicode": "0 7700\u2011900\u00a0123".encode(),
    "national, full-width": "\uff10\uff17\uff17\uff10\uff10\uff19\uff10\uff10\uff11\uff12\uff13".encode(),
    "national, folded line": b"07700\r\n 900123",
    "last seven digits": b'"0900123" <sip:x@y>',
    "last seven digits, separated": b"call 090-0123 now",
    "percent": b"sip:%2B447700900%31%32%33@h",
    "reversed": b"321009007744",
    "reversed national": b"x-3210090077-y",
    "ENUM": b"3.2.1.0.0.9.0.0.7.7.4.4.e164.arpa",
    "UTF-16, little": NUMBER.encode("utf-16-le"),
    "UTF-16, big": NUMBER.encode("utf-16-be"),
    "hex": b"X: 2b343437373030393030313233",
    "hex, colons": NUMBER.encode().hex(":").encode(),
    "hex, odd start": b"a" + NUMBER.encode().hex().encode(),
    "base64 of spaced": base64.b64encode(b"+44 7700 900123"),
    "BCD": bytes.fromhex("447700900123"),
    "BCD, odd nibble": bytes.fromhex("f447700900123f"),
    "TBCD": bytes.fromhex("447700091032"),
    "binary integer": b"\xff" + (447700900123).to_bytes(5) + b"\xff",
    "binary integer, little-endian": (447700900123).to_bytes(8, "little"),
    "hexadecimal integer": b"id=" + f"{447700900123:x}".encode(),
    "a digit per header": "".join(f"X-D{i}: {d}\r\n" for i, d in enumerate("447700900123")).encode(),
    "a digit per parameter": ("f:" + "".join(f";p{i}={d}" for i, d in enumerate("447700900123"))).encode(),
    "a digit per line": "\r\n".join("447700900123").encode(),
    "a digit per SDP line": "".join(f"a=x:{d}\r\n" for d in "07700900123").encode(),
    "in words": b"zero seven seven zero zero nine zero zero one two three",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_number_is_found(scanner: Scanner, planted: bytes) -> None:
    assert forms(scanner, b"X-Before: a\r\n" + planted + b"\r\nX-After: b\r\n")


@pytest.mark.parametrize("alignment", range(4))
@pytest.mark.parametrize("text", [b"+447700900123", b"447700900123", b"07700900123"])
def test_base64_is_found_wherever_the_number_starts_in_it(
    scanner: Scanner, text: bytes, alignment: int
) -> None:
    assert forms(scanner, b"P: " + base64.b64encode(b"x" * alignment + text + b"y"))


def test_a_form_is_named_and_placed(scanner: Scanner) -> None:
    (finding,) = scanner.scan(b"From: <sip:+447700900123@h>")
    assert (finding.form, finding.offset) == ("E.164 with plus", 11)


def test_the_offset_counts_bytes_and_not_characters(scanner: Scanner) -> None:
    (finding,) = scanner.scan("Анна +447700900123".encode())
    assert finding.offset == len("Анна ".encode())


def test_seven_digits_inside_a_token_are_chance(scanner: Scanner) -> None:
    assert not scanner.scan(b"tag=as0900123f;branch=z9hG4bK70900123")


def test_a_number_whose_end_is_another_one_at_home_is_found_in_both_forms() -> None:
    """Argentina's mobiles: +54 9 2966 12 3456 from abroad, 02966 15 12 3456 from there."""
    scanner = Scanner("+5492966123456", "AR")
    assert forms(scanner, b"to: 5492966123456;") == {"E.164"}
    assert forms(scanner, b"to: 02966 15-12-3456;") == {"national with trunk prefix"}


def test_another_number_is_no_finding(scanner: Scanner) -> None:
    assert not scanner.scan(b"+447700900124 07700900999 3210090078x44 +442079460123")


def test_a_scanner_shows_no_number() -> None:
    assert "900123" not in repr(Scanner(NUMBER, "GB"))


def test_a_short_number_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Scanner("+2905512", "SH")


def received(*datagrams: tuple[Protocol, bytes]) -> Recording:
    recording = Recording()
    for protocol, data in datagrams:
        recording.note(Direction.RECEIVED, protocol, source=PBX, destination=PHONE, data=data)
    return recording


def rtp(
    payload: bytes = b"\xd5" * 160,
    *,
    payload_type: int = 8,
    ssrc: int = 1,
    csrc: tuple[int, ...] = (),
    extension: HeaderExtension | None = None,
    timestamp: int = 160,
) -> tuple[Protocol, bytes]:
    packet = RtpPacket(payload_type, 1, timestamp, ssrc, payload, csrc=csrc, extension=extension)
    return Protocol.RTP, packet.encode()


def keys(digits: str) -> list[tuple[Protocol, bytes]]:
    return [
        rtp(step.payload, payload_type=101, timestamp=1000 * press)
        for press, digit in enumerate(digits)
        for step in event_steps(digit)
    ]


def info(digit: str, number: int) -> tuple[Protocol, bytes]:
    headers = [("Via", "SIP/2.0/UDP h;branch=z9hG4bKx"), ("CSeq", f"{number + 90} INFO"), ("Call-ID", "c")]
    body = f"Signal={digit}\r\nDuration=160\r\n".encode()
    return Protocol.SIP, Request("INFO", "sip:101@h", headers=headers, body=body).encode()


IN_MEDIA = {
    "SSRC": [rtp(ssrc=700900123)],
    "SSRC of seven digits": [rtp(ssrc=900123)],
    "CSRC": [rtp(csrc=(5, 700900123))],
    "over CSRCs": [rtp(csrc=(447700, 900123))],
    "header extension": [rtp(extension=HeaderExtension(0xBEDE, b"447700900123"))],
    "over header extensions": [
        rtp(extension=HeaderExtension(0xBEDE, d.encode() + b"\0\0\0")) for d in NUMBER
    ],
    "payload": [rtp(b"+447700900123")],
    "over payloads": [rtp(digit.encode(), payload_type=98) for digit in NUMBER],
    "DTMF": keys("07700900123"),
    "DTMF of the last seven": keys("0900123"),
    "INFO DTMF": [info(digit, number) for number, digit in enumerate("07700900123")],
    "SDES": [(Protocol.RTCP, source_description(1, [(1, "x"), (4, "+44 7700 900123")]))],
    "RTCP SSRC": [(Protocol.RTCP, sender_report(1, 0, 0, 0) + sender_report(700900123, 0, 0, 0))],
    "RTCP APP": [(Protocol.RTCP, struct.pack("!BBHI4s", 0x80, 204, 5, 1, b"NAME") + b"447700900123")],
}


@pytest.mark.parametrize("datagrams", IN_MEDIA.values(), ids=IN_MEDIA.keys())
def test_a_number_planted_in_media_is_found(
    scanner: Scanner, datagrams: list[tuple[Protocol, bytes]]
) -> None:
    assert scanner.scan_recording(received(*datagrams))


def test_only_the_asked_direction_is_scanned(scanner: Scanner) -> None:
    recording = Recording()
    recording.note(Direction.SENT, Protocol.SIP, source=PHONE, destination=PBX, data=NUMBER.encode())
    assert not scanner.scan_recording(recording)
    assert scanner.scan_recording(recording, Direction.SENT)


def random_message(dice: random.Random) -> bytes:
    """As full of digits as SIP gets: decimal tags and Call-IDs, UUIDs, session ids, ports, times."""

    def digits(length: int) -> str:
        return "".join(dice.choices("0123456789", k=length))

    def uuid() -> str:
        return "-".join("".join(dice.choices("0123456789abcdef", k=k)) for k in (8, 4, 4, 4, 12))

    branch, session = f"z9hG4bKPj{uuid()}", digits(10)
    headers = [
        ("Via", f"SIP/2.0/UDP 127.0.0.1:{digits(5)};rport={digits(5)};branch={branch}"),
        ("From", f'"Order 1042" <sip:1042@127.0.0.1>;tag={digits(9)}'),
        ("To", f"<sip:101@127.0.0.1:{digits(5)}>;tag={uuid()}"),
        ("Call-ID", dice.choice([uuid(), digits(16) + "@127.0.0.1"])),
        ("CSeq", f"{digits(5)} INVITE"),
        ("X-Asterisk-Time", f"{digits(10)}.{digits(6)}"),
    ]
    body = f"v=0\r\no=- {session} {session} IN IP4 127.0.0.1\r\nm=audio {digits(5)} RTP/AVP 8 0 101\r\n"
    return Request("INVITE", f"sip:101@127.0.0.1:{digits(5)}", headers=headers, body=body.encode()).encode()


def test_ordinary_traffic_raises_no_alarm(scanner: Scanner) -> None:
    dice = random.Random(1042)
    traffic = [(Protocol.SIP, random_message(dice)) for _ in range(400)]
    traffic += [rtp(dice.randbytes(160), ssrc=dice.getrandbits(32)) for _ in range(800)]
    assert not scanner.scan_recording(received(*traffic))


def filler(piece: bytes) -> bytes:
    """Much of it, as one long stretch."""
    return (piece * (LARGE // len(piece) + 1))[:LARGE]


SMALL, LARGE = 5_000, 40_000
LONG_STRETCHES = {
    "digits": random.Random(4).randbytes(LARGE).hex().translate(str.maketrans("abcdef", "012345")).encode(),
    "a digit": filler(b"4"),
    "a letter": filler(b"a"),
    "spaces": filler(b" "),
    "lines": filler(b"\n"),
    "colons": filler(b":"),
    "names and spaces": filler(b"a "),
    "separated digits": filler(b"4-"),
    "pluses and separators": filler(b"+----"),
    "percents": filler(b"%34"),
    "percent signs": filler(b"%"),
    "base64": filler(base64.b64encode(bytes(range(30)))),
    "zeros": filler(b"\0"),
    "wide letters": filler(b"a\0"),
    "bytes": random.Random(5).randbytes(LARGE),
    "the number": filler(NUMBER.encode() + b" "),
}


@pytest.mark.parametrize("stretch", LONG_STRETCHES)
def test_eight_times_as_much_takes_about_eight_times_as_long(scanner: Scanner, stretch: str) -> None:
    """If a part of it went with the square, it would be 64 times."""
    data = LONG_STRETCHES[stretch]
    small = min(seconds_of(scanner, data[:SMALL]) for _ in range(5))
    large = min(seconds_of(scanner, data) for _ in range(3))
    assert large / small < 8 * 3


def seconds_of(scanner: Scanner, data: bytes) -> float:
    """Of the processor: other programs' turns do not count."""
    began = time.process_time()
    scanner.scan(data)
    return time.process_time() - began


def test_a_form_is_told_at_its_first_place_however_often_it_comes(scanner: Scanner) -> None:
    found = scanner.scan(b"x" * 7 + b" 7700900123 +447700900123 " * 3)
    assert [(finding.form, finding.offset) for finding in found] == [("national", 8), ("E.164 with plus", 19)]
