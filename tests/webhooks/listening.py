"""The other side of what call-bridge sends: a server that is started in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.plan import TCP
from labkit.ports import free_port


@dataclass(frozen=True)
class Kept:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def told(self) -> Any:
        return json.loads(self.body)


class Listener:
    """`server` is one of `receiving`'s, and keeps in `file` what it is sent."""

    def __init__(self, server: Path, file: Path) -> None:
        self.port = free_port("127.0.0.1", TCP)
        self._server = server
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def lines(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]

    async def start(self) -> None:
        self._launch()

        async def listens() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
            return False

        await until(listens)

    def _launch(self) -> None:
        arguments = [sys.executable, str(self._server), str(self.port), str(self._file)]
        where_receiving_is = {"PYTHONPATH": str(Path(__file__).parent)}
        self._process = subprocess.Popen(arguments, env=os.environ | where_receiving_is)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.01)
