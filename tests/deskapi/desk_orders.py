"""Customers with sealed numbers and orders, for tests of the desk's API."""

from __future__ import annotations

from collections.abc import Sequence

from desk_shop import DeskShop
from sqlalchemy import text

from bridge.store.managers import Manager
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch
from bridge.vault import HiddenNumber


def number_of(customer_id: int) -> str:
    """A number that Ofcom keeps for fiction, another for each of a thousand customers."""
    return f"+447700900{customer_id:03}"


async def add_customers(shop: DeskShop, ids: Sequence[int], manager: Manager) -> None:
    """Customers of one manager, each with a number (contact id = customer id) and an order (1000 + id)."""
    assert shop.vault is not None
    batch = Batch()
    for id_ in ids:
        number, data_key = HiddenNumber(number_of(id_)), shop.vault.new_data_key(id_)
        place = {"customer_id": id_, "contact_id": id_, "kind": "phone"}
        sealed = shop.vault.seal(number, **place, data_key=data_key)  # type: ignore[arg-type]
        index = shop.vault.blind_index(number)
        batch.new_customers.append(NewCustomer(id_, f"Customer {id_}", "en", data_key))
        batch.new_contacts.append(NewContact(id_, id_, "phone", 1, sealed, index, "GB", "mobile"))
        batch.new_orders.append(KnownOrder(str(1000 + id_), id_, "Two shelves"))
        batch.assigned[id_] = manager.id
    async with shop.database.write() as connection:
        await write_batch(connection, batch)


async def customers_of(shop: DeskShop) -> dict[str, list[int]]:
    """The customers of each manager, by extension."""
    query = "SELECT extension, customer_id FROM assignments JOIN managers ON id = manager_id ORDER BY 2"
    async with shop.database.read() as connection:
        rows = (await connection.execute(text(query))).all()
    found: dict[str, list[int]] = {}
    for extension, customer_id in rows:
        found.setdefault(extension, []).append(customer_id)
    return found


async def execute(shop: DeskShop, statement: str, **values: object) -> None:
    """One statement, for what no function of the program does yet, or only in the course of a call."""
    async with shop.database.write() as connection:
        await connection.execute(text(statement), values)
