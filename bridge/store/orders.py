"""Orders: what managers see of them, and how many of them are written at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, String, bindparam, func, insert, not_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.rules.worklist import Why
from bridge.rules.worth import Standing
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.customers import KnownCustomer, find_customers
from bridge.store.database import Database, now_ms
from bridge.store.do_not_call import on_the_list
from bridge.store.errors import ManagerDisabled, UnknownManager, UnknownOrder
from bridge.store.folding import folded
from bridge.store.lanes import Runs, execute_rows
from bridge.store.lists import as_json, values_of
from bridge.store.records import UNSEEN_REPAIR, place_to_dial
from bridge.store.schema import (
    OrderState,
    assignments,
    contacts,
    customers,
    managers,
    orders,
)

# What is shown


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in a list; `manager` is the extension of whoever serves its customer."""

    code: str
    customer_name: str
    summary: str
    state: str
    manager: str | None


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact without its value. `place` is that in the order of trying, None if it may not be dialled."""

    contact_id: int
    kind: str
    label: str | None
    standing: str
    position: int
    region: str
    line_type: str
    place: int | None


@dataclass(frozen=True, slots=True)
class OrderView:
    code: str
    customer_id: int
    customer_name: str
    language: str | None
    summary: str
    state: str
    manager: str | None
    created_ms: int
    contacts: tuple[ContactView, ...]


_served: Final = (
    orders.join(customers, customers.c.id == orders.c.customer_id)
    .outerjoin(assignments, assignments.c.customer_id == customers.c.id)
    .outerjoin(managers, managers.c.id == assignments.c.manager_id)
)


def _list_statement() -> Select[Any]:
    """Paged by key: page 1000 costs what page 1 costs."""
    return (
        select(orders.c.code, customers.c.name, orders.c.summary, orders.c.state, managers.c.extension)
        .select_from(_served)
        .where(orders.c.code > bindparam("after"))
        .order_by(orders.c.code)
        .limit(bindparam("limit"))
    )


_LIST: Final = _list_statement()
_LIST_OF_MANAGER: Final = _list_statement().where(managers.c.extension == bindparam("manager"))
_SHOW: Final = (
    select(
        orders.c.code,
        orders.c.customer_id,
        customers.c.name,
        customers.c.language,
        orders.c.summary,
        orders.c.state,
        managers.c.extension,
        orders.c.created_ms,
    )
    .select_from(_served)
    .where(orders.c.code == bindparam("code"))
)
_SHOW_CONTACTS: Final = (
    select(
        contacts.c.id,
        contacts.c.kind,
        contacts.c.label,
        contacts.c.standing,
        contacts.c.position,
        contacts.c.region,
        contacts.c.line_type,
        place_to_dial(),
    )
    .where(contacts.c.customer_id == bindparam("customer_id"), not_(UNSEEN_REPAIR))
    .order_by(contacts.c.position, contacts.c.id.desc())
)


async def list_orders(
    db: Database, after: str | None = None, limit: int = 50, manager: str | None = None
) -> list[OrderLine]:
    """A page of orders by code, those after `after`; of one manager's customers if an extension is given."""
    page = {"after": after or "", "limit": limit}
    async with db.read() as connection:
        if manager is None:
            rows = await connection.execute(_LIST, page)
        else:
            rows = await connection.execute(_LIST_OF_MANAGER, page | {"manager": manager})
        return [OrderLine(*row) for row in rows]


async def show_order(db: Database, code: str) -> OrderView:
    """Raises UnknownOrder."""
    async with db.read() as connection:
        row = (await connection.execute(_SHOW, {"code": code})).one_or_none()
        if row is None:
            raise UnknownOrder(code)
        found = await connection.execute(_SHOW_CONTACTS, {"customer_id": row.customer_id})
        return OrderView(*row, contacts=tuple(ContactView(*contact) for contact in found))


# Who serves whom

_ASSIGN: Final = upsert(assignments).on_conflict_do_update(
    index_elements=[assignments.c.customer_id],
    set_={
        "manager_id": upsert(assignments).excluded.manager_id,
        "since_ms": upsert(assignments).excluded.since_ms,
    },
)
_CUSTOMER_OF: Final = select(orders.c.customer_id).where(orders.c.code == bindparam("code"))
_ASSIGNABLE: Final = select(managers.c.id, managers.c.disabled_ms).where(
    managers.c.extension == bindparam("extension")
)


async def assign_customer(db: Database, code: str, extension: str, actor: str) -> None:
    """Let the manager serve the order's customer, with all the customer's orders, on record.

    Raises UnknownOrder, UnknownManager, ManagerDisabled.
    """
    async with db.write() as connection:
        customer_id = (await connection.execute(_CUSTOMER_OF, {"code": code})).scalar_one_or_none()
        if customer_id is None:
            raise UnknownOrder(code)
        manager = (await connection.execute(_ASSIGNABLE, {"extension": extension})).one_or_none()
        if manager is None:
            raise UnknownManager(extension)
        if manager.disabled_ms is not None:
            raise ManagerDisabled(extension)
        assignment = {"customer_id": customer_id, "manager_id": manager.id, "since_ms": now_ms()}
        await connection.execute(_ASSIGN, assignment)
        entry = AuditEntry(now_ms(), actor, "assign", code, f"extension={extension}")
        await write_entry(connection, entry)


# Many at once


