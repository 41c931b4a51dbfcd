"""Waiting for a process to be ready, on conditions and never on time alone."""

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path

from labkit.errors import LabError
from labkit.processes import Process, last_lines

POLL_S = 0.05


def wait_until_ready(
    name: str, process: Process, is_ready: Callable[[], bool], log: Path, *, timeout_s: float = 60.0
) -> None:
    """Return when `is_ready` says so. Raises LabError with the log's end when it never does."""
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        if not process.alive:
            raise LabError(f"{name} ended while starting; it said:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            raise LabError(f"{name} was not ready after {timeout_s:.0f} s; it said:\n{last_lines(log)}")
        time.sleep(POLL_S)


def answers_ok(api_socket: Path, path: str) -> bool:
    """Whether the daemon answers GET `path` on its Unix socket with 200."""
    try:
        get(api_socket, path)
    except (OSError, http.client.HTTPException):
        return False
    return True


def serves_ok(host: str, port: int, path: str) -> bool:
    """Whether GET `path` is answered over TCP with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def get(api_socket: Path, path: str) -> str:
    """The daemon's answer to GET `path`. Raises HTTPException for another status than 200, and OSError."""
    connection = _UnixConnection(api_socket)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != 200:
            raise http.client.HTTPException(f"{path}: {response.status}")
        return response.read().decode()
    finally:
        connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
