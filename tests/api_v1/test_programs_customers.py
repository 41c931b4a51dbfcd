"""Customers come in, change, and are told without the digits of a number."""

from __future__ import annotations

from typing import Any

import pytest
from program_shop import CANARIES, ProgramShop, order

from bridge.store.customers import find_by_blind_index
from bridge.store.erasure import erase_customer
from bridge.vault import read_number

HARRIET, PETER, LANDLINE = CANARIES


def customer(**more: Any) -> Any:
    return {"name": "Harriet Vane", "phones": [HARRIET, LANDLINE], "language": "ru", "manager": "102"} | more


async def belongs_to(shop: ProgramShop, number: str) -> list[int]:
    """The customers who have this number."""
    assert shop.vault is not None
    index = shop.vault.blind_index(read_number(number, "GB").number)
    return [found.customer_id for found in await find_by_blind_index(shop.database, index)]


async def test_a_customer_comes_in_and_is_told_by_country_and_kind_of_line(shop: ProgramShop) -> None:
    answer = await shop.ask("POST", "/v1/customers", customer())
    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/customers/1"
    assert answer.body | {"created_ms": 0} == {
        "id": 1,
        "name": "Harriet Vane",
        "language": "ru",
        "manager": "102",
        "do_not_call": False,
        "erased": False,
        "contacts": [
            {"id": 1, "position": 1, "standing": "usable", "region": "GB", "line_type": "mobile"},
            {"id": 2, "position": 2, "standing": "usable", "region": "GB", "line_type": "fixed_line"},
        ],
        "created_ms": 0,
    }
    assert await belongs_to(shop, HARRIET) == [1]
    assert (await shop.audit())[-1] == ("api:crm", "customer-put", "customer 1", "")


async def test_who_has_the_same_name_and_first_number_is_the_same_customer(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/customers", customer())
    again = await shop.ask("POST", "/v1/customers", {"name": "HARRIET VANE", "phones": ["07700 900123"]})
    assert (again.status, again.body["id"], again.body["name"]) == (200, 1, "Harriet Vane")
    assert (await shop.ask("POST", "/v1/orders", order())).body["customer_id"] == 1
    assert (await shop.ask("POST", "/v1/customers", customer(name="Peter"))).body["id"] == 2


async def test_parts_of_a_customer_are_changed(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/customers", customer())
    answer = await shop.ask("PATCH", "/v1/customers/1", {"name": "Harriet Wimsey", "phones": [PETER]})
    assert answer.status == 200
    assert (answer.body["name"], answer.body["manager"], answer.body["language"]) == (
        "Harriet Wimsey",
        "102",
        "ru",
    )
    assert [each["standing"] for each in answer.body["contacts"]] == ["wrong", "usable", "usable"]
    assert (await belongs_to(shop, HARRIET), await belongs_to(shop, PETER)) == ([], [1])
    served = await shop.ask("PATCH", "/v1/customers/1", {"manager": "Anna", "language": "en"})
    assert (served.body["manager"], served.body["language"]) == ("101", "en")
    assert (await shop.audit())[-1] == ("api:crm", "customer-change", "customer 1", "language manager")
    unchanged = await shop.ask("PATCH", "/v1/customers/1", {"name": None})
    assert unchanged.headers["ETag"] == served.headers["ETag"]


async def test_a_customer_is_changed_only_as_they_were_seen(shop: ProgramShop) -> None:
    seen = (await shop.ask("POST", "/v1/customers", customer())).headers["ETag"]
    changed = await shop.ask("PATCH", "/v1/customers/1", {"phones": [PETER]}, If_Match=seen)
    assert changed.headers["ETag"] != seen, "another number is another state"
    late = await shop.ask("PATCH", "/v1/customers/1", {"name": "Peter"}, If_Match=seen)
    assert (late.status, late.reason) == (412, "changed-meanwhile")
    known = await shop.ask("GET", "/v1/customers/1", If_None_Match=changed.headers["ETag"])
    assert known.status == 304


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": f"Harriet {HARRIET}"}, "#/name"),
        ({"phones": ["none"]}, "#/phones/0"),
        ({"phones": [PETER, "none"]}, "#/phones/1"),
        ({"phones": []}, "#/phones"),
        ({"manager": HARRIET}, "#/manager"),
        ({"language": HARRIET}, "#/language"),
        ({"do_not_call": True}, "#"),
        ({HARRIET: HARRIET}, "#"),
    ],
)
async def test_what_can_not_be_taken_leaves_a_customer_as_they_were(
    shop: ProgramShop, body: Any, pointer: str
) -> None:
    was = (await shop.ask("POST", "/v1/customers", customer())).body
    for method, path in (("PATCH", "/v1/customers/1"), ("POST", "/v1/customers")):
        answer = await shop.ask(method, path, customer(**body) if method == "POST" else body)
        assert (answer.status, answer.pointers) == (422, [pointer])
    assert (await shop.ask("GET", "/v1/customers/1")).body == was


async def test_an_erased_customer_is_told_as_such_and_not_brought_back(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/customers", customer())
    await erase_customer(shop.database, 1, actor="cli:test")
    answer = await shop.ask("PATCH", "/v1/customers/1", {"phones": [PETER]})
    assert (answer.status, answer.reason) == (409, "erased")
    told = (await shop.ask("GET", "/v1/customers/1")).body
    assert (told["erased"], told["name"]) == (True, "")
    assert (await shop.ask("GET", "/v1/customers/2")).reason == "not-found"


async def test_customers_are_listed_page_by_page(shop: ProgramShop) -> None:
    for number in range(5):
        await shop.ask("POST", "/v1/customers", customer(name=f"Customer {number}"))
    first = (await shop.ask("GET", "/v1/customers?limit=3")).body
    assert [each["id"] for each in first["customers"]] == [1, 2, 3]
    rest = (await shop.ask("GET", f"/v1/customers?limit=3&cursor={first['next_cursor']}")).body
    assert [each["id"] for each in rest["customers"]] == [4, 5]
    assert rest["next_cursor"] is None
