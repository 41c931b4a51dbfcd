"""The API on a Unix socket, in the daemon's own loop."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from bridge.switchboard.tasks import Tasks


class SocketInUse(Exception):
    """Another daemon answers on the socket."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serve_on_socket(app: FastAPI, path: Path, tasks: Tasks) -> AsyncIterator[None]:
    """Serve `app` on a Unix socket that only the daemon's user and group may use.

    Raises SocketInUse, and OSError where the socket can't be made.
    """
    listener = _listen(path)
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    tasks.start(server.serve(sockets=[listener]), name="api")
    try:
        yield
    finally:
        server.should_exit = True
        _remove(path)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    _remove_stale(path)
    old_mask = os.umask(0o117)  # made with mode 0660: there is no moment in which it is open to others
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(old_mask)
    listener.listen()
    listener.setblocking(False)
    return listener


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _remove_stale(path: Path) -> None:
    """Take the socket of a daemon that died out of the way; leave that of a living one alone."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise SocketInUse(f"another daemon answers on {path}")
