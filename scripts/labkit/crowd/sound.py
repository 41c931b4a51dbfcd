"""Both ends of every conversation's sound, in a process of its own, cheap enough for hundreds on two cores.

A packet is RTP (RFC 3550) with 20 ms of A-law (RFC 3551), as phones send it; what is saved is their number: a
few a second instead of fifty, with the timestamps of speech that pauses in between. Asterisk hands A-law on
unchanged, so a payload's first bytes can say whose packet it is, the how-manieth, and when it was sent. What
arrives is timed by the kernel (SO_TIMESTAMPNS, socket(7)): how busy the listening process is does not matter.
"""

from __future__ import annotations

import itertools
import random
import select
import signal
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from multiprocessing import get_context
from multiprocessing.connection import Connection

from bridge.proof.capture import Address
from bridge.proof.sip.sdp import PCMA

SAMPLES_A_SECOND = 8000

_PAYLOAD_BYTES = 160
_SILENCE = b"\xd5"  # A-law's zero
_HEADER = struct.Struct("!BBHII")
_LABEL = struct.Struct("!BHIQ")
_PADDING = _SILENCE * (_PAYLOAD_BYTES - _LABEL.size)
_ENDS_A_SOCKET = 20  # so few that a socket's buffer holds what comes in a second
_TICK_SECONDS = 0.005
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python has no name for it
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)
_NS_A_MS = 1_000_000
_NS_A_STEP = 100_000


class Side(IntEnum):
    MANAGER = 0
    CUSTOMER = 1

    @property
    def other(self) -> Side:
        return Side(1 - self)


@dataclass(frozen=True)
class Talk:
    """Let one end of a conversation speak to `remote` and listen there."""

    side: Side
    call: int
    remote: Address


@dataclass(frozen=True)
class Hush:
    """Let both ends of a conversation speak no more; they go on listening."""

    call: int


@dataclass(frozen=True)
class Hear:
    """Ask for the `Heard` of the time since this was last asked."""


@dataclass(frozen=True)
class Heard:
    """What all ends have heard in `seconds`. Times are milliseconds.

    `missing` packets were sent and have not arrived though later ones have; `foreign` ones were another
    conversation's. `silent` ends have missed a whole second of packets. `longest_wait` is by how much
    longer a listener waited for a packet than the speaker took to send it. `transit` is from sending
    to arrival, through Asterisk: the median, the 99th and the 99.9th percentile.
    """

    seconds: float
    packets: int
    missing: int
    foreign: int
    silent: int
    longest_wait: float
    transit: tuple[float, float, float]


@dataclass
class _End:
    """One end of a conversation: what it sends, and what it has heard."""

    side: Side
    call: int
    socket: socket.socket
    remote: Address
    speaks: bool = True
    ssrc: int = field(default_factory=lambda: random.getrandbits(32))
    sequence: int = field(default_factory=lambda: random.getrandbits(15))
    timestamp: int = field(default_factory=lambda: random.getrandbits(31))
    sent: int = 0
    heard: int | None = None
    heard_sequence: int = 0
    heard_at_ns: int = 0
    heard_sent_ns: int = 0

    def speak(self, step: int) -> None:
        """Send one packet; `step` is the time since the one before, in samples."""
        label = _LABEL.pack(self.side, self.call, self.sent, time.time_ns())
        header = _HEADER.pack(0x80, PCMA, self.sequence, self.timestamp, self.ssrc)
        self.socket.sendto(header + label + _PADDING, self.remote)
        self.sent += 1
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + step) & 0xFFFFFFFF


