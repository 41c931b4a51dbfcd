"""A program that webhooks tell, well-behaved or not. `/once-500` answers 500 to the first of each id."""

from __future__ import annotations

from collections.abc import Mapping

from receiving import Receiver, serve

MEGABYTE = 1_000_000


class Program(Receiver):
    def told_apart_by(self, headers: Mapping[str, str], line: str) -> str:
        return headers["webhook-id"]

    def behave(self, body: bytes, *, first: bool) -> None:
        match self.path:
            case "/redirect":
                self._answer(307, {"Location": "/ok"})
            case "/big":
                self._answer(200, {}, b"x" * MEGABYTE)
            case "/endless-headers":
                self._answer(200, {f"X-{number}": "x" * 1000 for number in range(1000)})
            case "/once-500":
                self._answer(500 if first else 204, {})
            case path if path[1:].isdecimal():
                self._answer(int(path[1:]), {})
            case _:
                self._answer(204, {})

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    serve(Program)
