"""Rows that were not taken, kept for whoever has to mend them: with every number masked."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bridge.intake.masking import masked, without_numbers
from bridge.intake.rows import Header
from bridge.intake.spreadsheet import Row


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken: its number as a spreadsheet shows it, the column, and why."""

    row: int
    column: str
    reason: str


KeepReject = Callable[[Row, Reject, Header], None]


@contextmanager
def rejects_file(path: Path | None, header: Iterable[str]) -> Iterator[KeepReject]:
    """A CSV file of rows that were not taken, made when the first one comes, for its owner's eyes alone."""
    writer: Any = None
    file: IO[str] | None = None

    def keep(row: Row, reject: Reject, columns: Header) -> None:
        nonlocal writer, file
        if path is None:
            return
        if file is None:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            os.fchmod(handle, 0o600)  # one from an earlier import may have been opened to others
            file = os.fdopen(handle, "w", encoding="utf-8-sig", newline="")
            writer = csv.writer(file)
            writer.writerow(["row", "column", "reason", *map(without_numbers, header)])
        phones = columns.phone_places()
        cells = (
            masked(cell) if place in phones else without_numbers(cell) for place, cell in enumerate(row.cells)
        )
        writer.writerow([reject.row, reject.column, reject.reason, *cells])

    try:
        yield keep
    finally:
        if file is not None:
            file.close()
