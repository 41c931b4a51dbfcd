"""ARI and nothing else: two blocking sockets, in one thread that does one thing after the other.

What it needs for a call is what any program needs that dials by ARI and keeps a carrier's redirection and
early sound from the manager: create, dial, answer, a bridge with both. So this is ARI's own price.
"""

from __future__ import annotations

import base64
import json
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from benchkit.contenders.bare import APP
from benchkit.programs import numbers
from benchkit.settings import HOST, Settings

_KEEP_ALIVE_S = 10.0
"""Asterisk closes a connection on which nothing was asked for 15 s."""

_EVENTS = ("StasisStart", "StasisEnd", "ChannelStateChange")
_PING, _TEXT = 9, 1
_LENGTH_IN_TWO_BYTES, _LENGTH_IN_EIGHT_BYTES = 126, 127


class Ari:
    """Commands on one connection, events on another."""

    def __init__(self, settings: Settings) -> None:
        login = base64.b64encode(f"{settings.ari_user}:{settings.ari_password}".encode()).decode()
        self._headers = f"HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Basic {login}\r\n"
        self._port = settings.ari_port
        self._events = _connect(self._port)
        self._asked_at = 0.0
        self._reconnect()

    def ask(self, method: str, path: str, **body: Any) -> int:
        """Returns the status."""
        if time.monotonic() - self._asked_at > _KEEP_ALIVE_S:
            self._reconnect()
        self._asked_at = time.monotonic()
        content = json.dumps(body).encode()
        head = f"{method} /ari/{path} {self._headers}Content-Type: application/json\r\n"
        self._commands.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        status, length = _read_head(self._answers)
        self._answers.read(length)
        return status

    def events(self) -> Iterator[dict[str, Any]]:
        """Events as they come (RFC 6455; Asterisk's frames are neither masked nor in parts)."""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        self._events.sendall(
            f"GET /ari/events?app={APP} {self._headers}{upgrade}Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        frames = self._events.makefile("rb")
        _read_head(frames)
        self.ask("PUT", f"applications/{APP}/eventFilter", allowed=[{"type": each} for each in _EVENTS])
        while True:
            kind, content = _read_frame(frames)
            if kind == _TEXT:
                yield json.loads(content)
            elif kind == _PING:
                self._events.sendall(b"\x8a\x80" + bytes(4))

    def _reconnect(self) -> None:
        self._commands = _connect(self._port)
        self._answers = self._commands.makefile("rb")
        self._asked_at = time.monotonic()


def _connect(port: int) -> socket.socket:
    made = socket.create_connection((HOST, port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _read_head(stream: BinaryIO) -> tuple[int, int]:
    """The status, and the length of what follows."""
    status, length = int(stream.readline().split()[1]), 0
    while (line := stream.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return status, length


def _read_frame(stream: BinaryIO) -> tuple[int, bytes]:
    first, length = stream.read(2)
    if length == _LENGTH_IN_TWO_BYTES:
        length = int.from_bytes(stream.read(2))
    elif length == _LENGTH_IN_EIGHT_BYTES:
        length = int.from_bytes(stream.read(8))
    return first & 0xF, stream.read(length)


def serve(settings: Settings) -> None:
    ari = Ari(settings)
    managers: dict[str, str] = {}
    """By the id of the customer's channel."""
    with closing(numbers.connect(settings.numbers)) as known:
        for event in ari.events():
            channel = event["channel"]["id"]
            match event["type"]:
                case "StasisStart" if event["args"] == ["leg"]:
                    ari.ask("POST", f"channels/{channel}/dial", timeout=45)
                case "StasisStart":
                    managers[f"{channel}-customer"] = channel
                    ari.ask(
                        "POST",
                        "channels/create",
                        endpoint=f"PJSIP/{numbers.look_up(known, event['args'][0])}@trunk",
                        app=APP,
                        appArgs="leg",
                        channelId=f"{channel}-customer",
                    )
                case "ChannelStateChange" if event["channel"]["state"] == "Up" and channel in managers:
                    ari.ask("POST", f"channels/{managers[channel]}/answer")
                    ari.ask("POST", "bridges", type="mixing,proxy_media", bridgeId=f"{channel}-bridge")
                    both = [channel, managers[channel]]
                    ari.ask("POST", f"bridges/{channel}-bridge/addChannel", channel=both)
                case "StasisEnd" if f"{channel}-customer" in managers:
                    customer = f"{channel}-customer"
                    del managers[customer]
                    ari.ask("DELETE", f"channels/{customer}")
                    ari.ask("DELETE", f"bridges/{customer}-bridge")


if __name__ == "__main__":
    serve(Settings.load(Path(sys.argv[1])))
