"""What is there before init: a snapshot that the plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.config import Config
from bridge.doctor.conf import Conf

FOLDER: Final = "call-bridge"
"""Of our own files, within Asterisk's configuration folder: includes are relative to that."""


@dataclass(frozen=True, slots=True)
class Owner:
    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where things go. All are below `root`: this machine's own, or a copy of a configuration tree."""

    root: Path
    etc: Path
    config: Path
    state: Path
    """The daemon's folder, for what no configuration has another place for."""
    database: Path
    ari_password: Path
    ami_secret: Path | None
    """None where AMI is off, or its secret comes from elsewhere."""
    keys: Path | None
    """The key file; None where the configuration takes the keys from elsewhere."""
    units: Path

    @property
    def ours(self) -> Path:
        return self.etc / FOLDER

    def told(self, path: Path) -> str:
        """The path as the PBX itself has it."""
        return str(Path("/", path.relative_to(self.root)))


@dataclass(frozen=True, slots=True)
class Found:
    places: Places
    confs: Mapping[str, Conf]
    """Asterisk's files by name, with all that they include."""
    generated: frozenset[Path]
    """Files that a program writes, and would write again."""
    files: Mapping[Path, bytes | None]
    """Every file that a plan may want to change or to make; None where it does not exist."""
    shipped: Mapping[str, bytes] = field(repr=False)
    """The dialplan's files, `config.yaml` and the units, by name."""
    config: Config | None
    """The configuration that is there already."""
    units_elsewhere: frozenset[str]
    """Units that a package has installed."""
    program: Path
    """The command that units run."""
    asterisk: Owner
    daemon: Owner
    root: Owner
