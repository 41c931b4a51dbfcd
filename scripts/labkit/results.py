"""What a lab's database says of its calls."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def rows(database: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a query finds, without a word written to the database."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(query, values).fetchall()


def results_since(database: Path, moment_ms: int) -> dict[str, int]:
    """How many calls begun since `moment_ms` (of the epoch) have which result; "" where there is none yet."""
    query = "SELECT coalesce(result, ''), count(*) FROM calls WHERE started_ms >= ? GROUP BY result"
    return dict(rows(database, query, moment_ms))
