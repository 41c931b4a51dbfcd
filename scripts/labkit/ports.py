"""Free ports, found by binding them, at random so that labs side by side do not meet.

A lab's ports are not bound all the time: a daemon is started anew, and sound's are bound by a call.
Who runs many labs at once gives each process ports of its own, by CALL_BRIDGE_PORTS in its environment:
"10000-12000", the second one not included. Within a process, ports given lately are not given again while
there are others.
"""

import os
import random
import socket
from collections import deque
from collections.abc import Iterable

from labkit.errors import LabError

# Below the range from which Linux takes the ports of outgoing connections (32768 and up).
LOWEST, HIGHEST = 10000, 32000
VARIABLE = "CALL_BRIDGE_PORTS"
ATTEMPTS = 200

_given_lately: deque[range] = deque(maxlen=100)


def is_free(host: str, port: int, kinds: Iterable[socket.SocketKind]) -> bool:
    """Whether this IPv4 port could be bound just now, for each of the kinds (SOCK_DGRAM is UDP)."""
    return all(_binds(host, port, kind) for kind in kinds)


def _binds(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as candidate:
        if kind == socket.SOCK_STREAM:
            # As servers do: connections that just ended must not make the port look taken.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((host, port))
        except OSError:
            return False
    return True


def share(number: int, of: int) -> str:
    """What VARIABLE says to the process with this number, from 0, of so many."""
    each = (HIGHEST - LOWEST) // of // 2 * 2  # an even port begins each
    return f"{LOWEST + number * each}-{LOWEST + (number + 1) * each}"


def free_port(host: str, *kinds: socket.SocketKind) -> int:
    """A port free for all the kinds at once. Raises LabError when none is found."""
    return free_range(host, 1, *kinds)


def free_range(host: str, count: int, *kinds: socket.SocketKind) -> int:
    """The first of `count` neighbouring free ports, an even one as RTP wants (RFC 3550, section 11)."""
    lowest, highest = _bounds()
    for avoided in (tuple(_given_lately), ()):
        for _ in range(ATTEMPTS if count <= highest - lowest else 0):
            first = random.randrange(lowest, highest - count + 1, 2)
            wanted = range(first, first + count)
            if any(_meet(wanted, given) for given in avoided):
                continue
            if all(is_free(host, port, kinds) for port in wanted):
                _given_lately.append(wanted)
                return first
    raise LabError(f"found no {count} free ports on {host} from {lowest} to {highest - 1}")


def _bounds() -> tuple[int, int]:
    lowest, _, highest = os.environ.get(VARIABLE, f"{LOWEST}-{HIGHEST}").partition("-")
    return int(lowest), int(highest)


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
