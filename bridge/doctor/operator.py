"""Whether the operator of text messages can be reached as the daemon reaches it. Nothing is sent there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from bridge.doctor.model import OperatorState
from bridge.outgoing import Reach

_SECONDS: Final = 5.0


async def ask_operator(url: str, private_networks: Iterable[str]) -> OperatorState:
    """Look its name up and connect to the first address that is allowed; by https its certificate counts."""
    parts = urlsplit(url)
    host, encrypted = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if encrypted else 80)
    try:
        addresses = await _look_up(host, port)
    except (OSError, TimeoutError):
        return OperatorState(known=False)
    reach = Reach.of(private_networks)
    allowed = [each for each in addresses if reach.allows(each, encrypted=encrypted)]
    if not allowed:
        return OperatorState(allowed=False)
    return OperatorState(trouble=await _trouble_with(allowed[0], port, host if encrypted else None))


async def _look_up(host: str, port: int) -> list[str]:
    async with asyncio.timeout(_SECONDS):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def _trouble_with(address: str, port: int, encrypted_as: str | None) -> str | None:
    """Why there is no connection. Exceptions' texts may quote what a stranger has sent: they are not told."""
    context = None if encrypted_as is None else ssl.create_default_context()
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(
                address, port, ssl=context, server_hostname=encrypted_as
            )
    except ssl.SSLCertVerificationError:
        return "its certificate does not hold"
    except ssl.SSLError:
        return "it does not speak TLS"
    except TimeoutError:
        return f"no answer within {_SECONDS:.0f} s"
    except OSError as error:
        return type(error).__name__
    writer.transport.abort()
    return None
