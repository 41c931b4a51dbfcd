"""One-time links for customers: kept as a hash, good for a day.

By one a customer gives a number of theirs, or asks to be called no more.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.engine import Connection

from bridge.store.audit import AuditEntry, add_entry, write_entry
from bridge.store.audit_chain import Pen
from bridge.store.database import Database, audit_pen
from bridge.store.do_not_call import forbid_customer
from bridge.store.errors import UnknownOrder
from bridge.store.new_contacts import LINK_LABEL, add_contact, contact_with
from bridge.store.schema import assignments, customers, number_links, orders
from bridge.store.sessions import hash_of
from bridge.store.worklist import visible, whose
from bridge.vault import ReadNumber, Vault

LINK_MS: Final = 24 * 3_600_000
_STOPPED_BY_LINK: Final = "by the customer's link"

CUSTOMER_SEEN: Final = (
    select(orders.c.customer_id, customers.c.data_key)
    .select_from(
        orders.join(customers, customers.c.id == orders.c.customer_id).outerjoin(
            assignments, assignments.c.customer_id == orders.c.customer_id
        )
    )
    .where(visible(), customers.c.data_key.is_not(None))
)
"""The customer of an order, unless they are erased, or its reader may not see them."""

_put = upsert(number_links)
_REPLACE: Final = _put.on_conflict_do_update(
    index_elements=[number_links.c.customer_id],
    set_={name: _put.excluded[name] for name in ("token_hash", "order_code", "manager_id", "ends_ms")},
)
_this: Final = number_links.c.token_hash == bindparam("token_hash")
_OPEN: Final = (
    select(
        number_links.c.customer_id, number_links.c.order_code, number_links.c.manager_id, customers.c.data_key
    )
    .join_from(number_links, customers)
    .where(_this, number_links.c.ends_ms > bindparam("now_ms"), customers.c.data_key.is_not(None))
)
_USE: Final = delete(number_links).where(_this)


async def make_link(
    db: Database, token: str, code: str, *, manager_id: int, sees: int | None, entry: AuditEntry
) -> int:
    """Let whoever has this token give one number to the order's customer; returns when it ends.

    Of each customer the newest link alone is good. `sees` is whose customers the maker may see, None for
    everybody's. Raises UnknownOrder for one that they may not see, and for one of an erased customer.
    """
    ends_ms = entry.at_ms + LINK_MS
    async with db.write() as connection:
        found = await connection.execute(CUSTOMER_SEEN, {"code": code} | whose(sees))
        customer_id = found.scalar_one_or_none()
        if customer_id is None:
            raise UnknownOrder(code)
        values = {
            "token_hash": hash_of(token),
            "customer_id": customer_id,
            "order_code": code,
            "manager_id": manager_id,
            "ends_ms": ends_ms,
        }
        await connection.execute(_REPLACE, values)
        await write_entry(connection, entry)
    return ends_ms


async def is_open(db: Database, token: str, now_ms: int) -> bool:
    async with db.read() as connection:
        found = await connection.execute(_OPEN, {"token_hash": hash_of(token), "now_ms": now_ms})
        return found.first() is not None


async def use_link(
    db: Database, vault: Vault, token: str, number: ReadNumber, *, actor: str, now_ms: int
) -> bool:
    """Store the number as a proposed contact of the link's customer, and end the link, on record.

    A number that is theirs already is not added again. False where the link is unknown, used or late, which
    nobody can tell apart. Raises SealBroken.
    """
    async with db.write() as connection:
        asked = {"token_hash": hash_of(token), "now_ms": now_ms}
        link = (await connection.execute(_OPEN, asked)).first()
        if link is None:
            return False
        await connection.execute(_USE, {"token_hash": asked["token_hash"]})
        index = vault.blind_index(number.number)
        contact_id = await contact_with(connection, link.customer_id, index)
        if contact_id is None:
            contact_id = await add_contact(
                connection,
                vault,
                number,
                customer_id=link.customer_id,
                data_key=link.data_key,
                at_ms=now_ms,
                label=LINK_LABEL,
                proposed_by=link.manager_id,
                proposed_ms=now_ms,
            )
        entry = AuditEntry(
            now_ms, actor, "number-link-used", f"order {link.order_code}", f"contact {contact_id}"
        )
        await write_entry(connection, entry)
    return True


async def stop_calls(db: Database, token: str, *, actor: str, now_ms: int) -> bool:
    """Let the link's customer be called no more, at any number of theirs, and end the link, on record.

    False where the link is unknown, used or late, which nobody can tell apart.
    """
    async with db.write() as connection:
        return await connection.run_sync(_stop_calls, audit_pen(connection), token, actor, now_ms)


def _stop_calls(connection: Connection, pen: Pen, token: str, actor: str, now_ms: int) -> bool:
    link = connection.execute(_OPEN, {"token_hash": hash_of(token), "now_ms": now_ms}).first()
    if link is None:
        return False
    connection.execute(_USE, {"token_hash": hash_of(token)})
    orders_done = forbid_customer(connection, link.customer_id, now_ms, label=_STOPPED_BY_LINK)
    detail = f"orders={orders_done}"
    add_entry(
        connection, pen, AuditEntry(now_ms, actor, "do-not-call-link", f"order {link.order_code}", detail)
    )
    return True
