"""Orders come in: read, checked, sealed, stored. A number is in clear for as long as its row is in hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bridge.intake.masking import without_numbers
from bridge.intake.plan import Identity, Plan, Taken
from bridge.intake.rejects import Reject, rejects_file
from bridge.intake.rows import Column, Header, HeaderUnusable, RowRefused, is_heading, read_row
from bridge.intake.spreadsheet import Row, SpreadsheetUnreadable, open_spreadsheet
from bridge.store.database import Database
from bridge.store.managers import list_managers
from bridge.store.orders import known_of, write_batch
from bridge.vault import Vault

_ROWS_OF_A_BATCH: Final = 1000
_REJECTS_SHOWN: Final = 20

Progress = Callable[[int, int], None]
"""Hears how many rows and how many bytes have been read."""


@dataclass(slots=True)
class ImportReport:
    """What became of a file. `rejects` holds the first of them; all are in the rejects file."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)


async def import_orders(
    db: Database,
    vault: Vault,
    source: Path,
    *,
    home_region: str,
    rejects: Path | None = None,
    dry_run: bool = False,
    progress: Progress = lambda rows, size: None,
) -> ImportReport:
    """Import a CSV file. Importing it again changes nothing. With `dry_run` nothing is kept.

    Rows that can't be taken go to `rejects`, with their numbers masked. Raises SpreadsheetUnreadable and
    OSError.
    """
    report = ImportReport()
    with open_spreadsheet(source, is_heading) as sheet:
        header = _header(sheet.header, source)
        report.unknown_columns = [without_numbers(name) for name in header.unknown]
        reader = _Reader(vault, header, home_region, await _managers(db))
        with rejects_file(rejects, sheet.header) as keep_reject:
            batch: list[Taken] = []
            for row in sheet:
                report.rows += 1
                try:
                    batch.append(reader.read(row))
                except RowRefused as refused:
                    reject = Reject(row.number, refused.column.value, refused.reason)
                    _note_reject(report, reject)
                    keep_reject(row, reject, header)
                if len(batch) == _ROWS_OF_A_BATCH:
                    await _store(db, vault, batch, reader.managers, report, dry_run=dry_run)
                    batch = []
                    progress(report.rows, sheet.bytes_read)
            await _store(db, vault, batch, reader.managers, report, dry_run=dry_run)
            progress(report.rows, sheet.bytes_read)
    return report


async def add_order(
    db: Database, vault: Vault, cells: dict[Column, str], *, home_region: str
) -> ImportReport:
    """Add or change one order, given as the cells of a row. Raises RowRefused."""
    header = Header([column.value for column in cells])
    reader = _Reader(vault, header, home_region, await _managers(db))
    report = ImportReport(rows=1)
    taken = reader.read(Row(1, tuple(cells.values())))
    await _store(db, vault, [taken], reader.managers, report, dry_run=False)
    return report


async def _managers(db: Database) -> dict[str, int]:
    return {manager.extension: manager.id for manager in await list_managers(db) if not manager.disabled}


def _header(cells: tuple[str, ...], source: Path) -> Header:
    try:
        return Header(cells)
    except HeaderUnusable as error:
        trouble = str(error)
    raise SpreadsheetUnreadable(source, trouble, row=1)


class _Reader:
    """Reads the rows of one file, and remembers enough of each to find the ones that contradict it."""

    def __init__(self, vault: Vault, header: Header, home_region: str, managers: dict[str, int]) -> None:
        self.managers = managers
        self._vault = vault
        self._header = header
        self._home_region = home_region
        self._contents: dict[str, bytes] = {}
        """A digest of what was said of each order."""
        self._customers: dict[Identity, dict[Column, object]] = {}
        """What was said of each customer, by column; of the second phone its blind index."""

    def read(self, row: Row) -> Taken:
        """Raises RowRefused."""
        order = read_row(row, self._header, self._home_region)
        if order.manager is not None and order.manager not in self.managers:
            raise RowRefused(Column.MANAGER, "no active manager has this extension; add them first")
        taken = Taken(order, tuple(self._vault.blind_index(phone.number) for phone in order.phones))
        self._check_order(taken, row)
        self._check_customer(taken)
        return taken

    def _check_order(self, taken: Taken, row: Row) -> None:
        """A row may stand twice; one order with two contents is a mistake that only a person can settle."""
        digest = blake2b("\0".join(row.cells).encode(errors="replace"), digest_size=8).digest()
        if self._contents.setdefault(taken.row.code, digest) != digest:
            raise RowRefused(Column.ORDER, "this order stands in the file twice, with different contents")

    def _check_customer(self, taken: Taken) -> None:
        """Rows of one customer must agree; what one of them leaves out, another may say."""
        said = self._customers.setdefault(taken.identity, {})
        saying = _said_of_the_customer(taken)
        for column, value in saying.items():
            if said.get(column, value) != value:
                raise RowRefused(column, "another row of this customer says something else")
        said.update(saying)


def _said_of_the_customer(taken: Taken) -> dict[Column, object]:
    """What the row says of the customer rather than of the order, without what it leaves out."""
    cells: dict[Column, object] = {
        Column.MANAGER: taken.row.manager,
        Column.LANGUAGE: taken.row.language,
        Column.SECOND_PHONE: taken.indexes[1] if len(taken.indexes) > 1 else None,
    }
    return {column: value for column, value in cells.items() if value is not None}


def _note_reject(report: ImportReport, reject: Reject) -> None:
    report.rejected += 1
    if len(report.rejects) < _REJECTS_SHOWN:
        report.rejects.append(reject)


class _Undo(Exception):
    """Ends a transaction that is not to be kept."""


async def _store(
    db: Database,
    vault: Vault,
    batch: list[Taken],
    managers: dict[str, int],
    report: ImportReport,
    *,
    dry_run: bool,
) -> None:
    if not batch:
        return
    codes = {taken.row.code for taken in batch}
    indexes = {index for taken in batch for index in taken.indexes}
    try:
        async with db.write() as connection:
            plan = Plan(vault, await known_of(connection, codes, indexes), managers)
            counts = Counter(plan.take(taken) for taken in batch)
            await write_batch(connection, plan.batch)
            if dry_run:
                raise _Undo
    except _Undo:
        pass
    report.added += counts["added"]
    report.updated += counts["updated"]
    report.unchanged += counts["unchanged"]