class KnownOrder(NamedTuple):
    """`items` are lines of text. `why` is why it waits to be called: of an order that is known it stays."""

    code: str
    customer_id: int
    summary: str
    items: str = ""
    priority: int = 0
    why: str = Why.NEW.value


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows about a batch, read in the transaction that will write it.

    Sealing binds a number to the ids of its customer and contact, so ids are given out before anything is
    inserted: from `next_customer_id` and `next_contact_id` upwards. That is safe while the transaction holds
    the write lock; and no id is used twice, for an erased customer's rows stay.
    """

    orders: dict[str, KnownOrder]
    customers: list[KnownCustomer]
    next_customer_id: int
    next_contact_id: int
    not_to_call: frozenset[bytes]
    """Those of their and the batch's blind indexes whose numbers nobody may call."""


class NewCustomer(NamedTuple):
    id: int
    name: str
    language: str | None
    data_key: bytes


class NewContact(NamedTuple):
    id: int
    customer_id: int
    kind: str
    position: int
    sealed: bytes
    blind_index: bytes
    region: str
    line_type: str
    timezone: str | None = None
    standing: str = Standing.USABLE.value
    hint: str | None = None
    doubted_ms: int | None = None
    mends: int | None = None
    proposed_ms: int | None = None


class CustomerChange(NamedTuple):
    customer_id: int
    new_name: str
    new_language: str | None


class OrderChange(NamedTuple):
    of_code: str
    new_customer_id: int
    new_summary: str
    new_items: str
    new_priority: int


@dataclass(frozen=True, slots=True)
class Batch:
    """All that one transaction writes."""

    new_customers: list[NewCustomer] = field(default_factory=list)
    changed_customers: list[CustomerChange] = field(default_factory=list)
    new_contacts: list[NewContact] = field(default_factory=list)
    replaced_contacts: list[int] = field(default_factory=list)
    new_orders: list[KnownOrder] = field(default_factory=list)
    changed_orders: list[OrderChange] = field(default_factory=list)
    assigned: dict[int, int] = field(default_factory=dict)
    """Customer id to manager id."""


_KNOWN_ORDERS: Final = select(*(orders.c[name] for name in KnownOrder._fields)).where(
    orders.c.code.in_(values_of("codes", String))
)
_NEXT_IDS: Final = select(
    select(func.coalesce(func.max(customers.c.id), 0) + 1).scalar_subquery(),
    select(func.coalesce(func.max(contacts.c.id), 0) + 1).scalar_subquery(),
)
_INSERT_CUSTOMERS: Final = insert(customers)
_INSERT_CONTACTS: Final = insert(contacts)
_INSERT_ORDERS: Final = insert(orders)
_CHANGE_CUSTOMER: Final = (
    update(customers)
    .where(customers.c.id == bindparam("customer_id"))
    .values(name=bindparam("new_name"), language=bindparam("new_language"), folded=bindparam("new_folded"))
)
_REPLACE_CONTACT: Final = (
    update(contacts).where(contacts.c.id == bindparam("contact_id")).values(standing=Standing.WRONG.value)
)
_CHANGE_ORDER: Final = (
    update(orders)
    .where(orders.c.code == bindparam("of_code"))
    .values(
        customer_id=bindparam("new_customer_id"),
        summary=bindparam("new_summary"),
        items=bindparam("new_items"),
        priority=bindparam("new_priority"),
    )
)


async def known_of(connection: AsyncConnection, codes: Collection[str], indexes: Collection[bytes]) -> Known:
    """As `find_known`, in a transaction of `Database.write`."""
    return await connection.run_sync(find_known, codes, indexes)


def find_known(connection: Runs, codes: Collection[str], indexes: Collection[bytes]) -> Known:
    """What is known of these order codes and of the customers with these blind indexes; within a write."""
    rows = connection.execute(_KNOWN_ORDERS, {"codes": as_json(codes)})
    known_orders = {row[0]: KnownOrder(*row) for row in rows}
    serving = {order.customer_id for order in known_orders.values()}
    [(next_customer_id, next_contact_id)] = connection.execute(_NEXT_IDS, {})
    known = find_customers(connection, serving, indexes)
    theirs = {contact.blind_index for customer in known for contact in customer.contacts.values()}
    return Known(
        known_orders,
        known,
        next_customer_id,
        next_contact_id,
        on_the_list(connection, theirs.union(indexes)),
    )


async def write_batch(connection: AsyncConnection, batch: Batch) -> None:
    """As `add_batch`, in a transaction of `Database.write`."""
    await connection.run_sync(add_batch, batch)


def add_batch(connection: Runs, batch: Batch) -> None:
    """Write a batch in the caller's transaction, in a handful of statements whatever its size."""
    at = now_ms()
    for statement, names, rows in (
        (
            _INSERT_CUSTOMERS,
            (*NewCustomer._fields, "created_ms", "folded"),
            [(*new, at, folded(new.name)) for new in batch.new_customers],
        ),
        (
            _CHANGE_CUSTOMER,
            (*CustomerChange._fields, "new_folded"),
            [(*each, folded(each.new_name)) for each in batch.changed_customers],
        ),
        (
            _INSERT_CONTACTS,
            (*NewContact._fields, "created_ms"),
            [(*new, at) for new in batch.new_contacts],
        ),
        (_REPLACE_CONTACT, ("contact_id",), [(id_,) for id_ in batch.replaced_contacts]),
        (
            _INSERT_ORDERS,
            (*KnownOrder._fields, "created_ms", "state"),
            [(*new, at, OrderState.OPEN.value) for new in batch.new_orders],
        ),
        (_CHANGE_ORDER, OrderChange._fields, batch.changed_orders),
        (
            _ASSIGN,
            ("customer_id", "manager_id", "since_ms"),
            [(customer_id, manager_id, at) for customer_id, manager_id in batch.assigned.items()],
        ),
    ):
        execute_rows(connection, statement, names, rows)
