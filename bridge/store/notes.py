"""Notes on orders. What has no business in one is taken out before it is stored, and a number sealed.

A note is looked at as a whole each time it is saved, and together with its neighbours by the same hand: a
number that is typed over two savings, or over two notes, is one number. Notes save themselves while they are
typed: what may be the beginning of a number waits in the browser until it is finished.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.notes import REMOVED, Found, Kind, find, settled
from bridge.store.alarms import AlarmKind, write_alarm
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.cards import CardNote
from bridge.store.data_keys import require_known_key
from bridge.store.database import Database
from bridge.store.errors import UnknownNote, UnknownOrder
from bridge.store.new_contacts import add_contact
from bridge.store.records import UNSEEN_REPAIR
from bridge.store.schema import (
    alarms,
    assignments,
    contacts,
    customers,
    managers,
    notes,
    orders,
)
from bridge.store.worklist import visible, whose
from bridge.vault import NumberRefused, ReadNumber, Vault, read_number

_NEIGHBOURS: Final = 2
"""Notes before and after one, by the same manager, that it is read together with."""

_ALARM_AGAIN_MS: Final = 10 * 60_000
"""Notes save themselves every few seconds; one alarm tells of all that is found in an order's for so long."""

_ALARMS: Final = {Kind.PHONE: AlarmKind.NOTE_NUMBER, Kind.EMAIL: AlarmKind.NOTE_EMAIL}


@dataclass(frozen=True, slots=True)
class Saving:
    """Somebody's note, as they want it. `note_id` is None for a new one. `finished`: nobody types any more.

    `sees` is whose customers they may see, None for everybody's; `actor` is how the audit names them.
    """

    code: str
    note_id: int | None
    manager_id: int
    sees: int | None
    actor: str
    at_ms: int
    finished: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that was taken out. `kept`: it is a contact, waiting for a supervisor's yes."""

    kind: Kind
    kept: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """`alarmed`: supervisors are told. `held`: so many letters at the end are not stored yet."""

    note: CardNote
    taken: tuple[Taken, ...]
    alarmed: bool
    held: int


@dataclass(frozen=True, slots=True)
class _Order:
    customer_id: int
    data_key: bytes | None
    manager_name: str
    codes: tuple[str, ...]


_ORDER: Final = (
    select(
        orders.c.customer_id,
        customers.c.data_key,
        select(managers.c.name).where(managers.c.id == bindparam("author_id")).scalar_subquery(),
    )
    .select_from(
        orders.join(customers, customers.c.id == orders.c.customer_id).outerjoin(
            assignments, assignments.c.customer_id == orders.c.customer_id
        )
    )
    .where(visible())
)
_CODES: Final = select(orders.c.code).where(orders.c.customer_id == bindparam("customer_id"))
_OWN: Final = select(notes.c.id, notes.c.text, notes.c.created_ms).where(
    notes.c.order_code == bindparam("code"), notes.c.manager_id == bindparam("author_id")
)
_NOTE: Final = _OWN.where(notes.c.id == bindparam("note_id"))
_BEFORE: Final = _OWN.where(notes.c.id < bindparam("note_id")).order_by(notes.c.id.desc()).limit(_NEIGHBOURS)
_AFTER: Final = _OWN.where(notes.c.id > bindparam("note_id")).order_by(notes.c.id).limit(_NEIGHBOURS)
_ADD: Final = insert(notes).returning(notes.c.id)
_CHANGE: Final = (
    update(notes)
    .where(notes.c.id == bindparam("note_id"))
    .values(text=bindparam("new_text"), changed_ms=bindparam("now_ms"))
)
_HAS_CONTACT: Final = select(contacts.c.proposed_ms).where(
    contacts.c.customer_id == bindparam("customer_id"),
    contacts.c.blind_index == bindparam("index"),
    not_(UNSEEN_REPAIR),
)
_ALARMED_LATELY: Final = (
    select(alarms.c.id)
    .where(
        alarms.c.kind == bindparam("kind"),
        alarms.c.manager_id == bindparam("author_id"),
        alarms.c.order_code == bindparam("code"),
        alarms.c.at_ms > bindparam("since_ms"),
    )
    .limit(1)
)
_LAST: Final = 2**62


async def save_note(
    db: Database, vault: Vault | None, saving: Saving, text: str, *, home_region: str
) -> Saved:
    """Store a note without what has no business in it. Without a vault nothing is kept.

    Raises UnknownOrder for one that `saving.sees` may not see, too; UnknownNote for one that isn't theirs.
    """
    kept = len(text) if saving.finished else settled(text)
    async with db.read() as connection:
        order = await _order(connection, saving)
        before, after = await _neighbours(connection, saving)
    looked_at = _look_at(
        [*(row.text for row in before), text[:kept], *(row.text for row in after)], order, home_region
    )
    async with db.write() as connection:
        if vault is not None:
            await require_known_key(connection, vault)
        taken = [await _take(connection, vault, order, saving, each) for each in looked_at.numbers]
        for row, clean in zip(
            [*before, *after],
            looked_at.texts[: len(before)] + looked_at.texts[len(before) + 1 :],
            strict=True,
        ):
            if clean != row.text:
                await _change(connection, row.id, clean, saving)
        note = await _store(connection, saving, looked_at.texts[len(before)], order)
        taken += [Taken(Kind.EMAIL, kept=False)] * looked_at.emails
        alarmed = [await _alarm(connection, saving, kind) for kind in {each.kind for each in taken}]
    return Saved(note, tuple(taken), any(alarmed), held=len(text) - kept)


