"""An operator's gateway for texts, well-behaved or not. Whatever it answers, it quotes what it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from receiving import Receiver, serve


class Gateway(Receiver):
    def told_apart_by(self, headers: Mapping[str, str], line: str) -> str:
        return line

    def behave(self, body: bytes, *, first: bool) -> None:
        match self.path:
            case "/twice":
                self._answer(200, body)
                self._answer(500, body)
            case "/garbage":
                self.wfile.write(b"\x00\xff" + body + b"\r\n\r\n")
                self.close_connection = True
            case "/endless":
                self._answer(200, body * 20_000)
            case "/once-500":
                self._answer(500 if first else 200, body)
            case "/once-lost" if first:
                self.close_connection = True
            case "/redirect":
                self._answer(307, body, {"Location": "/elsewhere"})
            case path if path.startswith("/says/"):
                self._answer(200, unquote(path.removeprefix("/says/")).encode())
            case path if path[1:].isdecimal():
                self._answer(int(path[1:]), body)
            case _:
                self._answer(200, body)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status, body.decode("ascii", "replace")[:200])
        quoted = {"Content-Length": str(len(body)), "X-Of": body[:300].decode()}
        for name, value in (quoted | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    serve(Gateway)
