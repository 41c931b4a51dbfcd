"""The APIs on their sockets, in the daemon's own loop."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI

from bridge.switchboard.tasks import Tasks

_MOST_CONNECTIONS: Final = 100
"""More are answered 503: whoever holds connections open must not use up the descriptors that calls need."""

MOST_OF_PROGRAMS: Final = 300
"""The same for integrators' programs, whose API refuses by itself what is too much: these may be idle."""

MOST_OF_THE_DESK: Final = 400
"""The same for the desk: 200 open pages that each hold a stream of events, and what they ask besides."""


_MS_WITHOUT_READING: Final = 20_000


class SocketInUse(Exception):
    """Another daemon answers on the socket."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the daemon has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serve_on_socket(
    app: FastAPI, path: Path, tasks: Tasks, *, name: str = "api", most_connections: int = _MOST_CONNECTIONS
) -> AsyncIterator[None]:
    """Serve `app` on a Unix socket that only the daemon's user and the socket's group may use.

    The group is the daemon's own, or that of the socket's folder where it has the set-group-ID bit
    (inode(7)). Raises SocketInUse, and OSError where the socket can't be made.
    """
    listener = _listen(path)
    with _serving(app, listener, tasks, name, most_connections):
        try:
            yield
        finally:
            _remove(path)


@asynccontextmanager
async def serve_on_address(
    app: FastAPI, address: tuple[str, int], tasks: Tasks, *, name: str
) -> AsyncIterator[None]:
    """Serve `app` on TCP. A proxy on this machine says for whom it asks. Raises OSError, OverflowError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.create_server(address, family=family)
    # Each connection inherits it: who reads nothing for so long is cut off by the kernel (tcp(7)).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _MS_WITHOUT_READING)
    listener.setblocking(False)
    with _serving(app, listener, tasks, name, MOST_OF_PROGRAMS):
        yield


@contextlib.contextmanager
def _serving(
    app: FastAPI, listener: socket.socket, tasks: Tasks, name: str, most_connections: int
) -> Generator[None, None, None]:
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            limit_concurrency=most_connections,
            timeout_graceful_shutdown=1,
            forwarded_allow_ips="127.0.0.1,::1",
        )
    )
    tasks.start(_serve_until_told(server, listener), name=name)
    try:
        yield
    finally:
        server.should_exit = True


async def _serve_until_told(server: _Server, listener: socket.socket) -> None:
    """A server that is told to end before it has begun would leave its socket open."""
    with listener:
        await server.serve(sockets=[listener])


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    _remove_stale(path)
    old_mask = os.umask(0o117)  # made with mode 0660: there is no moment in which it is open to others
    try:
        listener.bind(os.fspath(path))
    except OSError as error:
        listener.close()
        # Python's own names no path, and has no number where the path is longer than a socket's may be.
        raise OSError(error.errno or errno.EINVAL, error.strerror or str(error), os.fspath(path)) from None
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
