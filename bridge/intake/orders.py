"""Orders come in: read, checked, sealed, stored. A number is in clear for as long as its row is in hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from bridge.intake.masking import without_numbers
from bridge.intake.plan import Plan, Taken
from bridge.intake.rejects import Reject, rejects_file
from bridge.intake.rows import (
    PHONES,
    Column,
    Header,
    HeaderUnusable,
    OrderRow,
    RowRefused,
    is_heading,
    read_row,
)
from bridge.intake.said import OfCustomer, Said
from bridge.intake.spreadsheet import Row, SpreadsheetUnreadable, open_spreadsheet
from bridge.store.audit import AuditEntry, add_entry
from bridge.store.audit_chain import Pen
from bridge.store.data_keys import look_for_key
from bridge.store.database import Database, now_ms
from bridge.store.lanes import Session
from bridge.store.managers import enabled_ids
from bridge.store.orders import add_batch, find_known
from bridge.vault import Vault

_ROWS_OF_A_BATCH: Final = 1000
"""Who has something else to write waits for no more than these: less than a tenth of a second."""
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
    not_to_call: int = 0
    """Of the rows that were taken: those with a number whose owner has asked not to be called."""
    doubtful: int = 0
    """Numbers that were taken although they may be mistyped: their contacts are suspect."""
    rejects: list[Reject] = field(default_factory=list)
    doubts: list[Reject] = field(default_factory=list)
    """The first numbers that may be mistyped, with what is probably wrong; their rows were taken."""
    unknown_columns: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """What became of the one order that was to be added."""
        return "added" if self.added else "updated" if self.updated else "unchanged"

    def count_read(self, batch: _Batch) -> None:
        self.rows += batch.rows
        self.rejected += len(batch.rejects)
        self.doubtful += len(batch.doubts)
        self.rejects += batch.rejects[: _REJECTS_SHOWN - len(self.rejects)]
        self.doubts += batch.doubts[: _REJECTS_SHOWN - len(self.doubts)]

    @property
    def counts(self) -> str:
        return (
            f"rows={self.rows} added={self.added} updated={self.updated} "
            f"unchanged={self.unchanged} rejected={self.rejected} "
            f"not_to_call={self.not_to_call} doubtful={self.doubtful}"
        )


async def import_orders(
    db: Database,
    vault: Vault,
    source: Path,
    *,
    home_region: str,
    actor: str,
    rejects: Path | None = None,
    dry_run: bool = False,
    progress: Progress = lambda rows, size: None,
) -> ImportReport:
    """Import a CSV file. Importing it again changes nothing. With `dry_run` nothing is kept.

    Each batch of rows goes on record in its own commit, with the counts so far. What can't be taken goes to
    `rejects`, with their numbers masked. Raises SpreadsheetUnreadable and OSError.
    """
    report, managers = ImportReport(), await enabled_ids(db)
    on_record = _Entry(actor, "orders-import", without_numbers(source.name), lambda: report.counts)
    store = partial(_store, db, vault, managers, report, on_record, dry_run=dry_run)
    with ExitStack() as stack:
        sheet = stack.enter_context(open_spreadsheet(source, is_heading))
        header = _header(sheet.header, source)
        report.unknown_columns = [without_numbers(name) for name in header.unknown]
        keep_reject = stack.enter_context(rejects_file(rejects, sheet.header))
        reader = _Reader(vault, header, home_region, managers, stack.enter_context(closing(Said())))
        rows = iter(sheet)

        def read() -> _Batch:
            return _read_batch(rows, reader, lambda row, reject: keep_reject(row, reject, header))

        while True:
            # In turns: reading and storing are both Python's, and side by side would wait for each other.
            batch = await asyncio.to_thread(read)
            report.count_read(batch)
            await store(batch.taken)
            progress(report.rows, sheet.bytes_read)
            if batch.rows < _ROWS_OF_A_BATCH:
                return report


async def add_order(
    db: Database, vault: Vault, cells: dict[Column, str], *, home_region: str, actor: str
) -> ImportReport:
    """Add or change one order, given as the cells of a row, on record. Raises RowRefused."""
    header = Header([column.value for column in cells])
    report, managers = ImportReport(rows=1), await enabled_ids(db)
    with closing(Said()) as said:
        reader = _Reader(vault, header, home_region, managers, said)
        taken = reader.read(Row(1, tuple(cells.values())))
    for place, doubt in taken.row.doubts.items():  # whoever types one can look at it again
        raise RowRefused(PHONES[place - 1], f"the country's numbering plan has no such number; {doubt.words}")
    on_record = _Entry(actor, "order-add", taken.row.code, lambda: report.outcome)
    await _store(db, vault, managers, report, on_record, [taken], dry_run=False)
    return report


def _header(cells: tuple[str, ...], source: Path) -> Header:
    try:
        return Header(cells)
    except HeaderUnusable as error:
        trouble = str(error)
    raise SpreadsheetUnreadable(source, trouble, row=1)


@dataclass(slots=True)
class _Batch:
    """Some rows: how many there are, those that can be taken, and what is to be told of the others."""

    rows: int = 0
    taken: list[Taken[OrderRow]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    doubts: list[Reject] = field(default_factory=list)


def _read_batch(rows: Iterator[Row], reader: _Reader, keep_reject: Callable[[Row, Reject], None]) -> _Batch:
    """The next rows; none at the end. Each is in hand until the next is. Raises SpreadsheetUnreadable."""
    batch = _Batch()
    for row in islice(rows, _ROWS_OF_A_BATCH):
        batch.rows += 1
        try:
            taken = reader.read(row)
        except RowRefused as refused:
            reject = Reject(row.number, refused.column.value, refused.reason)
            batch.rejects.append(reject)
            keep_reject(row, reject)
        else:
            batch.taken.append(taken)
            batch.doubts += [
                Reject(row.number, PHONES[place - 1].value, doubt.words)
                for place, doubt in taken.row.doubts.items()
            ]
    return batch


class _Reader:
    """Reads the rows of one file, and finds the ones that contradict an earlier one."""

    def __init__(
        self, vault: Vault, header: Header, home_region: str, managers: dict[str, int], said: Said
    ) -> None:
        self._managers = managers
        self._vault = vault
        self._header = header
        self._home_region = home_region
        self._said = said

    def read(self, row: Row) -> Taken[OrderRow]:
        """Raises RowRefused."""
        order = read_row(row, self._header, self._home_region)
        if order.manager is not None and order.manager not in self._managers:
            raise RowRefused(Column.MANAGER, "no active manager has this extension; add them first")
        taken = Taken(order, tuple([self._vault.blind_index(phone.number) for phone in order.phones]))
        self._check_order(taken, row)
        self._check_customer(taken)
        return taken

    def _check_order(self, taken: Taken[OrderRow], row: Row) -> None:
        """A row may stand twice; one order with two contents is a mistake that only a person can settle."""
        if not self._said.agrees(taken.row.code, "\0".join(row.cells)):
            raise RowRefused(Column.ORDER, "this order stands in the file twice, with different contents")

    def _check_customer(self, taken: Taken[OrderRow]) -> None:
        """Rows of one customer must agree; what one of them leaves out, another may say."""
        saying = OfCustomer(
            manager=self._managers[taken.row.manager] if taken.row.manager else None,
            language=taken.row.language,
            second_phone=taken.indexes[1] if len(taken.indexes) > 1 else None,
        )
        place = self._said.disagreement(*taken.identity, saying)
        if place is not None:
            column = _COLUMNS_OF_A_CUSTOMER[place]
            raise RowRefused(column, "another row of this customer says something else")


_COLUMNS_OF_A_CUSTOMER: Final = (Column.MANAGER, Column.LANGUAGE, Column.SECOND_PHONE)


class _Undo(Exception):
    """Ends a transaction that is not to be kept."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the audit is to say; `detail` is asked for when it is written."""

    actor: str
    act: str
    subject: str
    detail: Callable[[], str]

    def now(self) -> AuditEntry:
        return AuditEntry(now_ms(), self.actor, self.act, self.subject, self.detail())


async def _store(
    db: Database,
    vault: Vault,
    managers: dict[str, int],
    report: ImportReport,
    on_record: _Entry,
    batch: list[Taken[OrderRow]],
    *,
    dry_run: bool,
) -> None:
    """Store a batch and what the audit says of it, in one commit. An empty one is on record, too."""

    def storing(session: Session, pen: Pen) -> None:
        look_for_key(session, vault)
        plan = Plan(vault, find_known(session, codes, indexes), managers)
        counts = Counter(map(plan.take, batch))
        add_batch(session, plan.batch)
        report.added += counts["added"]
        report.updated += counts["updated"]
        report.unchanged += counts["unchanged"]
        report.not_to_call += sum(map(plan.has_number_not_to_call, batch))
        add_entry(session, pen, on_record.now())
        if dry_run:
            raise _Undo

    codes = {taken.row.code for taken in batch}
    indexes = {index for taken in batch for index in taken.indexes}
    with suppress(_Undo):
        await db.write_in_one_trip(storing, db.pen)
