"""RTP audio (RFC 3550, RFC 3551) with telephone events (RFC 4733): a tone out, everything in."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import math
import random
import secrets
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bridge.proof.capture import Address, Protocol, Recording
from bridge.proof.sip import srtp
from bridge.proof.sip.sdp import PCMA, PCMU, AudioDescription
from bridge.proof.sip.tasks import until
from bridge.proof.sip.transport import UdpSocket

SAMPLES_PER_PACKET = 160  # 20 ms at 8000 Hz
PACKET_SECONDS = 0.02
DTMF_EVENTS = "0123456789*#ABCD"  # RFC 4733, section 3.2: the position is the event code

_DTMF_PACKETS = 8  # 160 ms a digit
_DTMF_END_REPEATS = 3  # RFC 4733, section 2.5.1.4
_DTMF_GAP_PACKETS = 4
_ROW_HZ = (697, 770, 852, 941)  # ITU-T Q.23
_COLUMN_HZ = (1209, 1336, 1477, 1633)
_TONE_PACKETS = 5  # 100 ms a key
_TONE_AMPLITUDE = 7000
_REPORT_EVERY_PACKETS = 250  # 5 s, RFC 3550, section 6.2
_KEPT_PACKETS = 15_000  # five minutes of a call
_NTP_EPOCH_OFFSET = 2_208_988_800


class MalformedPacket(ValueError):
    """The bytes are no RTP packet."""


@dataclass(frozen=True)
class HeaderExtension:
    """RFC 3550, section 5.3.1. The data's length must be a multiple of four."""

    profile: int
    data: bytes


