"""The audit: who did what to what, and when. Rows are added, never changed; `audit_chain` ties them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    table,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit_chain import BEFORE_THE_FIRST, ChainedRow, Head, Pen
from bridge.store.database import Database, audit_pen
from bridge.store.lanes import Runs
from bridge.store.schema import audit, audit_head
from bridge.vault import AuditSigner


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `subject` and `detail` name things by code and id; a hidden number is never in them."""

    at_ms: int
    actor: str
    act: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry in its place. `signed` is False where it was written without the audit key."""

    id: int
    at_ms: int
    actor: str
    act: str
    subject: str
    detail: str
    signed: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to look up: those for which everything given is so."""

    since_ms: int | None = None
    actor: str | None = None
    act: str | None = None
    order_code: str | None = None


# Writing

_last: Final = audit.alias("last")
_named: Final = audit.alias("named")
_asked: Final = select(literal(1).label("asked")).subquery("asked")
_sequence: Final = table("sqlite_sequence", column("name"), column("seq"))

LAST_ID_GIVEN: Final = select(_sequence.c.seq).where(_sequence.c.name == audit.name).scalar_subquery()
"""SQLite's own memory of the highest id there has been: it stays when rows are deleted."""


def _bytes(value: ColumnElement[Any]) -> ColumnElement[bytes]:
    """The value as bytes even where somebody has put a text into its place, which might not be readable."""
    return cast(value, LargeBinary)


_END_OF_CHAIN: Final = select(
    _last.c.id,
    _last.c.signed,
    _bytes(_last.c.link),
    audit_head.c.row_id,
    _bytes(audit_head.c.link),
    _bytes(audit_head.c.signature),
    _bytes(_named.c.link),
    LAST_ID_GIVEN,
).select_from(
    _asked.outerjoin(_last, _last.c.id == select(func.max(audit.c.id)).scalar_subquery())
    .outerjoin(audit_head, literal(True))
    .outerjoin(_named, _named.c.id == audit_head.c.row_id)
)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The chain's end as it is stored: its last row, the head, and the row that the head names."""

    id: int | None
    signed: int | None
    link: bytes | None
    head_id: int | None
    head_link: bytes
    head_signature: bytes
    named_link: bytes | None
    last_id_given: int | None


_WRITTEN: Final = tuple(bindparam(column.name, type_=column.type) for column in audit.c)
_INSERT: Final = insert(audit).from_select(
    list(audit.c.keys()),
    select(*_WRITTEN).where(
        # The row before is the one that this row is linked to, or there is none and it is the first.
        func.coalesce(
            select(_bytes(audit.c.link)).order_by(audit.c.id.desc()).limit(1).scalar_subquery(),
            BEFORE_THE_FIRST,
        )
        == bindparam("before", type_=audit.c.link.type)
    ),
)
_SET_HEAD: Final = upsert(audit_head).on_conflict_do_update(
    index_elements=[audit_head.c.id],
    set_={name: upsert(audit_head).excluded[name] for name in ("row_id", "link", "signature")},
)


async def write_entry(connection: AsyncConnection, entry: AuditEntry) -> None:
    """As `add_entry`, in a transaction of `Database.write`."""
    await connection.run_sync(add_entry, audit_pen(connection), entry)


def add_entry(connection: Runs, pen: Pen, entry: AuditEntry) -> None:
    """Add the entry to the caller's transaction, so that act and entry are on disk together or not at all.

    The work is the same however long the audit is. `connection` is in a transaction for writing: the write
    lock that it holds is what keeps two writers from linking to the same row.
    """
    if pen.end is None or not _add(connection, entry, pen, pen.end):
        end = _find_end(connection, pen)
        if not _add(connection, entry, pen, end):
            raise AssertionError("the end of the audit has moved, with the write lock held")
    if pen.signer is not None and pen.end is not None and pen.moves_head:
        signature = pen.end.signature(pen.signer)
        connection.execute(_SET_HEAD, {"id": 1, **asdict(pen.end), "signature": signature})


def _add(connection: Runs, entry: AuditEntry, pen: Pen, end: Head) -> bool:
    """Link the entry to `end`; False where the audit's end is another."""
    texts = (entry.actor, entry.act, entry.subject, entry.detail)
    row = ChainedRow(end.row_id + 1, entry.at_ms, *(text.encode() for text in texts))
    link = row.link(end.link, pen.signer)
    values = asdict(entry) | {"id": row.id, "signed": int(pen.signer is not None), "link": link}
    added = connection.execute(_INSERT, values | {"before": end.link}).rowcount == 1
    pen.end = Head(row.id, link) if added else None
    return added


