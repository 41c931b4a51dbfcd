"""As much of FastAGI as answers in variables need: one request in, a few commands out, one answer to each.

Written out here, and not taken from panoramisk: its `fast_agi` reads until an empty line comes, however much
and however slowly, and spins for ever, with the whole event loop, on a client that hangs up before; it logs
what Asterisk says of the caller, and has no limit of connections. All calls of the daemon live in that loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LONGEST_LINE: Final = 2048
"""In bytes: the limit of the stream reader. Asterisk's own lines are shorter."""

_MOST_LINES: Final = 60
"""Asterisk sends some twenty about the channel, and one for each argument."""

_MOST_ARGUMENTS: Final = 8
_MOST_ANSWERS: Final = 20
"""Lines after one command: HANGUP, trying, and the help that follows an error."""

_ARGUMENT: Final = re.compile(r"agi_arg_([1-8])", re.ASCII)
_ANSWER: Final = re.compile(r"(\d{3})([ -])(?:result=(-?\d+))?", re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]*", re.ASCII)
"""What means to MSet() what it says."""

_HANGUP: Final = "HANGUP"
_TRYING: Final = "100"
_DONE: Final = "200"


class NotARequest(Exception):
    """What came is no request of Asterisk's."""


class NotObeyed(Exception):
    """Asterisk did not do what it was told: the channel is gone, or the client is no Asterisk."""


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What a dialplan asks: AGI(agi://HOST/`script`,`arguments`...), on this channel.

    Asterisk tells much more, caller ID included. None of that is kept.
    """

    script: str
    channel_name: str
    channel_id: str
    arguments: tuple[str, ...]

    def argument(self, place: int) -> str:
        """The argument at this place, from 0; empty where there is none."""
        return self.arguments[place] if place < len(self.arguments) else ""


class Conversation:
    """One connection, from the request to the last answer. How long any of it may take is not its affair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def request(self) -> Request:
        """Raises NotARequest."""
        said: dict[str, str] = {}
        for _ in range(_MOST_LINES):
            line = await self._line()
            if line == "":
                return _request(said)
            name, separator, value = line.partition(": ")
            if not separator and not line.endswith(":"):
                raise NotARequest
            if name in _WANTED or _ARGUMENT.fullmatch(name):
                said[name] = value
        raise NotARequest

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        """Those of plain words by one command, the others by one each. Raises NotObeyed.

        Asterisk reads no command before it has answered the last, and every journey there and back counts: a
        phone waits. Two at once would be worse: it does not look for the second before more comes.
        """
        others = {name: value for name, value in variables.items() if not _PLAIN.fullmatch(value)}
        plain = [f"{name}={value}" for name, value in variables.items() if name not in others]
        if plain:
            await self._command(f"EXEC MSet {_quoted(','.join(plain))}")
        for name, value in others.items():
            await self._command(f"SET VARIABLE {name} {_quoted(value)}")

    async def go_to(self, context: str, extension: str) -> None:
        """Let the dialplan go on there once this is over. Raises NotObeyed."""
        await self._command(f"SET CONTEXT {context}")
        await self._command(f"SET EXTENSION {extension}")
        await self._command("SET PRIORITY 1")

    async def _command(self, command: str) -> None:
        self._writer.write(f"{command}\n".encode())
        await self._writer.drain()
        for _ in range(_MOST_ANSWERS):
            line = await self._answer_line()
            if line.startswith(_HANGUP):
                continue
            answer = _ANSWER.match(line)
            if answer is None or answer[1] not in {_TRYING, _DONE}:
                raise NotObeyed
            if answer[1] == _DONE:
                if answer[3] in {None, "-1", "-2"}:
                    raise NotObeyed
                return
        raise NotObeyed

    async def _answer_line(self) -> str:
        try:
            return await self._line()
        except NotARequest:
            raise NotObeyed from None

    async def _line(self) -> str:
        """Without its end. Raises NotARequest for one that is too long, or cut off."""
        try:
            line = await self._reader.readuntil(b"\n")
        except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            raise NotARequest from None
        return line.decode("utf-8", "replace").rstrip("\r\n")


_WANTED: Final = frozenset({"agi_network_script", "agi_channel", "agi_uniqueid"})


def _request(said: Mapping[str, str]) -> Request:
    if not said.keys() >= _WANTED:
        raise NotARequest
    arguments = [said.get(f"agi_arg_{place}", "") for place in range(1, _MOST_ARGUMENTS + 1)]
    while arguments and not arguments[-1]:
        del arguments[-1]
    return Request(said["agi_network_script"], said["agi_channel"], said["agi_uniqueid"], tuple(arguments))


def _quoted(value: str) -> str:
    """As Asterisk reads it back. Values are our own words; one that could be two commands is a fault."""
    if not value.isprintable():
        raise ValueError("A variable's value must stand on one line.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
