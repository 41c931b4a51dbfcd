"""The look-up of programs that keep numbers in the clear: one row of one SQLite table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path


def write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Make the table of codes and numbers anew."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE numbers (code TEXT PRIMARY KEY, number TEXT NOT NULL) WITHOUT ROWID")
        database.executemany("INSERT INTO numbers VALUES (?, ?)", rows)
    path.chmod(0o600)


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def look_up(database: sqlite3.Connection, code: str) -> str:
    """The number; empty for a code that is nobody's."""
    row = database.execute("SELECT number FROM numbers WHERE code = ?", (code,)).fetchone()
    return str(row[0]) if row else ""
