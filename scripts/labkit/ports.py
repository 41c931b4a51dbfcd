"""Free ports, found by binding them, at random so that labs side by side do not meet."""

import random
import socket
from collections.abc import Iterable

from labkit.errors import LabError

# Below the range from which Linux takes the ports of outgoing connections (32768 and up).
LOWEST, HIGHEST = 10000, 32000
ATTEMPTS = 200


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


def free_port(host: str, *kinds: socket.SocketKind) -> int:
    """A port free for all the kinds at once. Raises LabError when none is found."""
    return free_range(host, 1, *kinds)


def free_range(host: str, count: int, *kinds: socket.SocketKind) -> int:
    """The first of `count` neighbouring free ports, an even one as RTP wants (RFC 3550, section 11)."""
    for _ in range(ATTEMPTS):
        first = random.randrange(LOWEST, HIGHEST - count, 2)
        if all(is_free(host, port, kinds) for port in range(first, first + count)):
            return first
    raise LabError(f"found no {count} free ports on {host} between {LOWEST} and {HIGHEST}")
