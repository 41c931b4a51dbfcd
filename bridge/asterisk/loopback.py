"""Carriers on this machine: where the calls of a proof go, and no others can."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal

Transport = Literal["udp", "tcp", "tls"]

_ADDRESS: Final = re.compile(r"(?P<host>[0-9.]{7,15}):(?P<port>[0-9]{1,5})", re.ASCII)
_HIGHEST_PORT: Final = 65_535


class NotLoopback(Exception):
    """The address is not one that this machine alone can reach."""


def loopback_carrier(address: str, transport: Transport = "udp") -> str:
    """The SIP URI, with {number} in it, of a carrier at a loopback address such as "127.0.0.1:5080".

    Raises NotLoopback for every other address, and for names, which lead where somebody else says.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or not _is_loopback(found["host"]) or not 0 < int(found["port"]) <= _HIGHEST_PORT:
        raise NotLoopback
    return f"sip:{{number}}@{address}" + ("" if transport == "udp" else f";transport={transport}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