def _find_end(connection: Runs, pen: Pen) -> Head:
    """The chain's end as it is stored, to be linked to.

    No id is given twice: where rows were cut off at the end, the gap stays and gives it away.
    """
    found = connection.execute(_END_OF_CHAIN, {}).fetchone()
    assert found is not None  # noqa: S101 - it is one row, always
    stored = _Stored(*found)
    pen.moves_head = pen.signer is not None and _fits(stored, pen.signer)
    last_id = max(stored.id or 0, stored.head_id or 0, stored.last_id_given or 0)
    return Head(last_id, stored.link or BEFORE_THE_FIRST)


def _fits(stored: _Stored, signer: AuditSigner) -> bool:
    """Whether the head belongs to the chain's end, and may be moved on.

    One that doesn't is left as it is. Calls go on, for whoever tampers with the audit is not to decide that
    nobody calls any more; and the evidence isn't covered up by a new signature.
    """
    if stored.head_id is None:
        return not stored.signed
    return (
        Head(stored.head_id, stored.head_link).is_signed(stored.head_signature, signer)
        and stored.named_link == stored.head_link
        and (stored.id == stored.head_id or not stored.signed)
    )


# Reading

_NEWEST: Final = (
    select(audit.c.at_ms, audit.c.actor, audit.c.act, audit.c.subject, audit.c.detail)
    .order_by(audit.c.id.desc())
    .limit(bindparam("limit"))
)
_LAST: Final = select(audit.c.id, _bytes(audit.c.link)).order_by(audit.c.id.desc()).limit(1)


async def recent_entries(db: Database, limit: int = 100) -> list[AuditEntry]:
    """The newest entries, newest first."""
    async with db.read() as connection:
        return [AuditEntry(*row) for row in await connection.execute(_NEWEST, {"limit": limit})]


async def find_rows(db: Database, wanted: Wanted, limit: int = 100) -> list[AuditRow]:
    """The newest rows that are wanted, in the order in which they were written."""
    async with db.read() as connection:
        found = (await connection.execute(_find(wanted).limit(limit))).all()
    return [_as_row(*row) for row in reversed(found)]


_LOOKED_THROUGH_AT_ONCE: Final = 100_000
"""Rows: no index leads to an actor or an act, for the audit is written far more often than it is searched."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Rows newest first. `before_id` asks for the next page; None on the last. A page may be empty."""

    rows: list[AuditRow]
    before_id: int | None


async def page_of_rows(db: Database, wanted: Wanted, before_id: int | None, limit: int) -> AuditPage:
    """What is wanted of the rows before `before_id`, in a part of the audit that is soon looked through."""
    async with db.read() as connection:
        end = before_id
        if end is None:
            end = ((await connection.execute(select(func.max(audit.c.id)))).scalar_one() or 0) + 1
        start = end - _LOOKED_THROUGH_AT_ONCE
        within = _find(wanted).where(audit.c.id < end, audit.c.id >= start)
        rows = [_as_row(*row) for row in await connection.execute(within.limit(limit))]
    if len(rows) == limit:
        return AuditPage(rows, rows[-1].id)
    return AuditPage(rows, start if start > 1 else None)


def _find(wanted: Wanted) -> Select[Any]:
    query: Select[Any] = select(
        audit.c.id,
        audit.c.at_ms,
        audit.c.actor,
        audit.c.act,
        audit.c.subject,
        audit.c.detail,
        audit.c.signed,
    ).order_by(audit.c.id.desc())
    if wanted.since_ms is not None:
        query = query.where(audit.c.at_ms >= wanted.since_ms)
    if wanted.actor is not None:
        query = query.where(audit.c.actor == wanted.actor)
    if wanted.act is not None:
        query = query.where(audit.c.act == wanted.act)
    if wanted.order_code is not None:  # commands name an order by its code alone
        query = query.where(audit.c.subject.in_((f"order {wanted.order_code}", wanted.order_code)))
    return query


def _as_row(
    row_id: int, at_ms: int, actor: str, act: str, subject: str, detail: str, signed: int
) -> AuditRow:
    return AuditRow(row_id, at_ms, actor, act, subject, detail, signed == 1)


async def last_row(db: Database) -> Head | None:
    """The newest row, to be kept elsewhere; None while there is none."""
    async with db.read() as connection:
        row = (await connection.execute(_LAST)).one_or_none()
    return None if row is None else Head(*row)
