"""What servers in processes of their own have in common: `python SERVER.py PORT FILE`.

What they are sent is in FILE, a JSON line each. How they behave is told by the path that is asked for.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_seen: set[str] = set()
_writing = threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        line = json.dumps({"path": self.path, "headers": headers, "body": body.decode()})
        with _writing, Path(sys.argv[2]).open("a", encoding="utf-8") as file:
            told = self.told_apart_by(headers, line)
            first = told not in _seen
            _seen.add(told)
            file.write(f"{line}\n")
        match self.path:
            case "/hang":
                time.sleep(60)
            case "/close":
                self.close_connection = True
            case _:
                self.behave(body, first=first)

    def told_apart_by(self, headers: Mapping[str, str], line: str) -> str:
        """What is the same in something that is sent twice."""
        raise NotImplementedError

    def behave(self, body: bytes, *, first: bool) -> None:
        """`first`: it has not been sent before."""
        raise NotImplementedError

    def log_message(self, *_: Any) -> None:
        """Nothing is told."""


def serve(receiver: type[Receiver]) -> None:
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), receiver).serve_forever()
