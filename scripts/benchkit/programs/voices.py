"""Both ends of many conversations: A-law in packets of 20 ms, sent each way and counted where they arrive.

A process of its own, so that the peers' clock does not wait for sound. It prints its two addresses, then
obeys lines of JSON: {"talk": [[phone's, carrier's], ...]} with Asterisk's addresses of each conversation, and
{"hush": true}, after which it waits until nothing comes any more and prints what it counted.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from dataclasses import dataclass

from benchkit import wire
from labkit import ports
from labkit.plan import CARRIER_HOST, UDP

PHONE_HOST = "127.0.0.1"
PACKETS_A_SECOND = 50
_SLOTS = 20
"""Conversations take turns, one slot each millisecond, as phones that were not started together do."""

_SLOT_S = 1 / PACKETS_A_SECOND / _SLOTS
_AT_ONCE = 400
"""Packets taken off a socket before it is looked at what is to be sent."""

_SILENT_S = 0.3
_BUFFER = 8 * 2**20

Address = tuple[str, int]


@dataclass
class _Conversation:
    phone: Address
    carrier: Address
    packets: int = 0


class Voices:
    """`late` is by how many seconds at most a packet was sent later than it should have been."""

    def __init__(self) -> None:
        self._phones, self._carriers = _socket(PHONE_HOST), _socket(CARRIER_HOST)
        self._slots: list[list[_Conversation]] = [[] for _ in range(_SLOTS)]
        self._talking = False
        self._next_slot = 0
        self._next_at = 0.0
        self._sent = self._heard = 0
        self._late = 0.0
        self._packet = bytearray(2048)
        self._commands = b""

    @property
    def addresses(self) -> list[Address]:
        """Where phones, and the carrier, are spoken to."""
        return [self._phones.getsockname(), self._carriers.getsockname()]

    def run(self) -> None:
        """Until standard input ends."""
        poll = select.poll()
        for descriptor in (0, self._phones.fileno(), self._carriers.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            wait = max(0.0, self._next_at - time.monotonic()) * 1000 if self._talking else None
            ready = {descriptor for descriptor, _ in poll.poll(wait)}
            if 0 in ready and not self._obey():
                return
            self._listen()
            if self._talking:
                self._speak()

    def _obey(self) -> bool:
        read = os.read(0, 2**20)
        self._commands += read
        while b"\n" in self._commands:
            line, _, self._commands = self._commands.partition(b"\n")
            command = json.loads(line)
            if "talk" in command:
                self._talk(command["talk"])
            else:
                self._hush()
        return bool(read)

    def _talk(self, ends: list[list[list[str | int]]]) -> None:
        self._slots = [[] for _ in range(_SLOTS)]
        for index, (phone, carrier) in enumerate(ends):
            self._slots[index % _SLOTS].append(_Conversation(_address(phone), _address(carrier)))
        self._sent = self._heard = 0
        self._late = 0.0
        self._talking, self._next_at = True, time.monotonic()

    def _hush(self) -> None:
        self._talking = False
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _SILENT_S:
            select.select([self._phones, self._carriers], [], [], _SILENT_S)
            if self._listen():
                quiet_since = time.monotonic()
        print(json.dumps({"sent": self._sent, "heard": self._heard, "late": self._late}), flush=True)

    def _speak(self) -> None:
        """What is due: after a standstill all that was missed, so that what is sent depends on the clock."""
        now = time.monotonic()
        self._late = max(self._late, now - self._next_at)
        while self._next_at <= now:
            for conversation in self._slots[self._next_slot]:
                self._say(conversation)
            self._next_slot = (self._next_slot + 1) % _SLOTS
            self._next_at += _SLOT_S

    def _say(self, conversation: _Conversation) -> None:
        conversation.packets += 1
        packet = wire.speech(conversation.packets)
        for source, target in (
            (self._phones, conversation.phone),
            (self._carriers, conversation.carrier),
        ):
            source.sendto(packet, target)
            self._sent += 1

    def _listen(self) -> int:
        """How many packets came."""
        return self._take(self._phones) + self._take(self._carriers)

    def _take(self, ear: socket.socket) -> int:
        for taken in range(_AT_ONCE):
            try:
                size = ear.recv_into(self._packet)
            except BlockingIOError:
                return taken
            self._heard += self._packet[:size].endswith(wire.SPEECH)
        return _AT_ONCE


def _socket(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, ports.free_port(host, UDP)))
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    return made


def _address(given: list[str | int]) -> Address:
    host, port = given
    return str(host), int(port)


def main() -> int:
    voices = Voices()
    print(json.dumps(voices.addresses), flush=True)
    voices.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
