"""How customers key numbers in: by telephone events (RFC 4733), by SIP INFO, and by tones in the sound."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import cache

from shop import until

from bridge.asterisk.voice import digits_in
from bridge.proof.sip.call import Call
from bridge.proof.sip.carrier import Carrier
from bridge.proof.sip.message import Message
from bridge.proof.sip.rtp import AudioStream, a_law, tone_second
from bridge.proof.sip.sdp import PCMA
from labkit import music

Keying = Callable[[Call, str], Awaitable[None]]

SECONDS_BETWEEN_KEYS = 0.15


async def by_events(call: Call, keys: str) -> None:
    await call.send_dtmf(keys)


async def by_info(call: Call, keys: str) -> None:
    for key in keys:
        body = ("application/dtmf-relay", f"Signal={key}\r\nDuration=100\r\n".encode())
        answer = await call.request("INFO", body=body)
        assert answer.status == 200
        await asyncio.sleep(SECONDS_BETWEEN_KEYS)  # as slow as fingers are: two at once are one to Asterisk


async def in_band(call: Call, keys: str) -> None:
    await call.media.send_tones(keys)


WAYS: dict[str, Keying] = {"RFC 4733": by_events, "SIP INFO": by_info, "in band": in_band}


def speak_without_events(carrier: Carrier) -> None:
    """Let the carrier agree to no telephone events, as the lines do on which keys are tones."""

    def without_events(message: Message) -> None:
        if b"telephone-event" in message.body:
            text = message.body.decode()
            payload = re.search(r"a=rtpmap:(\d+) telephone-event", text)
            assert payload is not None
            text = re.sub(rf"(m=audio .*) {payload[1]}\b", r"\1", text)
            text = re.sub(rf"a=(rtpmap|fmtp):{payload[1]} .*\r\n", "", text)
            message.set_body("application/sdp", text.encode())

    carrier.alter = without_events


def heard(audio: AudioStream, language: str) -> str:
    """The digits that were read to this side, in this language, in the order in which they were.

    A stretch from the middle of each recording is looked for in the sound, byte by byte.
    """
    sound = b"".join(packet.payload for packet in audio.received_audio)
    found = [
        (match.start(), str(digit))
        for digit, stretch in enumerate(stretches(language))
        for match in re.finditer(re.escape(stretch), sound)
    ]
    return "".join(digit for _, digit in sorted(found))


@cache
def stretches(language: str) -> tuple[bytes, ...]:
    """Of each recording some loud 20 ms, as they come out on a leg that speaks A-law."""
    return tuple(
        bytes(a_law(linear_of(each)) for each in recording[2000:2160]) for recording in digits_in(language)
    )


def linear_of(mu_law: int) -> int:
    """ITU-T G.711: 16-bit linear from mu-law."""
    inverted = ~mu_law & 0xFF
    magnitude = (((inverted & 0x0F) << 3) + 132 << (inverted >> 4 & 7)) - 132
    return -magnitude if inverted & 0x80 else magnitude


_LATEST = 10
"""Packets by which it is told what somebody hears now."""


def hears_tone(audio: AudioStream, hertz: int) -> bool:
    """Whether what came last is that tone and nothing else."""
    tone = tone_second(hertz, PCMA) * 2
    latest = [packet.payload for packet in list(audio.received)[-_LATEST:]]
    return len(latest) == _LATEST and all(each in tone for each in latest)


async def hear_each_other(manager: Call, customer: Call) -> None:
    """Until each of the two hears the other's tone."""
    await until(lambda: hears_tone(manager.media, customer.agent.tone_hz), "a manager who hears")
    await until(lambda: hears_tone(customer.media, manager.agent.tone_hz), "a customer who hears")


def hears_music(audio: AudioStream) -> bool:
    """Whether what came last is a lab's music on hold."""
    latest = [packet.payload for packet in list(audio.received)[-_LATEST:]]
    return len(latest) == _LATEST and all(map(is_music, latest))


def is_music(sound: bytes) -> bool:
    """Whether it is a piece of a lab's music on hold, which begins anew when it is over."""
    return sound in all_music()


@cache
def all_music() -> bytes:
    """As it comes out on a leg that speaks A-law."""
    return bytes(a_law(linear_of(each)) for each in music.notes()) * 2


def keys_of(audio: AudioStream) -> str:
    """The keys that this side has heard pressed by telephone events."""
    return audio.received_dtmf
