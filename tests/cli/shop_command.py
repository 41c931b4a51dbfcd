"""A shop in a folder, and the `call-bridge` command run on it as the console script runs it."""

from __future__ import annotations

import io
import sqlite3
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from bridge.cli.main import run

CONFIG = """\
shop:
  name: Example Shop
  country: GB
  timezone: Europe/London
trunk:
  caller_id_name: Example Shop
  caller_id_number: "+442079460000"
  direct: PJSIP/{number}@trunk
keys:
  file: var/keys
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended, and all it printed."""

    exit_code: int
    out: str
    err: str


@dataclass
class ShopCommand:
    folder: Path
    printed: list[str] = field(default_factory=list)
    """Everything that any command on this shop has printed."""

    def __post_init__(self) -> None:
        self.config.write_text(CONFIG, encoding="utf-8")

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def key_file(self) -> Path:
        return self.folder / "var" / "keys"

    @property
    def database(self) -> Path:
        return self.folder / "var" / "call-bridge.db"

    @property
    def socket(self) -> Path:
        return self.folder / "var" / "call-bridge.sock"

    def __call__(self, *arguments: str | Path, typed: str = "") -> Ended:
        """Run a command; `typed` is its standard input, which is no terminal."""
        out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
        sys.stdin = io.StringIO(typed)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                exit_code = run(["--config", str(self.config), *map(str, arguments)])
        finally:
            sys.stdin = stdin
        ended = Ended(exit_code, out.getvalue(), err.getvalue())
        self.printed += [ended.out, ended.err]
        return ended

    def spreadsheet(self, text: str, name: str = "orders.csv", encoding: str = "utf-8") -> Path:
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return path

    def audit(self) -> list[tuple[str, str, str]]:
        """Act, subject and detail of each row, oldest first."""
        with sqlite3.connect(self.database) as connection:
            rows = connection.execute("SELECT act, subject, detail FROM audit ORDER BY id").fetchall()
        connection.close()
        return rows
