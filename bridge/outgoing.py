"""One request to another machine, bounded in all that its receiver could make long.

It goes to public addresses by https, and to private ones only where config.yaml has them: whoever may name an
address must not reach by it what only this machine reaches, Asterisk's own interfaces, a router, a cloud's
metadata. A redirect is not followed, no proxy is asked. Each address is looked at when its socket is made,
after names were looked up: a name that says something else later changes nothing.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver

from bridge import __version__

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_AGENT: Final = f"call-bridge/{__version__}"

_WAYS_INTO_IPV4: Final = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))
"""NAT64 and 6to4: a public address of theirs may stand for a private one of IPv4."""

_NOT_PUBLIC: Final = tuple(map(ipaddress.ip_network, ("100.64.0.0/10", "192.0.0.0/24", "fec0::/10")))
"""Shared, of protocols, site-local: what Python's `is_global` has not always known."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be connected to. `private`: those besides public ones."""

    private: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> Reach:
        return cls(tuple(map(ipaddress.ip_network, networks)))

    def allows(self, address: str, *, encrypted: bool) -> bool:
        """An address as the socket has it, maybe with IPv6's zone."""
        plain = _plain(ipaddress.ip_address(address.partition("%")[0]))
        if any(plain in network for network in self.private):
            return True
        return encrypted and _is_public(plain)


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as one of IPv6 is that of IPv4."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in (*_WAYS_INTO_IPV4, *_NOT_PUBLIC))
    )


class Lost(StrEnum):
    """Why there is no answer."""

    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"
    """No such name, no connection, no certificate that holds, no HTTP."""
    FORBIDDEN = "forbidden"
    """An address that nothing is sent to."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer came: HTTP's status, and as much of the body as was asked for."""

    status: int
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NotPosted:
    """None came. `may_have_arrived`: the other side may have read the whole request all the same."""

    why: Lost
    may_have_arrived: bool


@dataclass(frozen=True, slots=True)
class Got:
    """An answer came. Names of headers are in small letters; `cut`: the body is longer than may be read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    cut: bool


async def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    reach: Reach,
    *,
    seconds: float,
    resolver: AbstractResolver | None = None,
    most_read: int = 0,
) -> Posted | NotPosted:
    """POST once, over a connection of its own, within so many seconds; raises nothing but CancelledError.

    `resolver` looks names up; by default the machine's own does. Of the answer's body at most `most_read`
    bytes are read, as they come, whatever they are said to be encoded in.
    """
    sent = {"Content-Type": "application/json", **headers}
    came = await _ask("POST", url, sent, body, reach, seconds, resolver, most_read)
    return came if isinstance(came, NotPosted) else Posted(came.status, came.body)


async def get(
    url: str,
    headers: Mapping[str, str],
    reach: Reach,
    *,
    seconds: float,
    most_read: int,
    resolver: AbstractResolver | None = None,
) -> Got | Lost:
    """GET once, as `post` does, and read at most so many bytes of the answer."""
    came = await _ask("GET", url, headers, None, reach, seconds, resolver, most_read + 1)
    if isinstance(came, NotPosted):
        return came.why
    return replace(came, body=came.body[:most_read], cut=len(came.body) > most_read)


async def _ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    reach: Reach,
    seconds: float,
    resolver: AbstractResolver | None,
    most_read: int,
) -> Got | NotPosted:
    door = _Door(reach, encrypted=url.startswith("https:"))
    connector = aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=False, force_close=True, socket_factory=door.socket
    )
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                # Half of it for the connection, so that one who is not there is told from one who is silent.
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=seconds / 2),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            ) as http,
            http.request(
                method, url, data=body, headers={"User-Agent": _AGENT, **headers}, allow_redirects=False
            ) as response,
        ):
            told = {name.lower(): value for name, value in response.headers.items()}
            return Got(response.status, told, await _begin_of(response.content, most_read), cut=False)
    # The texts of all these quote what a stranger has sent.
    except aiohttp.ConnectionTimeoutError:
        return NotPosted(Lost.TIMED_OUT, may_have_arrived=False)
    except TimeoutError:
        return NotPosted(Lost.TIMED_OUT, may_have_arrived=door.was_opened)
    except aiohttp.ClientConnectorError:
        why = Lost.FORBIDDEN if door.was_shut else Lost.UNREACHABLE
        return NotPosted(why, may_have_arrived=False)
    except (aiohttp.ClientError, OSError, ValueError, RuntimeError):
        # ValueError and RuntimeError are what aiohttp and uvloop say of a host that is no name, and of a
        # socket that is no more.
        why = Lost.FORBIDDEN if door.was_shut else Lost.UNREACHABLE
        return NotPosted(why, may_have_arrived=door.was_opened)


async def _begin_of(content: aiohttp.StreamReader, most: int) -> bytes:
    read = bytearray()
    while len(read) < most and (part := await content.read(most - len(read))):
        read += part
    return bytes(read)


class _Door:
    """Makes the sockets of one attempt, for allowed addresses alone."""

    def __init__(self, reach: Reach, *, encrypted: bool) -> None:
        self.was_shut = False
        self.was_opened = False
        self._reach = reach
        self._encrypted = encrypted

    def socket(self, address: tuple[Any, ...]) -> socket.socket:
        """What aiohttp connects to exactly this address (`socket_factory`)."""
        family, kind, protocol, _, (host, *_rest) = address
        if not self._reach.allows(str(host), encrypted=self._encrypted):
            self.was_shut = True
            raise OSError(errno.EACCES, "nothing is sent to this address")
        self.was_opened = True
        return socket.socket(family, kind, protocol)
