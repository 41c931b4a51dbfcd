"""What the desk's process is told at its start. None of it is a secret."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """`socket` is the daemon's api.desk_socket. `origin` is the desk as browsers write it in the header
    Origin (RFC 6454, 7). `timezone` is the shop's, in which pages tell times; `language`, a key of
    bridge.desk.language.LOCALES, is for browsers that ask for none of them. `certificate` and `key` are
    PEM files; None where a proxy has the TLS. `websocket` is where a phone in the page reaches Asterisk.
    """

    socket: Path
    origin: str
    timezone: ZoneInfo
    language: str
    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    websocket: str | None = None

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach the desk over TLS."""
        return self.origin.startswith("https:")
