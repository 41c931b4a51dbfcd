"""Do two calls, or two answers, tell the same? What phones got, made comparable."""

from __future__ import annotations

import itertools
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bridge.proof.capture import Datagram, Direction, Protocol
from bridge.proof.sip.message import Request, parse
from bridge.proof.sip.rtp import RtpPacket

Value = TypeVar("Value", bound=Hashable)

SURELY_DIFFERENT = 1e-6
"""A p-value below this is taken for a difference: a false alarm in a million comparisons."""

# What must differ from call to call: RFC 3261, 8.1.1, 19.3 and 22.4 (tags, branches, Call-ID, CSeq, nonce),
# RFC 8866, 5.2 (origin); and what our own side puts in: its ports, its extension, the code it dialled.
_UNIQUE = [
    (rb"(?<=;tag=)[^;>\s]+", b"TAG"),
    (rb"(?<=;branch=)[^;>\s]+", b"BRANCH"),
    (rb"(?mi)(?<=^Call-ID: )\S+", b"ID"),
    (rb"(?mi)(?<=^CSeq: )\d+", b"N"),
    (rb'(?<=nonce=")[^"]+', b"NONCE"),
    (rb'(?<=opaque=")[^"]+', b"OPAQUE"),
    (rb"(?m)(?<=^o=- )\d+ \d+", b"ORIGIN"),
    (rb"(?m)(?<=^m=audio )\d+", b"PORT"),
    (rb"(?<=127\.0\.0\.1:)\d+", b"PORT"),
    (rb"(?<=;rport=)\d+", b"PORT"),
]


@dataclass(frozen=True)
class Heard:
    """All that one call told the phone. `times` are seconds since its INVITE with the password."""

    messages: tuple[bytes, ...]
    audio: tuple[tuple[int, bool, bytes], ...]
    times: Mapping[str, float]


def heard(datagrams: Iterable[Datagram], call_id: str, extension: str, code: str) -> Heard:
    """What a phone's datagrams from its INVITE on say of the call."""
    own = [each for each in datagrams if each.protocol is not Protocol.SIP or call_id.encode() in each.data]
    received = [each for each in own if each.direction is Direction.RECEIVED]
    signalling = [each for each in received if each.protocol is Protocol.SIP]
    # Asterisk may still ask for a phone that had this port before.
    asked = [each for each in received if each.data.startswith(b"OPTIONS sip:")]
    audio = [each for each in received if each.protocol is Protocol.RTP and each not in asked]
    start = next(each for each in own if b"\r\nAuthorization:" in each.data).monotonic_us
    marks = {_name(each.data): each for each in reversed(signalling)} | {"first audio": audio[0]}
    return Heard(
        messages=tuple(normalised(each.data, extension, code) for each in signalling),
        audio=tuple(map(_sound, audio)),
        times={name: (each.monotonic_us - start) / 1e6 for name, each in marks.items() if name != "401"},
    )


def _name(data: bytes) -> str:
    message = parse(data)
    return message.method if isinstance(message, Request) else str(message.status)


def _sound(datagram: Datagram) -> tuple[int, bool, bytes]:
    """An RTP packet without what RFC 3550, 5.1 wants random: sequence number, timestamp and SSRC."""
    packet = RtpPacket.parse(datagram.data)
    assert packet.csrc == ()
    assert packet.extension is None
    return packet.payload_type, packet.marker, packet.payload


def normalised(message: bytes, extension: str, code: str) -> bytes:
    """A SIP message in which everything that has to be unique, and no more, has one value."""
    head, separator, body = message.partition(b"\r\n\r\n")
    stated = re.search(rb"(?mi)^Content-Length:\s*(\d+)", head)
    assert stated is None or int(stated[1]) == len(body)
    text = re.sub(rb"(?mi)(?<=^Content-Length:)\s*\d+", b" N", head) + separator + body
    for pattern, replacement in _UNIQUE:
        text = re.sub(pattern, replacement, text)
    text = text.replace(b"sip:*" + code.encode() + b"@", b"sip:CODE@")
    return re.sub(rb"(?<=sip:)" + extension.encode() + b"(?=@)", b"EXTENSION", text)


def differences(one: Sequence[Heard], other: Sequence[Heard]) -> set[str]:
    """In what the calls of two kinds differ.

    On a busy machine a message is sent again and a packet is lost now and then: a single call may differ from
    the next. So what is usual is compared, and how often things come, by the test that times are compared by.
    """
    found = {
        "messages": messages_of(one) != messages_of(other),
        "their order": usual(call.messages for call in one) != usual(call.messages for call in other),
        "audio": usual(call.audio for call in one) != usual(call.audio for call in other),
        "packets": differ([len(call.audio) for call in one], [len(call.audio) for call in other]),
    }
    for moment in moments([*one, *other]):
        found[moment] = differ(times(one, moment), times(other, moment))
    return {what for what, differs in found.items() if differs}


def messages_of(calls: Iterable[Heard]) -> set[bytes]:
    """Every message that any of the calls got."""
    return {message for call in calls for message in call.messages}


def moments(calls: Iterable[Heard]) -> set[str]:
    return {moment for call in calls for moment in call.times}


def times(calls: Iterable[Heard], moment: str) -> list[float]:
    """Seconds; a moment that never came is as late as can be."""
    return [call.times.get(moment, math.inf) for call in calls]


def usual(values: Iterable[Value]) -> Value:
    return Counter(values).most_common(1)[0][0]


def differ(one: Sequence[float], other: Sequence[float]) -> bool:
    return p_value(one, other) < SURELY_DIFFERENT


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sample Kolmogorov-Smirnov test: how likely samples of one distribution are to differ so much.

    The asymptotic form with Stephens' correction for small samples (Numerical Recipes, 3rd edition, 14.3.3).
    """
    first, second = sorted(one), sorted(other)
    distance = max(
        abs(bisect_right(first, at) / len(first) - bisect_right(second, at) / len(second))
        for at in itertools.chain(first, second)
    )
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.2:
        return 1.0  # where the series no longer converges, and where nobody asks for more
    terms = ((-1) ** (term - 1) * math.exp(-2 * (term * scaled) ** 2) for term in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(terms)))


def visible_shift_ms(times: Sequence[float]) -> int:
    """How many milliseconds later the same answers could not have come without being found out."""
    shifts = range(1, 10_000)
    return next(ms for ms in shifts if differ(times, [at + ms / 1000 for at in times]))
