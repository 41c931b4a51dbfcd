"""The crowd's sound hears what is amiss: shown by an exchange in Asterisk's place that does it on purpose."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from labkit.crowd.sound import Heard, Side, Sound

HOST = "127.0.0.1"
PACKETS_A_SECOND = 50
SECONDS = 0.6

Treatment = Callable[[int, int], int | None]
"""From a call and the number of its packets so far: whose listener gets this one, or None for nobody."""


class Exchange:
    """Hands packets on between the ends of calls, as a `Treatment` of those to customers says."""

    def __init__(self, sound: Sound, calls: int, stack: ExitStack) -> None:
        self._sound = sound
        self._ports = {
            (side, call): stack.enter_context(self._port(side, call))
            for call in range(calls)
            for side in Side
        }

    def _port(self, side: Side, call: int) -> socket.socket:
        port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port.bind((HOST, 0))
        self._sound.talk(side, call, port.getsockname())
        return port

    def run(self, treat: Treatment, seconds: float = SECONDS) -> None:
        by_handle = {port.fileno(): key for key, port in self._ports.items()}
        seen = dict.fromkeys(self._ports, 0)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for handle in select.select(list(by_handle), [], [], left)[0]:
                side, call = by_handle[handle]
                data = self._ports[side, call].recv(2048)
                seen[side, call] += 1
                listener = treat(call, seen[side, call]) if side is Side.MANAGER else call
                if listener is not None:
                    port = self._sound.port(side.other, listener)
                    self._ports[side.other, listener].sendto(data, (HOST, port))


def faithful(call: int, number: int) -> int | None:
    return call


@pytest.fixture
def exchange() -> Iterator[tuple[Sound, Exchange]]:
    with ExitStack() as stack:
        hosts = dict.fromkeys(Side, HOST)
        sound = stack.enter_context(Sound(hosts, calls=2, packets_a_second=PACKETS_A_SECOND))
        yield sound, Exchange(sound, 2, stack)


def heard(made: tuple[Sound, Exchange], treat: Treatment) -> Heard:
    """After a beginning without fault."""
    sound, exchange = made
    exchange.run(faithful)
    sound.hear()
    exchange.run(treat)
    return sound.hear()


def test_nothing_amiss_is_heard_where_nothing_is(exchange: tuple[Sound, Exchange]) -> None:
    found = heard(exchange, faithful)
    assert found.packets > PACKETS_A_SECOND
    assert (found.missing, found.foreign, found.silent) == (0, 0, 0)
    assert 0 < found.transit[0] <= found.transit[1] <= found.transit[2]


def test_a_lost_packet_is_missed(exchange: tuple[Sound, Exchange]) -> None:
    found = heard(exchange, lambda call, number: None if (call, number) == (0, 10) else call)
    assert found.missing == 1


def test_a_packet_at_the_wrong_ear_is_known_for_one(exchange: tuple[Sound, Exchange]) -> None:
    found = heard(exchange, lambda call, number: 1 if (call, number) == (0, 10) else call)
    assert found.foreign == 1


def test_a_packet_that_comes_late_was_waited_for(exchange: tuple[Sound, Exchange]) -> None:
    def late(call: int, number: int) -> int | None:
        if (call, number) == (0, 10):
            time.sleep(0.2)
        return call

    assert heard(exchange, late).longest_wait >= 150


def test_an_end_that_hears_no_more_is_silent(exchange: tuple[Sound, Exchange]) -> None:
    sound, other = exchange
    other.run(faithful)
    assert sound.hear().silent == 0
    other.run(lambda call, number: None if call == 0 else call, seconds=1.5)
    assert sound.hear().silent == 1
