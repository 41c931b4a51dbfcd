"""A supervisor types a number: it goes in sealed, and no answer tells anything of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from desk_shop import DeskShop, Person
from sqlalchemy import select
from work_shop import Shop

from bridge.rules import Role
from bridge.store.new_contacts import ENTERED_LABEL
from bridge.store.schema import contacts, customers
from bridge.vault import HiddenNumber

TYPED, NUMBER = "07700 900 451", "+447700900451"


@dataclass
class Staff:
    supervisor: Person
    anna: Person


@pytest.fixture
async def shop(work: Shop) -> DeskShop:
    """With an order of a customer whose number was sealed by the vault."""
    await work.order("1001", "Harriet Vane", "+447700900123", work.anna)
    return work.desk


@pytest.fixture
async def staff(shop: DeskShop, work: Shop) -> Staff:
    return Staff(await shop.hire("110", "Sue", Role.SUPERVISOR), work.anna)


async def add(shop: DeskShop, person: Person, number: str = TYPED, order: str = "1001") -> int:
    answer = await shop.ask("POST", f"/v1/orders/{order}/contacts", {"number": number}, of=person)
    assert number not in str(answer.body)
    return answer.status


async def newest(shop: DeskShop) -> tuple[int, str | None, str, int, bytes]:
    query = select(
        contacts.c.id, contacts.c.label, contacts.c.standing, contacts.c.position, contacts.c.sealed
    ).order_by(contacts.c.id.desc())
    async with shop.database.read() as connection:
        row = (await connection.execute(query)).first()
    assert row is not None
    return row[0], row[1], row[2], row[3], row[4]


async def count(shop: DeskShop) -> int:
    async with shop.database.read() as connection:
        return len((await connection.execute(select(contacts.c.id))).all())


async def test_a_number_is_sealed_for_its_row_and_usable_behind_the_others(
    shop: DeskShop, staff: Staff
) -> None:
    assert await add(shop, staff.supervisor) == 204
    contact_id, label, standing, position, sealed = await newest(shop)
    assert (label, standing) == (ENTERED_LABEL, "usable")
    assert position >= 3, "an import fills the first two anew"
    assert shop.vault is not None
    async with shop.database.read() as connection:
        data_key = (await connection.execute(select(customers.c.data_key))).scalar_one()
    opened = shop.vault.open(sealed, customer_id=1, contact_id=contact_id, kind="phone", data_key=data_key)
    assert opened == HiddenNumber(NUMBER)


async def test_it_is_on_record_without_the_number(shop: DeskShop, staff: Staff) -> None:
    await add(shop, staff.supervisor)
    contact_id, *_ = await newest(shop)
    assert (await shop.audit())[-1] == ("desk:110", "contact-add", "order 1001", f"contact {contact_id}")


async def test_the_answer_is_the_same_for_a_number_that_they_have(shop: DeskShop, staff: Staff) -> None:
    before = await count(shop)
    assert [await add(shop, staff.supervisor) for _ in range(3)] == [204] * 3
    assert await count(shop) == before + 1


@pytest.mark.parametrize("typed", ["call me", "12", "0" * 40, "+44 7700 900"])
async def test_what_is_no_number_is_refused_and_not_repeated(
    shop: DeskShop, staff: Staff, typed: str
) -> None:
    before = await count(shop)
    answer = await shop.ask("POST", "/v1/orders/1001/contacts", {"number": typed}, of=staff.supervisor)
    assert (answer.status, answer.reason) == (422, "not-a-number")
    assert typed not in str(answer.body)
    assert await count(shop) == before


async def test_for_an_erased_customer_and_an_unknown_order_there_is_nothing_to_add_to(
    shop: DeskShop, staff: Staff
) -> None:
    assert await add(shop, staff.supervisor, order="9999") == 404
    async with shop.database.write() as connection:
        await connection.execute(customers.update().values(data_key=None))
    before = await count(shop)
    assert await add(shop, staff.supervisor) == 404
    assert await count(shop) == before


async def test_a_sealed_daemon_keeps_none(shop: DeskShop, staff: Staff) -> None:
    shop.vault = None
    assert await add(shop, staff.supervisor) == 503


async def test_to_managers_it_does_not_exist(shop: DeskShop, staff: Staff) -> None:
    assert await add(shop, staff.anna) == 404
