"""Orders come in: read, checked, sealed, stored. A number is in clear here for as long as its row is in hand.

Who is who: two orders belong to one customer when the first phone and the name are the same. A known order
keeps its customer; a changed name, summary or phone is taken over. Numbers are compared by blind index, never
opened.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.intake.masking import masked, without_numbers
from bridge.intake.rows import Column, Header, HeaderUnusable, OrderRow, RowRefused, is_heading, read_row
from bridge.intake.spreadsheet import Row, SpreadsheetUnreadable, open_spreadsheet
from bridge.store.customers import KnownCustomer
from bridge.store.database import Database
from bridge.store.managers import list_managers
from bridge.store.orders import (
    Batch,
    CustomerChange,
    Known,
    KnownOrder,
    NewContact,
    NewCustomer,
    OrderChange,
    known_of,
    write_batch,
)
from bridge.store.schema import ContactKind
from bridge.vault import ReadNumber, Vault

_ROWS_OF_A_BATCH: Final = 1000
_REJECTS_SHOWN: Final = 20

Progress = Callable[[int, int], None]
"""Hears how many rows and how many bytes have been read."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken: its number as a spreadsheet shows it, the column, and why."""

    row: int
    column: str
    reason: str


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
    managers = {manager.extension: manager.id for manager in await list_managers(db) if not manager.disabled}
    report = ImportReport()
    with open_spreadsheet(source, is_heading) as sheet:
        header = _header(sheet.header, source)
        report.unknown_columns = [without_numbers(name) for name in header.unknown]
        with _rejects_file(rejects, sheet.header) as keep_reject:
            taken: list[OrderRow] = []
            seen: dict[str, bytes] = {}
            for row in sheet:
                report.rows += 1
                try:
                    order = read_row(row, header, home_region)
                    _check_manager(order, managers)
                    _check_repetition(order, row, seen)
                except RowRefused as refused:
                    reject = Reject(row.number, refused.column.value, refused.reason)
                    _note_reject(report, reject)
                    keep_reject(row, reject, header)
                    continue
                taken.append(order)
                if len(taken) == _ROWS_OF_A_BATCH:
                    await _store(db, vault, taken, managers, report, dry_run=dry_run)
                    taken = []
                    progress(report.rows, sheet.bytes_read)
            await _store(db, vault, taken, managers, report, dry_run=dry_run)
            progress(report.rows, sheet.bytes_read)
    return report


async def add_order(
    db: Database, vault: Vault, cells: dict[Column, str], *, home_region: str
) -> ImportReport:
    """Add or change one order, given as the cells of a row. Raises RowRefused."""
    managers = {manager.extension: manager.id for manager in await list_managers(db) if not manager.disabled}
    header = Header([column.value for column in cells])
    order = read_row(Row(1, tuple(cells.values())), header, home_region)
    _check_manager(order, managers)
    report = ImportReport(rows=1)
    await _store(db, vault, [order], managers, report, dry_run=False)
    return report


def _header(cells: tuple[str, ...], source: Path) -> Header:
    try:
        return Header(cells)
    except HeaderUnusable as error:
        trouble = str(error)
    raise SpreadsheetUnreadable(source, trouble, row=1)


def _check_manager(order: OrderRow, managers: dict[str, int]) -> None:
    if order.manager is not None and order.manager not in managers:
        raise RowRefused(Column.MANAGER, "no manager has this extension; add them first")


def _check_repetition(order: OrderRow, row: Row, seen: dict[str, bytes]) -> None:
    """A row may stand twice; one order with two contents is a mistake that only a person can settle."""
    digest = blake2b("\0".join(row.cells).encode(), digest_size=8).digest()
    if seen.setdefault(order.code, digest) != digest:
        raise RowRefused(Column.ORDER, "this order stands in the file twice, with different contents")


def _note_reject(report: ImportReport, reject: Reject) -> None:
    report.rejected += 1
    if len(report.rejects) < _REJECTS_SHOWN:
        report.rejects.append(reject)


# --- Storing ---


class _Undo(Exception):
    """Ends a transaction that is not to be kept."""


async def _store(
    db: Database,
    vault: Vault,
    taken: list[OrderRow],
    managers: dict[str, int],
    report: ImportReport,
    *,
    dry_run: bool,
) -> None:
    if not taken:
        return
    indexed = [(row, [vault.blind_index(phone.number) for phone in row.phones]) for row in taken]
    try:
        async with db.write() as connection:
            await _write(connection, vault, indexed, managers, report)
            if dry_run:
                raise _Undo
    except _Undo:
        return


async def _write(
    connection: AsyncConnection,
    vault: Vault,
    indexed: list[tuple[OrderRow, list[bytes]]],
    managers: dict[str, int],
    report: ImportReport,
) -> None:
    known = await known_of(
        connection,
        {row.code for row, _ in indexed},
        {index for _, indexes in indexed for index in indexes},
    )
    plan = _Plan(vault, known, managers)
    for row, indexes in indexed:
        match plan.take(row, indexes):
            case "added":
                report.added += 1
            case "updated":
                report.updated += 1
            case _:
                report.unchanged += 1
    await write_batch(connection, plan.batch)


