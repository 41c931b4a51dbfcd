"""What customers have said whom nobody answered: sealed under their own data key, for a while.

Of somebody whom nobody knew it is sealed under a key of its own, and belongs to no customer until a
supervisor has heard whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Delete, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.store.audit import AuditEntry, write_entry
from bridge.store.data_keys import require_known_key
from bridge.store.database import Database
from bridge.store.errors import UnknownOrder
from bridge.store.number_links import CUSTOMER_SEEN
from bridge.store.records import DAY_MS
from bridge.store.schema import assignments, customers, orders, voice_messages
from bridge.store.worklist import visible, whose
from bridge.vault import OF_NOBODY, Vault

_messages: Final = voice_messages.c


@dataclass(frozen=True, slots=True)
class Keeping:
    """How many messages of customers, the latest, are kept, as many of strangers, and for how many days."""

    most: int
    days: int


@dataclass(frozen=True, slots=True)
class Begun:
    """A message of which the sound is not here yet. `at_ms` is milliseconds since the epoch, UTC."""

    id: str
    at_ms: int


@dataclass(frozen=True, slots=True, repr=False)
class Sound:
    """A recording in the form WAV, and how many seconds it lasts."""

    wav: bytes
    seconds: int


_CUSTOMER: Final = (
    select(orders.c.customer_id)
    .join_from(orders, customers)
    .where(orders.c.code == bindparam("code"), customers.c.data_key.is_not(None))
)
_BEGIN: Final = insert(voice_messages)
_BEGUN: Final = select(_messages.id, _messages.at_ms).where(_messages.sealed.is_(None))
_KEY_OF: Final = (
    select(
        func.coalesce(_messages.customer_id, OF_NOBODY),
        func.coalesce(_messages.data_key, customers.c.data_key),
    )
    .select_from(voice_messages.outerjoin(customers, customers.c.id == _messages.customer_id))
    .where(
        _messages.id == bindparam("message_id"),
        or_(_messages.data_key.is_not(None), customers.c.data_key.is_not(None)),
    )
)
_OF_STRANGERS: Final = (
    select(_messages.id, _messages.caller, _messages.at_ms, _messages.seconds, _messages.heard_ms)
    .where(_messages.caller.is_not(None), _messages.sealed.is_not(None))
    .order_by(_messages.at_ms.desc(), _messages.id)
)
_STRANGERS: Final = select(_messages.caller, _messages.sealed, _messages.data_key).where(
    _messages.id == bindparam("message_id"), _messages.caller.is_not(None), _messages.sealed.is_not(None)
)
_GIVE_TO_ORDER: Final = (
    update(voice_messages)
    .where(_messages.id == bindparam("message_id"))
    .values(
        customer_id=bindparam("whose"),
        order_code=bindparam("about"),
        caller=None,
        data_key=None,
        sealed=bindparam("sound"),
    )
)
_KEEP: Final = (
    update(voice_messages)
    .where(_messages.id == bindparam("message_id"))
    .values(sealed=bindparam("sound"), seconds=bindparam("lasts"))
)
_DROP: Final = delete(voice_messages).where(_messages.id == bindparam("message_id"))
_DROP_OLD: Final = delete(voice_messages).where(_messages.at_ms < bindparam("before_ms"))


def _drop_beyond(of_whom: ColumnElement[bool]) -> Delete:
    """All but so many of the latest of somebody: strangers who fill their own leave customers' alone."""
    latest = (
        select(_messages.id)
        .where(_messages.sealed.is_not(None), of_whom)
        .order_by(_messages.at_ms.desc(), _messages.id)
        .limit(bindparam("most"))
    )
    return delete(voice_messages).where(_messages.sealed.is_not(None), of_whom, _messages.id.not_in(latest))


_DROP_BEYOND: Final = (_drop_beyond(_messages.caller.is_(None)), _drop_beyond(_messages.caller.is_not(None)))
_OPEN: Final = (
    select(_messages.customer_id, _messages.sealed, customers.c.data_key)
    .select_from(
        voice_messages.join(orders, orders.c.code == _messages.order_code)
        .join(customers, customers.c.id == _messages.customer_id)
        .outerjoin(assignments, assignments.c.customer_id == orders.c.customer_id)
    )
    .where(
        visible(),
        _messages.customer_id == orders.c.customer_id,
        _messages.id == bindparam("message_id"),
        _messages.sealed.is_not(None),
        customers.c.data_key.is_not(None),
    )
)
_HEARD: Final = (
    update(voice_messages)
    .where(_messages.id == bindparam("message_id"))
    .values(heard_ms=func.coalesce(_messages.heard_ms, bindparam("now_ms")))
)


async def begin_message(db: Database, message: Begun, code: str) -> bool:
    """Note, before the PBX records anything, whose message it is to be. False for no customer, or one erased.

    By this a daemon that dies leaves no recording behind that nobody looks for.
    """
    async with db.write() as connection:
        customer_id = (await connection.execute(_CUSTOMER, {"code": code})).scalar_one_or_none()
        if customer_id is None:
            return False
        values = {"id": message.id, "customer_id": customer_id, "order_code": code, "at_ms": message.at_ms}
        await connection.execute(_BEGIN, values)
        return True