async def _order(connection: AsyncConnection, saving: Saving) -> _Order:
    asked = {"code": saving.code, "author_id": saving.manager_id} | whose(saving.sees)
    row = (await connection.execute(_ORDER, asked)).one_or_none()
    if row is None:
        raise UnknownOrder(saving.code)
    codes = await connection.scalars(_CODES, {"customer_id": row.customer_id})
    return _Order(*row, codes=tuple(codes))


async def _neighbours(connection: AsyncConnection, saving: Saving) -> tuple[Sequence[Any], Sequence[Any]]:
    """The author's notes before and after this one, in their order."""
    of = {
        "code": saving.code,
        "author_id": saving.manager_id,
        "note_id": _LAST if saving.note_id is None else saving.note_id,
    }
    if saving.note_id is not None and (await connection.execute(_NOTE, of)).one_or_none() is None:
        raise UnknownNote(saving.note_id)
    before = (await connection.execute(_BEFORE, of)).all()
    return before[::-1], (await connection.execute(_AFTER, of)).all()


# --- looking ---


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """Texts without what was found; each number that was, None where it is no country's."""

    texts: list[str]
    numbers: list[ReadNumber | None]
    emails: int


def _look_at(texts: Sequence[str], order: _Order, home_region: str) -> _LookedAt:
    """Each text by itself, and then all of them as one."""

    def is_number(written: str) -> bool:
        return _read(written, home_region) is not None

    def found_in(text: str) -> list[Found]:
        return find(text, is_number, order.codes)

    alone = [found_in(text) for text in texts]
    clean = [_without([text], found)[0] for text, found in zip(texts, alone, strict=True)]
    together = found_in("\n".join(clean))
    found = [each for several in (*alone, together) for each in several]
    return _LookedAt(
        _without(clean, together),
        [_read(each.number, home_region) for each in found if each.kind is Kind.PHONE],
        sum(each.kind is Kind.EMAIL for each in found),
    )


def _read(written: str | None, home_region: str) -> ReadNumber | None:
    if written is None:
        return None
    try:
        return read_number(written, home_region)
    except NumberRefused:
        return None


def _without(texts: Sequence[str], found: Collection[Found]) -> list[str]:
    """The texts, one below the other as they were looked at, without what was found.

    What reaches over several is replaced in the first of them, and missing in the others.
    """
    clean, begins = [], 0
    for text in texts:
        ends = begins + len(text)
        for each in sorted(found, key=lambda each: each.start, reverse=True):
            if each.start < ends and each.end > begins:
                words = REMOVED[each.kind] if each.start >= begins else ""
                text = text[: max(0, each.start - begins)] + words + text[each.end - begins :]  # noqa: PLW2901
        clean.append(text)
        begins = ends + 1
    return clean


# --- storing ---


async def _store(connection: AsyncConnection, saving: Saving, text: str, order: _Order) -> CardNote:
    note_id, created_ms = saving.note_id, saving.at_ms
    if note_id is None:
        values = {
            "order_code": saving.code,
            "manager_id": saving.manager_id,
            "text": text,
            "created_ms": saving.at_ms,
            "changed_ms": saving.at_ms,
        }
        note_id = (await connection.execute(_ADD, values)).scalar_one()
    else:
        of = {"code": saving.code, "author_id": saving.manager_id, "note_id": note_id}
        created_ms = (await connection.execute(_NOTE, of)).one().created_ms
        await _change(connection, note_id, text, saving)
    return CardNote(note_id, text, created_ms, saving.at_ms, saving.manager_id, order.manager_name)


async def _change(connection: AsyncConnection, note_id: int, text: str, saving: Saving) -> None:
    await connection.execute(_CHANGE, {"note_id": note_id, "new_text": text, "now_ms": saving.at_ms})


async def _take(
    connection: AsyncConnection, vault: Vault | None, order: _Order, saving: Saving, number: ReadNumber | None
) -> Taken:
    """Keep a number as a proposed contact, if it is one and new."""
    if number is None or vault is None or order.data_key is None:
        return Taken(Kind.PHONE, kept=False)
    index = vault.blind_index(number.number)
    known = (
        await connection.execute(_HAS_CONTACT, {"customer_id": order.customer_id, "index": index})
    ).first()
    if known is not None:
        return Taken(Kind.PHONE, kept=known.proposed_ms is not None)
    contact_id = await add_contact(
        connection,
        vault,
        number,
        customer_id=order.customer_id,
        data_key=order.data_key,
        at_ms=saving.at_ms,
        proposed_by=saving.manager_id,
        proposed_ms=saving.at_ms,
    )
    entry = AuditEntry(
        saving.at_ms, saving.actor, "contact-propose", f"order {saving.code}", f"contact {contact_id}"
    )
    await write_entry(connection, entry)
    return Taken(Kind.PHONE, kept=True)


async def _alarm(connection: AsyncConnection, saving: Saving, kind: Kind) -> bool:
    """Tell supervisors, unless they have just been told; returns whether they are."""
    alarm = _ALARMS[kind]
    asked = {
        "kind": alarm.value,
        "author_id": saving.manager_id,
        "code": saving.code,
        "since_ms": saving.at_ms - _ALARM_AGAIN_MS,
    }
    if (await connection.execute(_ALARMED_LATELY, asked)).first() is not None:
        return False
    await write_alarm(
        connection, alarm, manager_id=saving.manager_id, order_code=saving.code, detail=saving.actor
    )
    return True
