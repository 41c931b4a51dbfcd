"""What browsers may keep: the style sheet, the scripts. Read once, and named by their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    digest: str


class Assets:
    """All files of the folder `static`, by their paths in it."""

    def __init__(self) -> None:
        self._assets = {
            str(path.relative_to(FOLDER)): _read(path) for path in FOLDER.rglob("*") if path.suffix in _TYPES
        }

    def get(self, name: str) -> Asset | None:
        return self._assets.get(name)

    def url(self, name: str) -> str:
        """Where browsers find it: another place when its content is another."""
        return f"/static/{self._assets[name].digest}/{name}"


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