class _Tally:
    """What is counted from one question to the next."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.packets = 0
        self.missing = 0
        self.foreign = 0
        self.longest_wait_ns = 0
        self.transit: Counter[int] = Counter()  # by steps of a tenth of a millisecond

    def heard(self, silent: int) -> Heard:
        return Heard(
            seconds=time.monotonic() - self.began,
            packets=self.packets,
            missing=self.missing,
            foreign=self.foreign,
            silent=silent,
            longest_wait=self.longest_wait_ns / _NS_A_MS,
            transit=(self._percentile(0.5), self._percentile(0.99), self._percentile(0.999)),
        )

    def _percentile(self, share: float) -> float:
        """In milliseconds, the upper edge of the step that holds it; 0 where nothing was heard."""
        wanted = share * self.transit.total()
        for step, count in sorted(self.transit.items()):
            wanted -= count
            if wanted <= 0:
                return (step + 1) / 10
        return 0.0


class _Room:
    """All ends, their sockets and the clock by which they speak."""

    def __init__(self, hosts: dict[Side, str], calls: int, packets_a_second: int) -> None:
        self._pace = packets_a_second
        self._sockets = {
            side: [_listening(host) for _ in range(-(-calls // _ENDS_A_SOCKET))]
            for side, host in hosts.items()
        }
        self._ends: dict[tuple[Side, int], _End] = {}
        self._by_source: dict[tuple[int, Address], _End] = {}
        self._slots: list[list[_End]] = [[] for _ in range(round(1 / packets_a_second / _TICK_SECONDS))]
        self._tally = _Tally()

    def ports(self) -> dict[Side, list[int]]:
        """Where each call's ends listen, by side and call."""
        return {
            side: [each.getsockname()[1] for each in sockets for _ in range(_ENDS_A_SOCKET)]
            for side, sockets in self._sockets.items()
        }

    def serve(self, orders: Connection) -> None:
        """Speak and listen until the other end of `orders` is closed."""
        poll = select.epoll()
        by_handle = {each.fileno(): each for sockets in self._sockets.values() for each in sockets}
        for handle in (*by_handle, orders.fileno()):
            poll.register(handle, select.EPOLLIN)
        due = time.monotonic()
        for slot in itertools.cycle(self._slots):
            due += _TICK_SECONDS
            left = _TICK_SECONDS
            while left > 0:
                left = due - time.monotonic()
                for handle, _ in poll.poll(max(0.0, left)):
                    if handle in by_handle:
                        self._listen(by_handle[handle])
                    elif not self._obey(orders):
                        return
            for end in slot:
                if end.speaks:
                    end.speak(SAMPLES_A_SECOND // self._pace)

    def _obey(self, orders: Connection) -> bool:
        """False where there will be no more orders."""
        try:
            order = orders.recv()
        except EOFError:
            return False
        match order:
            case Talk(side, call, remote):
                self._talk(side, call, remote)
            case Hush(call):
                for side in Side:
                    if (end := self._ends.get((side, call))) is not None:
                        end.speaks = False
            case Hear():
                orders.send(self._tally.heard(sum(map(self._is_deaf, self._ends.values()))))
                self._tally = _Tally()
        return True

    def _talk(self, side: Side, call: int, remote: Address) -> None:
        if (side, call) in self._ends:
            return  # the same description once more
        local = self._sockets[side][call // _ENDS_A_SOCKET]
        end = _End(side, call, local, remote)
        self._ends[side, call] = end
        self._by_source[local.fileno(), remote] = end
        self._slots[(2 * call + side) % len(self._slots)].append(end)

    def _is_deaf(self, end: _End) -> bool:
        speaker = self._ends.get((end.side.other, end.call))
        last = -1 if end.heard is None else end.heard
        return speaker is not None and speaker.sent - 1 - last >= self._pace

    def _listen(self, local: socket.socket) -> None:
        """Read all that has come."""
        while True:
            try:
                data, ancillary, _, source = local.recvmsg(2048, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            end = self._by_source.get((local.fileno(), source))
            if end is not None and len(data) == _HEADER.size + _PAYLOAD_BYTES:
                self._count(end, data, _arrival_ns(ancillary))

    def _count(self, end: _End, data: bytes, at_ns: int) -> None:
        side, call, number, sent_ns = _LABEL.unpack_from(data, _HEADER.size)
        sequence = _HEADER.unpack_from(data)[2]
        tally = self._tally
        tally.packets += 1
        if (side, call) != (end.side.other, end.call):
            tally.foreign += 1
            return
        tally.transit[(at_ns - sent_ns) // _NS_A_STEP] += 1
        if end.heard is not None:
            # A hole is one at either counter: the speaker's, and that of Asterisk's packets to the listener.
            steps = max(number - end.heard, (sequence - end.heard_sequence) & 0xFFFF)
            tally.missing += steps - 1
            waited = (at_ns - end.heard_at_ns) - (sent_ns - end.heard_sent_ns)
            tally.longest_wait_ns = max(tally.longest_wait_ns, waited)
        end.heard, end.heard_sequence, end.heard_at_ns, end.heard_sent_ns = number, sequence, at_ns, sent_ns


def _listening(host: str) -> socket.socket:
    """A socket on an even port, as RTP wants (RFC 3550, section 11); nobody listens for RTCP."""
    while True:
        candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        candidate.bind((host, 0))
        if candidate.getsockname()[1] % 2 == 0:
            candidate.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            candidate.setblocking(False)
            return candidate
        candidate.close()


def _arrival_ns(ancillary: Iterable[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    raise OSError("the kernel does not say when a packet arrived")


def _serve(orders: Connection, hosts: dict[Side, str], calls: int, packets_a_second: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who closes `orders`
    room = _Room(hosts, calls, packets_a_second)
    orders.send(room.ports())
    room.serve(orders)


class Sound:
    """The process with all ends; a context manager. `packets_a_second` divides 200."""

    def __init__(self, hosts: dict[Side, str], *, calls: int, packets_a_second: int) -> None:
        processes = get_context("spawn")
        self._orders, theirs = processes.Pipe()
        arguments = (theirs, hosts, calls, packets_a_second)
        self._process = processes.Process(target=_serve, args=arguments, name="sound", daemon=True)
        self._process.start()
        theirs.close()
        self._ports: dict[Side, list[int]] = self._orders.recv()

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.join()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None, "it runs"
        return self._process.pid

    def port(self, side: Side, call: int) -> int:
        return self._ports[side][call]

    def talk(self, side: Side, call: int, remote: Address) -> None:
        self._orders.send(Talk(side, call, remote))

    def hush(self, call: int) -> None:
        self._orders.send(Hush(call))

    def hear(self) -> Heard:
        """What was heard since this was last asked, or since the beginning."""
        self._orders.send(Hear())
        heard: Heard = self._orders.recv()
        return heard
