"""A client that speaks FastAGI as Asterisk does, or as somebody does who means harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHANNEL = "PJSIP/101-0000002a"
CHANNEL_ID = "1732.7"


def request(script: str, *arguments: str, channel: str = CHANNEL, channel_id: str = CHANNEL_ID) -> bytes:
    """What Asterisk sends for AGI(agi://HOST/script,arguments), the caller's number included."""
    lines = [
        "agi_network: yes",
        f"agi_network_script: {script}",
        f"agi_request: agi://127.0.0.1/{script}",
        f"agi_channel: {channel}",
        "agi_language: en",
        "agi_type: PJSIP",
        f"agi_uniqueid: {channel_id}",
        "agi_callerid: +447700900123",
        "agi_enhanced: 0.0",
        "agi_accountcode: ",
        *(f"agi_arg_{place}: {argument}" for place, argument in enumerate(arguments, start=1)),
    ]
    return "\n".join([*lines, "", ""]).encode()


@dataclass
class Told:
    """What the dialplan was told."""

    commands: list[str] = field(default_factory=list)


async def ask(port: int, data: bytes, *, answers: Sequence[str] = ()) -> Told:
    """Ask, and obey each command, `answers` first; until the other side has nothing more to say."""
    told, first = Told(), iter(answers)
    async with connection(port) as (reader, writer):
        writer.write(data)
        while line := await reader.readline():
            told.commands.append(line.decode().rstrip("\n"))
            writer.write((next(first, "200 result=1") + "\n").encode())
    return told


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_closed(reader: asyncio.StreamReader, *, within: float = 5.0) -> bool:
    """Whether the other side ends the connection, without a word."""
    async with asyncio.timeout(within):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True
