"""Customers, their contacts and who serves them, as seen by whoever brings new data about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from dataclasses import KW_ONLY, dataclass
from typing import Final, TypeAlias

from sqlalchemy import Integer, bindparam, func, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.worth import Standing
from bridge.store.database import Database
from bridge.store.lanes import Runs
from bridge.store.lists import as_json, end_to_end, hashes_of, values_of
from bridge.store.records import UNSEEN_REPAIR
from bridge.store.schema import assignments, contacts, customers, orders


@dataclass(frozen=True, slots=True)
class KnownContact:
    id: int
    blind_index: bytes


Mended: TypeAlias = tuple[int, bytes]
"""A position, and the blind index of a mistyped number that was there until its repair was accepted."""


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """A customer with the current contact of each position, replaced ones left out.

    `data_key` is None for an erased customer, `manager_id` for one whom nobody serves yet.
    """

    id: int
    name: str
    language: str | None
    data_key: bytes | None
    manager_id: int | None
    order_count: int
    do_not_call: bool
    _: KW_ONLY
    contacts: Mapping[int, KnownContact]
    mended: Set[Mended]


@dataclass(frozen=True, slots=True)
class ContactRef:
    """A contact found by its number's blind index."""

    contact_id: int
    customer_id: int
    manager_id: int | None


_order_count: Final = (
    select(func.count())
    .select_from(orders)
    .where(orders.c.customer_id == customers.c.id)
    .correlate(customers)
    .scalar_subquery()
)
_OWNERS: Final = (
    select(contacts.c.customer_id).where(contacts.c.blind_index.in_(hashes_of("indexes"))).distinct()
)
_KNOWN: Final = (
    select(
        customers.c.id,
        customers.c.name,
        customers.c.language,
        customers.c.data_key,
        assignments.c.manager_id,
        _order_count,
        customers.c.do_not_call_ms.is_not(None),
    )
    .select_from(customers.outerjoin(assignments, assignments.c.customer_id == customers.c.id))
    .where(customers.c.id.in_(values_of("ids", Integer)))
    .order_by(customers.c.id)
)
# By id: where a position has been filled anew, the later contact overwrites the earlier.
_CONTACTS: Final = (
    select(contacts.c.customer_id, contacts.c.position, contacts.c.id, contacts.c.blind_index)
    .where(contacts.c.customer_id.in_(values_of("ids", Integer)), not_(UNSEEN_REPAIR))
    .order_by(contacts.c.id)
)
_repairs: Final = contacts.alias("repairs")
_MENDED: Final = (
    select(contacts.c.customer_id, contacts.c.position, contacts.c.blind_index)
    .join(_repairs, _repairs.c.mends == contacts.c.id)
    .where(contacts.c.customer_id.in_(values_of("ids", Integer)), _repairs.c.proposed_ms.is_(None))
)
_BY_BLIND_INDEX: Final = (
    select(contacts.c.id, contacts.c.customer_id, assignments.c.manager_id)
    .select_from(contacts.outerjoin(assignments, assignments.c.customer_id == contacts.c.customer_id))
    .where(contacts.c.blind_index == bindparam("index"), contacts.c.standing != Standing.WRONG.value)
    .order_by(contacts.c.id.desc())
)


async def find_by_blind_index(db: Database, index: bytes) -> list[ContactRef]:
    """The contacts that have this number, newest first: whom a caller may be."""
    async with db.read() as connection:
        return [ContactRef(*row) for row in await connection.execute(_BY_BLIND_INDEX, {"index": index})]


async def known_customers(
    connection: AsyncConnection, ids: Collection[int], indexes: Collection[bytes]
) -> list[KnownCustomer]:
    """As `find_customers`, in a transaction of `Database.write`."""
    return await connection.run_sync(find_customers, ids, indexes)


def find_customers(connection: Runs, ids: Collection[int], indexes: Collection[bytes]) -> list[KnownCustomer]:
    """The customers with these ids, and those who have or had a number of these blind indexes; by id."""
    owners = connection.execute(_OWNERS, end_to_end("indexes", indexes))
    wanted = {"ids": as_json({*ids, *(customer_id for (customer_id,) in owners)})}
    current: dict[int, dict[int, KnownContact]] = defaultdict(dict)
    for customer_id, position, contact_id, index in connection.execute(_CONTACTS, wanted):
        current[customer_id][position] = KnownContact(contact_id, index)
    mended: dict[int, set[Mended]] = defaultdict(set)
    for customer_id, position, index in connection.execute(_MENDED, wanted):
        mended[customer_id].add((position, index))
    return [
        KnownCustomer(
            id_,
            name,
            language,
            data_key,
            manager_id,
            order_count,
            bool(marked),
            contacts=current[id_],
            mended=mended[id_],
        )
        for id_, name, language, data_key, manager_id, order_count, marked in connection.execute(
            _KNOWN, wanted
        )
    ]