@dataclass(frozen=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrc: tuple[int, ...] = ()
    extension: HeaderExtension | None = None

    def encode(self) -> bytes:
        first = 0x80 | (0x10 if self.extension else 0) | len(self.csrc)
        second = (0x80 if self.marker else 0) | self.payload_type
        header = struct.pack("!BBHII", first, second, self.sequence, self.timestamp, self.ssrc)
        header += struct.pack(f"!{len(self.csrc)}I", *self.csrc)
        if self.extension:
            header += struct.pack("!HH", self.extension.profile, len(self.extension.data) // 4)
            header += self.extension.data
        return header + self.payload

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Raises MalformedPacket. Padding is kept as part of the payload: it could carry something too."""
        try:
            first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
            csrc = struct.unpack_from(f"!{first & 0x0F}I", data, 12)
            position = 12 + 4 * len(csrc)
            extension = None
            if first & 0x10:
                profile, words = struct.unpack_from("!HH", data, position)
                extension = HeaderExtension(profile, data[position + 4 : position + 4 + 4 * words])
                position += 4 + 4 * words
        except struct.error as error:
            raise MalformedPacket("shorter than its header") from error
        if first >> 6 != 2:
            raise MalformedPacket("not version 2")
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=data[position:],
            marker=bool(second & 0x80),
            csrc=csrc,
            extension=extension,
        )


class AudioStream:
    """One side's RTP and RTCP sockets, an even port and the next one.

    Sends a tone in whole 20 ms steps once started. `ssrc`, `csrc`, `extension` and `sdes_items` may be
    changed at any time: the packets that follow carry them.
    """

    def __init__(self, recording: Recording, *, tone_hz: int) -> None:
        self.ssrc = random.getrandbits(32)
        self.csrc: tuple[int, ...] = ()
        self.extension: HeaderExtension | None = None
        self.sdes_items: list[tuple[int, str]] = [(1, "peer@proof")]  # RFC 3550, section 6.5: 1 is CNAME
        self.received: deque[RtpPacket] = deque(maxlen=_KEPT_PACKETS)
        self.sent_packets = 0
        self.master = secrets.token_bytes(srtp.MASTER_BYTES)
        """By which our sound is sealed, where the two sides agree on that."""
        self._recording = recording
        self._tone_hz = tone_hz
        self._rtp: UdpSocket | None = None
        self._rtcp: UdpSocket | None = None
        self._remote: Address | None = None
        self._sending = False
        self._payload_type = PCMA
        self._event_type: int | None = None
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._marker = True
        self._event_start = 0
        self._dtmf: deque[EventStep | bytes | None] = deque()
        self._dtmf_done = asyncio.Event()
        self._arrival = asyncio.Event()
        self._octets = 0
        self._ours = srtp.Direction(self.master)
        self._others_master = b""

    async def open(self, host: str) -> None:
        """Raises OSError when no pair of ports is free."""
        for _ in range(50):
            rtp = await self._open_socket((host, 0), Protocol.RTP)
            port = rtp.address[1]
            if port % 2 == 0:
                with contextlib.suppress(OSError):
                    self._rtcp = await self._open_socket((host, port + 1), Protocol.RTCP)
                    self._rtp = rtp
                    return
            rtp.close()
        raise OSError("no free pair of UDP ports for audio")

    async def _open_socket(self, address: Address, protocol: Protocol) -> UdpSocket:
        handler = self._receive if protocol is Protocol.RTP else lambda data, source: None
        return await UdpSocket.open(address, recording=self._recording, protocol=protocol, handler=handler)

    @property
    def is_open(self) -> bool:
        return self._rtp is not None

    @property
    def port(self) -> int:
        assert self._rtp is not None, "the stream is not open"
        return self._rtp.address[1]

    def talk_to(self, remote: AudioDescription, codec: int) -> None:
        """Send to what the other side described, from the next 20 ms on. Called again by a new offer."""
        self._remote = (remote.host, remote.port)
        self._payload_type = codec
        self._event_type = remote.telephone_event
        self._sending = remote.direction in ("sendrecv", "recvonly") and remote.port != 0
        if remote.crypto and remote.crypto.master != self._others_master:
            self._others_master = remote.crypto.master
            self._seal(srtp.Direction(remote.crypto.master))

    def _seal(self, theirs: srtp.Direction) -> None:
        if self._rtp is not None:
            self._rtp.disguise = Sealed(self._ours.sealed_rtp, theirs.opened_rtp)
        if self._rtcp is not None:
            self._rtcp.disguise = Sealed(self._ours.sealed_rtcp, theirs.opened_rtcp)

    async def run(self) -> None:
        """Send until cancelled."""
        tone = ToneSource(self._tone_hz)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for tick in itertools.count(1):
            if self._sending:
                self._send_step(tone)
                if self.sent_packets % _REPORT_EVERY_PACKETS == 1:
                    self.send_report()
            self._timestamp = (self._timestamp + SAMPLES_PER_PACKET) & 0xFFFFFFFF
            # Against the start, not the last packet, or lateness would add up.
            await asyncio.sleep(max(0.0, due + tick * PACKET_SECONDS - loop.time()))

    def _send_step(self, tone: ToneSource) -> None:
        if self._dtmf:
            match self._dtmf.popleft():
                case EventStep() as step:
                    self._send_event(step)
                case bytes(sound):
                    self._send_packet(self._payload_type, self._timestamp, sound, marker=False)
            if not self._dtmf:
                self._dtmf_done.set()
            return
        self._send_packet(self._payload_type, self._timestamp, tone.packet(self._payload_type), self._marker)
        self._marker = False

    def _send_event(self, step: EventStep) -> None:
        """All packets of one event carry the timestamp of its start (RFC 4733, section 2.2.4)."""
        assert self._event_type is not None, "send_dtmf checked it"
        if step.first:
            self._event_start = self._timestamp
        self._send_packet(self._event_type, self._event_start, step.payload, marker=step.first)
        self._marker = True  # the tone that follows starts a new talkspurt

    def _send_packet(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> None:
        packet = RtpPacket(
            payload_type=payload_type,
            sequence=self._sequence,
            timestamp=timestamp,
            ssrc=self.ssrc,
            payload=payload,
            marker=marker,
            csrc=self.csrc,
            extension=self.extension,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._octets += len(payload)
        self.send_raw(packet.encode())

    def send_raw(self, data: bytes) -> None:
        """Send any bytes from the RTP socket."""
        if self._rtp is not None and self._remote is not None:
            self._rtp.send(data, self._remote)
            self.sent_packets += 1

    def send_raw_rtcp(self, data: bytes) -> None:
        """Send any bytes from the RTCP socket."""
        if self._rtcp is not None and self._remote is not None:
            self._rtcp.send(data, (self._remote[0], self._remote[1] + 1))

    def send_report(self) -> None:
        """Send a sender report with the `sdes_items`. `run` does so every five seconds."""
        self.send_raw_rtcp(
            sender_report(self.ssrc, self._timestamp, self.sent_packets, self._octets)
            + source_description(self.ssrc, self.sdes_items)
        )

    async def send_dtmf(self, digits: str, *, within: float = 30.0) -> None:
        """Press keys and wait until they are out. Raises ValueError where the other side takes no events."""
        if self._event_type is None:
            raise ValueError("the other side did not agree to telephone-event")
        self._dtmf_done.clear()
        for digit in digits:
            self._dtmf.extend(event_steps(digit))
            self._dtmf.extend([None] * _DTMF_GAP_PACKETS)
        async with asyncio.timeout(within):
            await self._dtmf_done.wait()

    async def send_tones(self, keys: str, *, within: float = 30.0) -> None:
        """Press keys in band: each as two tones in the sound, as a line without telephone events has them."""
        self._dtmf_done.clear()
        for key in keys:
            self._dtmf.extend(tone_steps(key, self._payload_type))
        async with asyncio.timeout(within):
            await self._dtmf_done.wait()

    @property
    def received_audio(self) -> list[RtpPacket]:
        return [packet for packet in self.received if packet.payload_type in (PCMA, PCMU)]

    @property
    def received_dtmf(self) -> str:
        """The keys that the other side pressed, in order."""
        return dtmf_digits(self.received, self._event_type)

    async def wait_for_audio(self, packets: int, *, within: float = 10.0) -> None:
        """Until so many audio packets have come. Raises TimeoutError."""
        what = f"{packets} audio packets"
        await until(lambda: len(self.received_audio) >= packets, self._arrival, what, within)

    async def wait_for_dtmf(self, keys: str, *, within: float = 10.0) -> None:
        """Until exactly these keys have come since the start. Raises TimeoutError."""
        await until(lambda: self.received_dtmf == keys, self._arrival, f"the keys {keys}", within)

    def close(self) -> None:
        for socket in (self._rtp, self._rtcp):
            if socket is not None:
                socket.close()

    def _receive(self, data: bytes, source: Address) -> None:
        with contextlib.suppress(MalformedPacket):  # recorded all the same, by the socket
            self.received.append(RtpPacket.parse(data))
            self._arrival.set()


@dataclass(frozen=True)
class Sealed:
    """A socket's packets as SRTP or SRTCP."""

    put_on: Callable[[bytes], bytes]
    open: Callable[[bytes], bytes]

    def take_off(self, data: bytes) -> bytes:
        try:
            return self.open(data)
        except srtp.NotAuthentic:
            return data


@dataclass(frozen=True)
class EventStep:
    """20 ms of a pressed key."""

    payload: bytes
    first: bool


def event_steps(digit: str) -> list[EventStep]:
    """One key as RFC 4733 sends it: growing durations, the end three times. Raises ValueError for no key."""
    event = DTMF_EVENTS.index(digit)
    last = _DTMF_PACKETS * SAMPLES_PER_PACKET
    volume = 10  # -10 dBm0
    steps = [
        EventStep(struct.pack("!BBH", event, volume, duration), first=duration == SAMPLES_PER_PACKET)
        for duration in range(SAMPLES_PER_PACKET, last, SAMPLES_PER_PACKET)
    ]
    end = EventStep(struct.pack("!BBH", event, 0x80 | volume, last), first=False)
    return steps + [end] * _DTMF_END_REPEATS


def tone_steps(key: str, payload_type: int) -> list[bytes]:
    """One key as ITU-T Q.23 sounds it, for 100 ms, and silence after it. Raises ValueError for no key."""
    row, column = divmod("123A456B789C*0#D".index(key), 4)
    tones = (_ROW_HZ[row], _COLUMN_HZ[column])
    companded = a_law if payload_type == PCMA else mu_law
    samples = (
        round(sum(_TONE_AMPLITUDE * math.sin(2 * math.pi * hertz * at / 8000) for hertz in tones))
        for at in range(_TONE_PACKETS * SAMPLES_PER_PACKET)
    )
    sound = bytes(map(companded, samples)) + bytes([companded(0)]) * (_TONE_PACKETS * SAMPLES_PER_PACKET)
    return [sound[at : at + SAMPLES_PER_PACKET] for at in range(0, len(sound), SAMPLES_PER_PACKET)]


def dtmf_digits(packets: Iterable[RtpPacket], event_type: int | None) -> str:
    """The keys in packets of `event_type`; the packets of one key share SSRC and timestamp."""
    keys: dict[tuple[int, int], str] = {}
    for packet in packets:
        if packet.payload_type == event_type and packet.payload and packet.payload[0] < len(DTMF_EVENTS):
            keys.setdefault((packet.ssrc, packet.timestamp), DTMF_EVENTS[packet.payload[0]])
    return "".join(keys.values())


class ToneSource:
    """An endless sine, in G.711."""

    def __init__(self, hertz: int) -> None:
        self._hertz = hertz
        self._position = 0

    def packet(self, payload_type: int) -> bytes:
        """The next 20 ms."""
        start = self._position
        self._position = (start + SAMPLES_PER_PACKET) % 8000
        return tone_second(self._hertz, payload_type)[start : start + SAMPLES_PER_PACKET]


@functools.cache
def tone_second(hertz: int, payload_type: int, amplitude: int = 8000) -> bytes:
    """One second holds a whole number of periods of any whole frequency, so repeating it has no click."""
    companded = a_law if payload_type == PCMA else mu_law
    period = 8000 // math.gcd(hertz, 8000)
    samples = (round(amplitude * math.sin(2 * math.pi * hertz * at / 8000)) for at in range(period))
    return bytes(map(companded, samples)) * (8000 // period)


def a_law(sample: int) -> int:
    """ITU-T G.711, A-law, from 16-bit linear."""
    mask = 0xD5 if sample >= 0 else 0x55
    magnitude = min((sample if sample >= 0 else -sample - 1) >> 3, 0xFFF)
    exponent = max(magnitude.bit_length() - 5, 0)
    mantissa = magnitude >> max(exponent, 1) & 0x0F
    return (exponent << 4 | mantissa) ^ mask


def mu_law(sample: int) -> int:
    """ITU-T G.711, mu-law, from 16-bit linear."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> (exponent + 3) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def sender_report(ssrc: int, timestamp: int, packets: int, octets: int) -> bytes:
    """RFC 3550, section 6.4.1, without report blocks."""
    seconds, fraction = divmod(time.time(), 1)
    ntp = (int(seconds) + _NTP_EPOCH_OFFSET, int(fraction * (1 << 32)))
    return struct.pack(
        "!BBHIIIIII", 0x80, 200, 6, ssrc, *ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    )


def source_description(ssrc: int, items: Iterable[tuple[int, str]]) -> bytes:
    """RFC 3550, section 6.5: SDES with (type, text) items, of which type 1, CNAME, is mandatory."""
    chunk = struct.pack("!I", ssrc)
    for kind, text in items:
        encoded = text.encode()
        chunk += struct.pack("!BB", kind, len(encoded)) + encoded
    chunk += bytes(4 - len(chunk) % 4)  # at least one null octet ends the list
    return struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk
