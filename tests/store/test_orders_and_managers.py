"""Orders, who serves them, and which keys the database was sealed with."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.store.customers import ContactRef, find_by_blind_index
from bridge.store.database import Database
from bridge.store.errors import ExtensionTaken, InvalidManager, ManagerDisabled, UnknownManager, UnknownOrder
from bridge.store.key_checks import known_checks, verify_keys
from bridge.store.managers import (
    Manager,
    add_manager,
    count_customers,
    disable_manager,
    list_managers,
    manager_by_extension,
)
from bridge.store.orders import (
    Batch,
    KnownOrder,
    NewCustomer,
    assign_customer,
    known_of,
    list_orders,
    show_order,
    write_batch,
)

Managers = tuple[Manager, Manager]


async def test_managers_are_listed_by_extension_and_found_by_it(db: Database, managers: Managers) -> None:
    assert await list_managers(db) == list(managers)
    assert await manager_by_extension(db, "102") == managers[1]
    assert await manager_by_extension(db, "999") is None


async def test_an_extension_has_one_manager(db: Database, managers: Managers) -> None:
    with pytest.raises(ExtensionTaken, match="101"):
        await add_manager(db, "Clara", "101", actor="cli:alice")
    assert await list_managers(db) == list(managers)


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"extension": ""}, {"extension": "101@x"}, {"extension": "1;2"}, {"role": "king"}],
)
async def test_what_is_no_manager_is_refused(db: Database, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidManager):
        await add_manager(db, **{"name": "Anna", "extension": "101", **wrong}, actor="cli:alice")


async def test_a_disabled_manager_stays_disabled_and_gets_no_customers(
    db: Database, managers: Managers, orders: None
) -> None:
    assert (await disable_manager(db, "102", "cli:alice")).disabled
    assert (await disable_manager(db, "102", "cli:alice")).disabled
    with pytest.raises(ManagerDisabled, match="102"):
        await assign_customer(db, "1042", "102", "cli:alice")
    with pytest.raises(UnknownManager, match="999"):
        await disable_manager(db, "999", "cli:alice")


async def test_orders_are_listed_page_by_page(db: Database, orders: None) -> None:
    assert [line.code for line in await list_orders(db)] == ["0042", "1042"]
    assert [line.code for line in await list_orders(db, limit=1)] == ["0042"]
    assert [line.code for line in await list_orders(db, after="0042")] == ["1042"]


async def test_a_manager_sees_the_orders_of_their_own_customers(db: Database, orders: None) -> None:
    assert len(await list_orders(db, manager="101")) == 2
    assert await list_orders(db, manager="102") == []
    assert (await count_customers(db, "101"), await count_customers(db, "102")) == (1, 0)


async def test_an_order_is_shown_without_what_is_sealed(db: Database, orders: None) -> None:
    shown = await show_order(db, "0042")
    assert (shown.customer_name, shown.summary, shown.manager) == ("Harriet Vane", "A lamp", "101")
    assert [(contact.position, contact.line_type) for contact in shown.contacts] == [
        (1, "mobile"),
        (2, "fixed_line"),
    ]
    assert "sealed" not in repr(shown)
    with pytest.raises(UnknownOrder, match="9999"):
        await show_order(db, "9999")


async def test_assigning_names_what_is_not_there(db: Database, orders: None) -> None:
    with pytest.raises(UnknownOrder):
        await assign_customer(db, "9999", "101", "cli:alice")
    with pytest.raises(UnknownManager):
        await assign_customer(db, "1042", "999", "cli:alice")


async def test_a_caller_is_found_by_the_blind_index(db: Database, managers: Managers, orders: None) -> None:
    assert await find_by_blind_index(db, b"index-2") == [ContactRef(2, 1, managers[0].id)]
    assert await find_by_blind_index(db, b"index-3") == []


async def test_a_batch_learns_what_is_known_and_which_ids_are_free(db: Database, orders: None) -> None:
    async with db.write() as connection:
        by_code = await known_of(connection, ["1042", "9999"], [])
        by_number = await known_of(connection, [], [b"index-1"])
        nobody = await known_of(connection, [], [])
    assert by_code.orders == {"1042": KnownOrder("1042", 1, "Two shelves")}
    assert by_code.customers == by_number.customers
    assert by_code.customers[0].order_count == 2
    assert (by_code.next_customer_id, by_code.next_contact_id) == (2, 3)
    assert (nobody.orders, nobody.customers) == ({}, [])


async def test_the_newest_contact_of_a_position_is_the_current_one(db: Database, orders: None) -> None:
    async with db.write() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO contacts (id, customer_id, kind, standing, position, sealed, blind_index, region,"
            " line_type, created_ms)"
            " VALUES (3, 1, 'phone', 'usable', 1, x'', CAST('index-3' AS BLOB), 'GB', 'mobile', 0)"
        )
        known = await known_of(connection, ["1042"], [])
    assert {place: contact.id for place, contact in known.customers[0].contacts.items()} == {1: 3, 2: 2}


async def test_thousands_of_orders_are_one_batch(db: Database) -> None:
    ids = range(1, 3001)
    batch = Batch(
        new_customers=[NewCustomer(id_, f"Name {id_}", None, b"key") for id_ in ids],
        new_orders=[KnownOrder(f"{id_:06}", id_, "") for id_ in ids],
    )
    async with db.write() as connection:
        await write_batch(connection, batch)
        known = await known_of(connection, [f"{id_:06}" for id_ in ids], [])
    assert len(known.orders) == len(known.customers) == 3000


async def test_keys_seen_first_are_remembered_and_other_ones_told(db: Database) -> None:
    assert await verify_keys(db, {"kek:1": b"one", "audit": b"two"}) == []
    assert await verify_keys(db, {"kek:1": b"one", "audit": b"two", "kek:2": b"three"}) == []
    assert await verify_keys(db, {"kek:1": b"other", "audit": b"two", "kek:3": b"four"}) == ["kek:1"]
    assert await known_checks(db) == {"kek:1": b"one", "audit": b"two", "kek:2": b"three"}