@dataclass(slots=True)
class _Customer:
    """A customer as the batch will leave them."""

    id: int
    name: str
    language: str | None
    data_key: bytes | None
    manager_id: int | None
    contacts: dict[int, tuple[int, bytes]]
    """Contact id and blind index, by position from 1."""


class _Plan:
    """Decides, row by row, what a batch has to write."""

    def __init__(self, vault: Vault, known: Known, managers: dict[str, int]) -> None:
        self.batch = Batch()
        self._vault = vault
        self._managers = managers
        self._next_customer = known.next_customer_id
        self._next_contact = known.next_contact_id
        self._orders = dict(known.orders)
        self._customers = {customer.id: _as_known(customer) for customer in known.customers}
        self._by_identity = {
            (customer.contacts[1][1], customer.name.casefold()): customer
            for customer in self._customers.values()
            if 1 in customer.contacts
        }

    def take(self, row: OrderRow, indexes: list[bytes]) -> str:
        """Plan a row: "added", "updated" or "unchanged"."""
        order = self._orders.get(row.code)
        if order is None:
            customer = self._by_identity.get((indexes[0], row.name.casefold())) or self._new_customer(row)
            self._bring_up_to_date(customer, row, indexes)
            self._orders[row.code] = new = KnownOrder(row.code, customer.id, row.summary)
            self.batch.new_orders.append(new)
            return "added"
        changed = self._bring_up_to_date(self._customers[order.customer_id], row, indexes)
        if order.summary != row.summary:
            self._orders[row.code] = KnownOrder(row.code, order.customer_id, row.summary)
            self.batch.changed_orders.append(OrderChange(row.code, order.customer_id, row.summary))
            changed = True
        return "updated" if changed else "unchanged"

    def _new_customer(self, row: OrderRow) -> _Customer:
        customer_id, self._next_customer = self._next_customer, self._next_customer + 1
        data_key = self._vault.new_data_key(customer_id)
        self.batch.new_customers.append(NewCustomer(customer_id, row.name, row.language, data_key))
        customer = _Customer(customer_id, row.name, row.language, data_key, None, {})
        self._customers[customer_id] = customer
        return customer

    def _bring_up_to_date(self, customer: _Customer, row: OrderRow, indexes: list[bytes]) -> bool:
        changed = self._rename(customer, row)
        for position, (phone, index) in enumerate(zip(row.phones, indexes, strict=True), 1):
            changed |= self._set_contact(customer, position, phone, index)
        self._by_identity[indexes[0], customer.name.casefold()] = customer
        manager_id = self._managers[row.manager] if row.manager else None
        if manager_id is not None and manager_id != customer.manager_id:
            self.batch.assigned[customer.id] = customer.manager_id = manager_id
            changed = True
        return changed

    def _rename(self, customer: _Customer, row: OrderRow) -> bool:
        language = row.language or customer.language
        if (customer.name, customer.language) == (row.name, language):
            return False
        customer.name, customer.language = row.name, language
        self.batch.changed_customers.append(CustomerChange(customer.id, row.name, language))
        return True

    def _set_contact(self, customer: _Customer, position: int, phone: ReadNumber, index: bytes) -> bool:
        current = customer.contacts.get(position)
        if customer.data_key is None or (current is not None and current[1] == index):
            return False  # an erased customer gets no new number
        if current is not None:
            self.batch.replaced_contacts.append(current[0])
        contact_id, self._next_contact = self._next_contact, self._next_contact + 1
        kind = ContactKind.PHONE.value
        sealed = self._vault.seal(
            phone.number,
            customer_id=customer.id,
            contact_id=contact_id,
            kind=kind,
            data_key=customer.data_key,
        )
        self.batch.new_contacts.append(
            NewContact(contact_id, customer.id, kind, position, sealed, index, phone.region, phone.line_type)
        )
        customer.contacts[position] = (contact_id, index)
        return True


def _as_known(customer: KnownCustomer) -> _Customer:
    contacts = {place: (contact.id, contact.blind_index) for place, contact in customer.contacts.items()}
    return _Customer(
        customer.id, customer.name, customer.language, customer.data_key, customer.manager_id, contacts
    )


# --- Rejects ---

KeepReject = Callable[[Row, Reject, Header], None]


@contextmanager
def _rejects_file(path: Path | None, header: Iterable[str]) -> Iterator[KeepReject]:
    """A CSV file of rows that were not taken, made when the first one comes, for its owner's eyes alone."""
    writer: Any = None
    file: IO[str] | None = None

    def keep(row: Row, reject: Reject, columns: Header) -> None:
        nonlocal writer, file
        if path is None:
            return
        if file is None:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
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
