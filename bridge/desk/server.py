"""The desk on its address, until it is told to end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Final

import uvicorn

from bridge.desk.app import make_app
from bridge.desk.settings import DeskSettings

_MOST_CONNECTIONS: Final = 2000
"""More are answered 503: 200 desks with a stream each, and what else they ask for, with room to spare."""

_MOST_WAITING: Final = 256
"""Connections that are not accepted yet: all desks come back at once after a restart."""

_SECONDS_TO_END: Final = 2
"""Streams of events never end by themselves."""


class AddressUnusable(Exception):
    """The desk can't listen where it is to; the message says why."""


def server(settings: DeskSettings) -> uvicorn.Server:
    """The desk's HTTP server. Raises OSError where the certificate or its key can't be read."""
    config = uvicorn.Config(
        make_app(settings),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
        log_config=None,
        access_log=False,  # addresses of pages have order codes in them
        server_header=False,
        lifespan="on",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
        # Without a certificate there is a proxy on this machine, which says for whom it asks.
        proxy_headers=settings.certificate is None,
        forwarded_allow_ips="127.0.0.1,::1",
    )
    if not config.loaded:
        config.load()
    return uvicorn.Server(config)


def run(settings: DeskSettings) -> None:
    """Serve until SIGTERM or SIGINT, which end the process with exit code 0.

    Raises AddressUnusable, and OSError where the certificate or its key can't be read.
    """
    desk = server(settings)
    for each in (signal.SIGTERM, signal.SIGINT):
        # Before uvicorn takes them over, and once more when it has ended and raises them again.
        signal.signal(each, lambda *_: sys.exit(0))
    with _listening(settings) as listener:
        desk.run(sockets=[listener])


def _listening(settings: DeskSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_MOST_WAITING)
    except OSError as error:
        raise AddressUnusable(os.strerror(error.errno or 0)) from None
