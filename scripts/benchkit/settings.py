"""What the bench's own processes have to know, handed to them in a file that only its owner can read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from labkit.pbxfiles import write_private

HOST = "127.0.0.1"
AMI_USER = "bench"


@dataclass(frozen=True)
class Settings:
    """Ports are on loopback. `numbers` is a plain SQLite table of codes and numbers."""

    numbers: Path
    curl_port: int
    fastagi_port: int
    token_agi: str
    """Where call-bridge gives tokens."""
    sip_port: int
    """Asterisk's."""
    ami_port: int
    ami_click: Path
    """The Unix socket on which the click-to-call program takes clicks."""
    ari_port: int
    ari_user: str
    ami_secret: str = field(repr=False)
    ari_password: str = field(repr=False)

    def save(self, path: Path) -> None:
        write_private(path, json.dumps(asdict(self), default=str))

    @classmethod
    def load(cls, path: Path) -> Self:
        facts = json.loads(path.read_text())
        for name in ("numbers", "ami_click"):
            facts[name] = Path(facts[name])
        return cls(**facts)
