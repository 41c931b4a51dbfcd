"""Verification of the audit: is every row there, as it was written, in its place?"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import LargeBinary, Row, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import LAST_ID_GIVEN
from bridge.store.audit_chain import BEFORE_THE_FIRST, ChainedRow, Head
from bridge.store.database import Database
from bridge.store.schema import audit, audit_head
from bridge.vault import AuditSigner

_ROWS_AT_ONCE: Final = 1000


class Wrong(StrEnum):
    """What verification can find."""

    ALTERED = "altered"
    """The row does not follow from the one before: it, or an unsigned row before it, is not as written."""
    MISSING = "missing"
    """A row of this number there was, and it is gone."""
    HEAD = "head"
    """The signed note of the last signed row is missing or altered."""
    ELSEWHERE = "elsewhere"
    """The row is not the one whose link was kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`row_id` is None where no row is to be blamed."""

    wrong: Wrong
    row_id: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a verification came to. Counts are of the rows up to the fault, if there is one.

    `unsigned` rows were written without the audit key; for the last `unvouched` of them no signed row speaks.
    """

    rows: int
    unsigned: int
    unvouched: int
    fault: Fault | None


# Texts as the bytes they are stored as: a row that somebody has put other bytes into is to be found, not to
# stop the search. Types are compared as well, since SQLite keeps a blob in a text column as one.
_TEXTS: Final = (audit.c.actor, audit.c.act, audit.c.subject, audit.c.detail)
_ROWS: Final = select(
    audit.c.id,
    and_(
        func.typeof(audit.c.at_ms) == "integer",
        *(func.typeof(text) == "text" for text in _TEXTS),
        func.typeof(audit.c.link) == "blob",
    ).label("sound"),
    audit.c.at_ms,
    *(cast(text, LargeBinary).label(text.name) for text in _TEXTS),
    audit.c.signed,
    cast(audit.c.link, LargeBinary).label("link"),
).order_by(audit.c.id)
_HEAD: Final = select(
    audit_head.c.row_id,
    cast(audit_head.c.link, LargeBinary).label("link"),
    cast(audit_head.c.signature, LargeBinary).label("signature"),
).where(
    func.typeof(audit_head.c.row_id) == "integer",
    func.typeof(audit_head.c.link) == "blob",
    func.typeof(audit_head.c.signature) == "blob",
)
_LAST_ID_GIVEN: Final = select(LAST_ID_GIVEN)


async def verify_audit(db: Database, signer: AuditSigner, elsewhere: Head | None = None) -> Finding:
    """Check every row; the first fault wins. `elsewhere` is what `last_row` once told.

    Others may write meanwhile: what is checked is the audit of one moment.
    """
    async with db.snapshot() as connection:
        return await verify_rows(connection, signer, elsewhere)


async def verify_rows(
    connection: AsyncConnection, signer: AuditSigner, elsewhere: Head | None = None
) -> Finding:
    """As `verify_audit`, within the caller's transaction."""
    head = await _signed_head(connection, signer)
    walk = _Walk(signer, head, elsewhere)
    async with connection.stream(_ROWS) as found:
        async for rows in found.partitions(_ROWS_AT_ONCE):
            for row in rows:
                if (fault := walk.step(row)) is not None:
                    return walk.finding(fault)
    last_id_given = (await connection.execute(_LAST_ID_GIVEN)).scalar_one() or 0
    return walk.finding(walk.fault_at_the_end(last_id_given))


async def _signed_head(connection: AsyncConnection, signer: AuditSigner) -> Head | None:
    """The head, if there is one, and its signature is right."""
    row = (await connection.execute(_HEAD)).one_or_none()
    if row is None:
        return None
    head = Head(row.row_id, row.link)
    return head if head.is_signed(row.signature, signer) else None


class _Walk:
    """Goes from row to row, and remembers what the next one has to follow from."""

    def __init__(self, signer: AuditSigner, head: Head | None, elsewhere: Head | None) -> None:
        self._signer = signer
        self._head = head
        self._elsewhere = elsewhere
        self._last = Head(0, BEFORE_THE_FIRST)
        self._last_signed: Head | None = None
        self._unsigned = 0
        self._unvouched = 0

    def step(self, row: Row[Any]) -> Fault | None:
        expected = self._last.row_id + 1
        if row.id > expected:
            return Fault(Wrong.MISSING, expected)
        if row.id < expected or not row.sound or not self._follows(row):
            return Fault(Wrong.ALTERED, row.id)
        if _differs(row, self._head):
            return Fault(Wrong.ALTERED, row.id)
        if _differs(row, self._elsewhere):
            return Fault(Wrong.ELSEWHERE, row.id)
        self._take(row)
        return None

    def fault_at_the_end(self, last_id_given: int) -> Fault | None:
        """What only shows once all rows have been seen: rows cut off, or a head that is not theirs."""
        named = [anchor.row_id for anchor in (self._head, self._elsewhere) if anchor is not None]
        if max(last_id_given, *named, 0) > self._last.row_id:
            return Fault(Wrong.MISSING, self._last.row_id + 1)
        return None if self._head == self._last_signed else Fault(Wrong.HEAD, None)

    def finding(self, fault: Fault | None) -> Finding:
        return Finding(self._last.row_id, self._unsigned, self._unvouched, fault)

    def _follows(self, row: Row[Any]) -> bool:
        if row.signed not in (0, 1):
            return False
        chained = ChainedRow(row.id, row.at_ms, row.actor, row.act, row.subject, row.detail)
        link = chained.link(self._last.link, self._signer if row.signed else None)
        return hmac.compare_digest(link, row.link)

    def _take(self, row: Row[Any]) -> None:
        self._last = Head(row.id, row.link)
        if row.signed:
            self._last_signed, self._unvouched = self._last, 0
        else:
            self._unsigned += 1
            self._unvouched += 1


def _differs(row: Row[Any], anchor: Head | None) -> bool:
    """Whether the row is the one that the anchor names by its id, and yet another."""
    return anchor is not None and anchor.row_id == row.id and anchor.link != row.link
