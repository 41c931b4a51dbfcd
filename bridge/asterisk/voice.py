"""Reading a number to a customer, by sound that we send ourselves.

Played by Asterisk, each digit would be a recording by name, `digits/5`: in the request, in an event for
whoever listens, and on the console. So the digits' recordings are our own, they become one piece of sound in
memory, and that goes to Asterisk as RTP over loopback: to it the number is a sound like any other.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bridge.asterisk.ari import AriClient, AriError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LANGUAGES: Final = ("en", "ru")

_LOOPBACK: Final = "127.0.0.1"
_FORMAT: Final = "ulaw"
_PCMU: Final = 0  # RFC 3551, table 4
_SAMPLES: Final = 160  # 20 ms
_PACKET_SECONDS: Final = 0.02
_SILENCE: Final = b"\xff"

_LEAD_SECONDS: Final = 0.3
"""Of silence before: until Asterisk has learnt where the sound comes from, and mixes it."""
_TAIL_SECONDS: Final = 0.4
_SECONDS_TO_ENTER: Final = 2.0

PAUSE: Final = _SILENCE * 800
"""Between two digits: a tenth of a second, and what the recordings have themselves."""


@cache
def digits_in(language: str) -> tuple[bytes, ...]:
    """The recordings of the digits from 0 to 9; in English where we have none in this language."""
    folder = files("bridge.asterisk") / "digits" / (language if language in LANGUAGES else "en")
    return tuple((folder / f"{digit}.ulaw").read_bytes() for digit in range(10))


async def speak(
    client: AriClient, bridge_id: str, channel_id: str, sound: bytes, entered: asyncio.Event
) -> None:
    """Send `sound` into a bridge by a channel of its own, that ends with it.

    Raises AriError, and TimeoutError where the channel does not come to be.
    """
    async with _socket() as transport:
        address = f"{_LOOPBACK}:{transport.get_extra_info('sockname')[1]}"
        channel = await client.channels.external_media(
            app=client.app, external_host=address, format=_FORMAT, channel_id=channel_id
        )
        try:
            async with asyncio.timeout(_SECONDS_TO_ENTER):
                await entered.wait()
            port = int(await channel.get_variable("UNICASTRTP_LOCAL_PORT"))
            await client.bridges.handle(bridge_id).add_channel(channel_id)
            await _send(transport, (_LOOPBACK, port), sound)
        finally:
            with suppress(AriError):
                await channel.hangup(reason="normal")


@asynccontextmanager
async def _socket() -> AsyncIterator[asyncio.DatagramTransport]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(_LOOPBACK, 0))
    try:
        yield transport
    finally:
        transport.close()


async def _send(transport: asyncio.DatagramTransport, to: tuple[str, int], sound: bytes) -> None:
    """In whole steps of 20 ms against the start, or lateness would add up."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for count, packet in enumerate(packets(sound)):
        transport.sendto(packet, to)
        await asyncio.sleep(max(0.0, began + (count + 1) * _PACKET_SECONDS - loop.time()))


def packets(sound: bytes) -> Iterator[bytes]:
    """The sound as RTP (RFC 3550, section 5.1), between two silences."""
    lead, tail = (_SILENCE * round(8000 * seconds) for seconds in (_LEAD_SECONDS, _TAIL_SECONDS))
    whole = lead + sound + tail
    for count, at in enumerate(range(0, len(whole), _SAMPLES)):
        header = struct.pack("!BBHII", 0x80, _PCMU, count, at, 1)
        yield header + whole[at : at + _SAMPLES].ljust(_SAMPLES, _SILENCE)