async def begin_strangers_message(db: Database, vault: Vault, message: Begun, caller: int) -> None:
    """The same, of somebody who has this running number. Raises KeyUnusable after a rotation unheard of."""
    async with db.write() as connection:
        await require_known_key(connection, vault)
        values = {
            "id": message.id,
            "caller": caller,
            "data_key": vault.new_data_key(OF_NOBODY),
            "at_ms": message.at_ms,
        }
        await connection.execute(_BEGIN, values)


async def begun_messages(db: Database) -> list[Begun]:
    """Those whose sound is still to come."""
    async with db.read() as connection:
        return [Begun(*row) for row in await connection.execute(_BEGUN)]


async def keep_message(
    db: Database, vault: Vault, message: Begun, sound: Sound, keeping: Keeping, *, now_ms: int
) -> bool:
    """Seal what was said; then forget what is too old, and what is too much.

    False where it is not kept, as the customer was erased meanwhile. Raises SealBroken.
    """
    async with db.write() as connection:
        found = (await connection.execute(_KEY_OF, {"message_id": message.id})).one_or_none()
        if found is None:
            return False
        customer_id, data_key = found
        sealed = vault.seal_sound(
            sound.wav, customer_id=customer_id, message_id=message.id, data_key=data_key
        )
        values = {"message_id": message.id, "sound": sealed, "lasts": sound.seconds}
        await connection.execute(_KEEP, values)
        await connection.execute(_DROP_OLD, {"before_ms": now_ms - keeping.days * DAY_MS})
        for beyond in _DROP_BEYOND:
            await connection.execute(beyond, {"most": keeping.most})
        return True


async def drop_message(db: Database, message_id: str) -> None:
    """Forget one that came to nothing."""
    async with db.write() as connection:
        await connection.execute(_DROP, {"message_id": message_id})


async def forget_old_messages(db: Database, keeping: Keeping, *, now_ms: int) -> None:
    async with db.write() as connection:
        await connection.execute(_DROP_OLD, {"before_ms": now_ms - keeping.days * DAY_MS})


async def open_message(
    db: Database, vault: Vault, code: str, message_id: str, *, sees: int | None, actor: str, now_ms: int
) -> bytes | None:
    """A message of this order as WAV, on record before anybody hears it.

    None where there is none that may be heard; `sees` is whose customers somebody may see, None for
    everybody's. Raises SealBroken.
    """
    async with db.write() as connection:
        asked = {"code": code, "message_id": message_id} | whose(sees)
        found = (await connection.execute(_OPEN, asked)).one_or_none()
        if found is None:
            return None
        customer_id, sealed, data_key = found
        wav = vault.open_sound(sealed, customer_id=customer_id, message_id=message_id, data_key=data_key)
        await connection.execute(_HEARD, {"message_id": message_id, "now_ms": now_ms})
        await write_entry(connection, AuditEntry(now_ms, actor, "message-hear", f"order {code}"))
    return wav


@dataclass(frozen=True, slots=True)
class StrangersMessage:
    """A message of somebody whom nobody knew; `caller` is the running number that they had then."""

    id: str
    caller: int
    at_ms: int
    seconds: int
    heard_ms: int | None


async def strangers_messages(db: Database) -> list[StrangersMessage]:
    """The newest first."""
    async with db.read() as connection:
        return [StrangersMessage(*row) for row in await connection.execute(_OF_STRANGERS)]


async def open_strangers_message(
    db: Database, vault: Vault, message_id: str, *, actor: str, now_ms: int
) -> bytes | None:
    """One of them as WAV, on record before anybody hears it; None where there is none. Raises SealBroken."""
    async with db.write() as connection:
        opened = await _opened_of_stranger(connection, vault, message_id)
        if opened is None:
            return None
        caller, wav = opened
        await connection.execute(_HEARD, {"message_id": message_id, "now_ms": now_ms})
        await write_entry(connection, AuditEntry(now_ms, actor, "message-hear", f"caller {caller}"))
    return wav


async def _opened_of_stranger(
    connection: AsyncConnection, vault: Vault, message_id: str
) -> tuple[int, bytes] | None:
    """The running number of whoever left it, and the sound. Raises SealBroken."""
    found = (await connection.execute(_STRANGERS, {"message_id": message_id})).one_or_none()
    if found is None:
        return None
    wav = vault.open_sound(
        found.sealed, customer_id=OF_NOBODY, message_id=message_id, data_key=found.data_key
    )
    return found.caller, wav


async def give_message_to_order(
    db: Database, vault: Vault, message_id: str, code: str, *, sees: int | None, actor: str, now_ms: int
) -> bool:
    """Let a stranger's message be one of this order's customer, sealed under their key, on record.

    False where there is no such message. Raises UnknownOrder for one that `sees` may not see, and for one of
    an erased customer; SealBroken.
    """
    async with db.write() as connection:
        customer = (await connection.execute(CUSTOMER_SEEN, {"code": code} | whose(sees))).first()
        if customer is None:
            raise UnknownOrder(code)
        opened = await _opened_of_stranger(connection, vault, message_id)
        if opened is None:
            return False
        caller, wav = opened
        sealed = vault.seal_sound(
            wav, customer_id=customer.customer_id, message_id=message_id, data_key=customer.data_key
        )
        moved = {"message_id": message_id, "whose": customer.customer_id, "about": code, "sound": sealed}
        await connection.execute(_GIVE_TO_ORDER, moved)
        entry = AuditEntry(now_ms, actor, "message-attach", f"order {code}", f"caller {caller}")
        await write_entry(connection, entry)
    return True
