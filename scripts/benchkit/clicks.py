"""One POST on a Unix socket: how a shop's program asks for a call, whoever takes it."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

from labkit.errors import LabError


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def post(api_socket: Path, path: str, body: dict[str, str]) -> None:
    """Raises LabError for any answer but 201."""
    connection = _UnixConnection(api_socket)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status != http.client.CREATED:
        raise LabError(f"a click was answered {answer.status}: {text}")
