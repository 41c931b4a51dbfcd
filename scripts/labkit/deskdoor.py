"""A way into a lab's desk without a password: links that are good for as long as the lab is up.

A shop has no such door: it is a server of the lab's own, on loopback, that signs in as one whose password
the lab has made, and hands the session to the browser. Browsers keep cookies by host and not by port
(RFC 6265, 8.5), so the desk, at the same address, gets it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bridge.desk import cookies

HOST = "127.0.0.1"

SignsIn = Callable[[], str]
"""Begins a session and gives its token."""


@contextmanager
def open_door(desk_url: str, people: Mapping[str, SignsIn]) -> Iterator[dict[str, str]]:
    """A link for each of `people`, by the same names: whoever opens it is at the desk, signed in."""
    paths = {name: f"/{secrets.token_urlsafe(12)}" for name in people}
    ways = {paths[name]: signs_in for name, signs_in in people.items()}

    class Handler(_Handler):
        def do_GET(self) -> None:
            self.answer(desk_url, ways.get(self.path))

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        port = server.server_address[1]
        threading.Thread(target=server.serve_forever, name="door of the desk", daemon=True).start()
        try:
            yield {name: f"http://{HOST}:{port}{path}" for name, path in paths.items()}
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    def answer(self, desk_url: str, signs_in: SignsIn | None) -> None:
        if signs_in is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        session = signs_in()
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", f"{desk_url}/")
        self.send_header(
            "Set-Cookie", f"{cookies.SESSION}={session}; Path=/; Secure; HttpOnly; SameSite=Strict"
        )
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nowhere: its lines would hold the links."""
