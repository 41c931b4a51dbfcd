"""What the peers sent and received, datagram by datagram, as the socket saw it."""

from __future__ import annotations

import base64
import ipaddress
import json
import struct
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

Address = tuple[str, int]

# Enough for a quarter of an hour of a call, and small enough for a laptop left alone over a weekend.
DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024

_PCAP_MAGIC_MICROSECONDS = 0xA1B2C3D4
_LINKTYPE_RAW_IP = 101  # https://www.tcpdump.org/linktypes.html
_IPV4_PROTOCOL_UDP = 17


class Direction(StrEnum):
    """Seen from the peer that made the recording."""

    SENT = "sent"
    RECEIVED = "received"


class Protocol(StrEnum):
    """Which of a peer's sockets a datagram passed; a datagram need not be well-formed to be recorded."""

    SIP = "sip"
    RTP = "rtp"
    RTCP = "rtcp"


@dataclass(frozen=True)
class Datagram:
    """One UDP payload.

    `wall_us` is microseconds since the epoch, for reading beside logs; `monotonic_us` orders and measures.
    """

    wall_us: int
    monotonic_us: int
    direction: Direction
    protocol: Protocol
    source: Address
    destination: Address
    data: bytes

    def to_json(self) -> str:
        return json.dumps(
            {
                "wall_us": self.wall_us,
                "monotonic_us": self.monotonic_us,
                "direction": self.direction,
                "protocol": self.protocol,
                "source": self.source,
                "destination": self.destination,
                "data": base64.b64encode(self.data).decode("ascii"),
            }
        )

    @classmethod
    def from_json(cls, line: str) -> Datagram:
        """Raises ValueError or KeyError for a line that `to_json` did not write."""
        fields: dict[str, Any] = json.loads(line)
        return cls(
            wall_us=int(fields["wall_us"]),
            monotonic_us=int(fields["monotonic_us"]),
            direction=Direction(fields["direction"]),
            protocol=Protocol(fields["protocol"]),
            source=(str(fields["source"][0]), int(fields["source"][1])),
            destination=(str(fields["destination"][0]), int(fields["destination"][1])),
            data=base64.b64decode(fields["data"], validate=True),
        )


class Recording:
    """A peer's datagrams in order. Beyond `limit_bytes` of payload the oldest are dropped.

    With a `journal` each datagram is also appended to that file at once, so a peer that is killed leaves
    its record behind; see `Journal`.
    """

    def __init__(self, *, limit_bytes: int = DEFAULT_LIMIT_BYTES, journal: Journal | None = None) -> None:
        self._datagrams: deque[Datagram] = deque()
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._journal = journal
        self.dropped = 0

    def __iter__(self) -> Iterator[Datagram]:
        return iter(tuple(self._datagrams))

    def __len__(self) -> int:
        return len(self._datagrams)

    def note(
        self,
        direction: Direction,
        protocol: Protocol,
        *,
        source: Address,
        destination: Address,
        data: bytes,
    ) -> None:
        """Record a datagram that passes the socket now."""
        self.add(
            Datagram(
                wall_us=time.time_ns() // 1000,
                monotonic_us=time.monotonic_ns() // 1000,
                direction=direction,
                protocol=protocol,
                source=source,
                destination=destination,
                data=data,
            )
        )

    def add(self, datagram: Datagram) -> None:
        self._datagrams.append(datagram)
        self._held_bytes += len(datagram.data)
        while self._held_bytes > self._limit_bytes and len(self._datagrams) > 1:
            self._held_bytes -= len(self._datagrams.popleft().data)
            self.dropped += 1
        if self._journal is not None:
            self._journal.append(datagram)

    def only(
        self, *, direction: Direction | None = None, protocol: Protocol | None = None
    ) -> tuple[Datagram, ...]:
        """The datagrams of one direction, one protocol, or both."""
        return tuple(
            datagram
            for datagram in self._datagrams
            if direction in (None, datagram.direction) and protocol in (None, datagram.protocol)
        )

    def copy(self) -> Recording:
        """The same datagrams in a recording of its own, without the journal."""
        twin = Recording(limit_bytes=self._limit_bytes)
        for datagram in self._datagrams:
            twin.add(datagram)
        return twin

    def save(self, path: Path) -> None:
        """Write JSON lines, the payloads in base64."""
        path.write_text("".join(f"{datagram.to_json()}\n" for datagram in self._datagrams), "ascii")

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what `save` or a `Journal` wrote; of a journal, the older half too.

        A last line without its end is still being written, and is left out.
        """
        recording = cls()
        for part in (_older_half(path), path):
            if part.exists():
                *lines, _ = part.read_text("ascii").split("\n")
                for line in lines:
                    recording.add(Datagram.from_json(line))
        return recording

    def save_pcap(self, path: Path) -> None:
        """Write a capture file that Wireshark and tshark open.

        The IP and UDP headers are made up from the addresses; IPv4 only, as the peers are.
        Format: draft-ietf-opsawg-pcap, link type 101 (raw IP).
        """
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", _PCAP_MAGIC_MICROSECONDS, 2, 4, 0, 0, 65535, _LINKTYPE_RAW_IP))
            for datagram in self._datagrams:
                packet = _ipv4_udp_packet(datagram)
                seconds, microseconds = divmod(datagram.wall_us, 1_000_000)
                file.write(struct.pack("<IIII", seconds, microseconds, len(packet), len(packet)) + packet)


class Journal:
    """An append-only file of datagrams that never outgrows `limit_bytes`.

    When it reaches half of the limit it is set aside as `<name>.older`, replacing the one before:
    the newest half of the limit is always there.
    """

    def __init__(self, path: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._path = path
        self._half_limit_bytes = limit_bytes // 2
        self._written_bytes = 0
        _older_half(path).unlink(missing_ok=True)
        self._file: IO[str] = path.open("w", encoding="ascii", buffering=1)

    def append(self, datagram: Datagram) -> None:
        line = f"{datagram.to_json()}\n"
        if self._written_bytes and self._written_bytes + len(line) > self._half_limit_bytes:
            self._set_aside()
        self._file.write(line)
        self._written_bytes += len(line)

    def close(self) -> None:
        self._file.close()

    def _set_aside(self) -> None:
        self._file.close()
        self._path.replace(_older_half(self._path))
        self._file = self._path.open("w", encoding="ascii", buffering=1)
        self._written_bytes = 0


def _older_half(path: Path) -> Path:
    return path.with_name(f"{path.name}.older")


def _ipv4_udp_packet(datagram: Datagram) -> bytes:
    source, destination = (
        ipaddress.IPv4Address(host).packed for host, _ in (datagram.source, datagram.destination)
    )
    udp_length = 8 + len(datagram.data)
    # A UDP checksum of zero means "not computed" (RFC 768), which analysers accept silently.
    udp = struct.pack("!HHHH", datagram.source[1], datagram.destination[1], udp_length, 0)
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + udp_length, 0, 0, 64, _IPV4_PROTOCOL_UDP, 0, source, destination
    )
    checksum = struct.pack("!H", _internet_checksum(header))
    return header[:10] + checksum + header[12:] + udp + datagram.data


def _internet_checksum(header: bytes) -> int:
    """The ones' complement sum of RFC 1071, for a header of an even length."""
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
