"""The desk's API as anybody might use it, on the daemon's socket: any method, path, token and body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

_HOST = "http://call-bridge"  # HTTP wants one; the socket is what is spoken to
_TIMEOUT = aiohttp.ClientTimeout(total=30)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """The body, read as JSON; None where there is none."""
        return json.loads(self.body) if self.body else None

    @property
    def reason(self) -> str | None:
        """The stable word of a problem; None in an answer that is none."""
        return self.said.get("reason") if self.status >= 400 and self.body else None

    @property
    def bytes_on_the_wire(self) -> bytes:
        """All that was said, headers too, for searches."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return head.encode() + b"\r\n" + self.body


class DeskApi:
    """Use it as an async context manager. Refusals are answers, too."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def __aenter__(self) -> Self:
        # One for each request: the daemon closes what is idle, perhaps just when it is used again.
        connector = aiohttp.UnixConnector(str(self._socket), limit=0, force_close=True)
        self.http = aiohttp.ClientSession(_HOST, connector=connector, timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`path` with its query; `body` is sent as JSON where there is one."""
        sent = {**bearer(token), **(headers or {})}
        async with self.http.request(method, path, json=body, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}
