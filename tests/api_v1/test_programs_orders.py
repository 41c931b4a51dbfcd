"""Orders come in by the shop's own code, change, and are looked at; their numbers never come out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from program_shop import CANARIES, ProgramShop, order

from bridge.store.erasure import erase_customer
from bridge.store.records import Dialled, dial_facts

HARRIET, PETER, LANDLINE = CANARIES


async def test_an_order_that_comes_in_can_be_dialled_at_once(shop: ProgramShop) -> None:
    answer = await shop.ask("POST", "/v1/orders", order(items=["A lamp", "Two shelves"], priority=7))
    assert answer.status == 201
    assert answer.headers["Location"] == "/v1/orders/1042"
    assert answer.body | {"created_ms": 0} == {
        "code": "1042",
        "customer_id": 1,
        "customer_name": "Harriet Vane",
        "manager": "101",
        "summary": "A lamp, Two shelves",
        "items": ["A lamp", "Two shelves"],
        "priority": 7,
        "state": "open",
        "why": "new",
        "attempts": 0,
        "due_ms": None,
        "created_ms": 0,
    }
    facts = await dial_facts(shop.database, Dialled("101", "1042", shop.now_ms))
    assert facts.contact is not None
    assert shop.vault is not None
    opened = shop.vault.open(
        facts.contact.sealed,
        customer_id=facts.contact.customer_id,
        contact_id=facts.contact.contact_id,
        kind=facts.contact.kind,
        data_key=facts.contact.data_key,
    )
    assert opened.reveal() == HARRIET
    assert (await shop.audit())[-1] == ("api:crm", "order-put", "1042", "added")


async def test_the_same_order_again_changes_it_and_leaves_what_it_leaves_out(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order(items=["A lamp"], summary="Fragile", priority=7))
    again = await shop.ask("POST", "/v1/orders", order())
    assert again.status == 200
    assert (again.body["summary"], again.body["items"], again.body["priority"]) == ("Fragile", ["A lamp"], 7)
    changed = await shop.ask("POST", "/v1/orders", order(summary="Heavy", manager="Boris"))
    assert (changed.body["summary"], changed.body["manager"]) == ("Heavy", "102")
    assert [row[3] for row in (await shop.audit())[-3:]] == ["added", "unchanged", "updated"]


async def test_customers_are_told_apart_by_name_and_first_number(shop: ProgramShop) -> None:
    ids = [
        (await shop.ask("POST", "/v1/orders", body)).body["customer_id"]
        for body in (
            order("1"),
            order("2", name="harriet vane", phone="07700 900123"),
            order("3", name="Lord Peter"),
            order("4", phone=PETER),
        )
    ]
    assert ids == [1, 1, 2, 3]


REFUSED: dict[str, tuple[Any, str]] = {
    "a number as the code": (order("447700900123"), "#/code"),
    "letters in the code": (order("A1"), "#/code"),
    "a code that is too long": (order("1234567890123"), "#/code"),
    "a number in the name": (order(name=f"Harriet {HARRIET}"), "#/customer/name"),
    "a name of nothing": (order(name=""), "#/customer/name"),
    "a name with a line end": (order(name="Harriet\nVane"), "#/customer/name"),
    "no number": (order(phone="none"), "#/customer/phones/0"),
    "a number with an extension": (order(phone=f"{HARRIET} ext. 7"), "#/customer/phones/0"),
    "a second number that is none": (
        order(customer={"phones": [HARRIET, f"{PETER}x"]}),
        "#/customer/phones/1",
    ),
    "no phones": (order(customer={"phones": []}), "#/customer/phones"),
    "three phones": (order(customer={"phones": [HARRIET, PETER, LANDLINE]}), "#/customer/phones"),
    "phones as one text": (order(customer={"phones": HARRIET}), "#/customer/phones"),
    "a number for a phone": (order(customer={"phones": [447700900123]}), "#/customer/phones/0"),
    "an unknown field": (order() | {HARRIET: "phone"}, "#"),
    "an unknown field of the customer": (order(customer={HARRIET: HARRIET}), "#/customer"),
    "a number in the summary": (order(summary="ring 07700 900123"), "#/summary"),
    "a number in an item": (order(items=["A lamp", "ring 07700 900123"]), "#/items"),
    "a number for an item": (order(items=[447700900123]), "#/items/0"),
    "a priority beyond": (order(priority=447700900123), "#/priority"),
    "a priority in words": (order(priority=HARRIET), "#/priority"),
    "a language that is none": (order(customer={"language": HARRIET}), "#/customer/language"),
    "nobody's extension": (order(manager=HARRIET), "#/manager"),
    "a list": ([HARRIET], "#"),
    "a text": (HARRIET, "#"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_can_not_be_taken_is_told_by_its_place_and_never_repeated(
    shop: ProgramShop, what: str
) -> None:
    body, pointer = REFUSED[what]
    answer = await shop.ask("POST", "/v1/orders", body)
    assert (answer.status, answer.reason, answer.pointers) == (422, "unreadable", [pointer])
    assert all(error["detail"] for error in answer.body["errors"])
    assert (await shop.ask("GET", "/v1/orders")).body["orders"] == []


async def test_every_fault_is_told_at_once(shop: ProgramShop) -> None:
    answer = await shop.ask("POST", "/v1/orders", order("A1", priority=100, customer={"phones": []}))
    assert sorted(answer.pointers) == ["#/code", "#/customer/phones", "#/priority"]


async def test_a_manager_is_told_by_extension_or_by_a_name_that_is_theirs_alone(shop: ProgramShop) -> None:
    assert (await shop.ask("POST", "/v1/orders", order(manager="anna"))).body["manager"] == "101"
    await shop.hire("103", "Anna")
    two = await shop.ask("POST", "/v1/orders", order(manager="Anna"))
    assert (two.status, two.pointers) == (422, ["#/manager"])
    assert "give the extension" in two.body["errors"][0]["detail"]


async def test_parts_of_an_order_are_changed(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order(items=["A lamp"]))
    answer = await shop.ask(
        "PATCH", "/v1/orders/1042", {"priority": 9, "manager": "102", "state": "closed", "items": []}
    )
    assert answer.status == 200
    told = {name: answer.body[name] for name in ("priority", "manager", "state", "why", "items", "summary")}
    assert told == {
        "priority": 9,
        "manager": "102",
        "state": "closed",
        "why": "done",
        "items": [],
        "summary": "A lamp",
    }
    opened = await shop.ask("PATCH", "/v1/orders/1042", {"state": "open", "summary": "Again"})
    assert (opened.body["state"], opened.body["why"], opened.body["summary"]) == ("open", "new", "Again")
    assert (await shop.audit())[-1][:3] == ("api:crm", "order-change", "1042")
    assert (await shop.ask("PATCH", "/v1/orders/1043", {"priority": 1})).reason == "not-found"


async def test_what_can_not_be_changed_leaves_all_as_it_was(shop: ProgramShop) -> None:
    was = (await shop.ask("POST", "/v1/orders", order())).body
    for body, pointer in (
        ({"priority": 9, "summary": f"ring {HARRIET}"}, "#/summary"),
        ({"priority": 9, "manager": HARRIET}, "#/manager"),
        ({"priority": 9, "items": [f"ring {HARRIET}"]}, "#/items"),
        ({"priority": 9, "state": HARRIET}, "#/state"),
        ({"priority": 9, HARRIET: 1}, "#"),
        ({"priority": 9, "code": "1043"}, "#"),
    ):
        answer = await shop.ask("PATCH", "/v1/orders/1042", body)
        assert (answer.status, answer.pointers) == (422, [pointer])
    assert (await shop.ask("GET", "/v1/orders/1042")).body == was


async def test_an_order_is_changed_only_as_it_was_seen(shop: ProgramShop) -> None:
    seen = (await shop.ask("POST", "/v1/orders", order())).headers["ETag"]
    assert (await shop.ask("GET", "/v1/orders/1042")).headers["ETag"] == seen
    assert (await shop.ask("PATCH", "/v1/orders/1042", {"priority": 1}, If_Match=seen)).status == 200
    for method, path, body in (
        ("PATCH", "/v1/orders/1042", {"priority": 2}),
        ("POST", "/v1/orders", order(priority=2)),
    ):
        late = await shop.ask(method, path, body, If_Match=seen)
        assert (late.status, late.reason) == (412, "changed-meanwhile")
    now = await shop.ask("GET", "/v1/orders/1042")
    assert now.body["priority"] == 1
    listed = f'"other", W/{now.headers["ETag"]}'
    assert (await shop.ask("PATCH", "/v1/orders/1042", {"priority": 3}, If_Match=listed)).status == 200
    assert (await shop.ask("PATCH", "/v1/orders/1042", {"priority": 4}, If_Match="*")).status == 200
    assert (await shop.ask("POST", "/v1/orders", order("2"), If_Match="*")).status == 412


async def test_an_order_is_brought_in_only_if_it_is_not_there(shop: ProgramShop) -> None:
    for status in (201, 412):
        assert (await shop.ask("POST", "/v1/orders", order(), If_None_Match="*")).status == status


async def test_what_is_known_is_not_told_again(shop: ProgramShop) -> None:
    tag = (await shop.ask("POST", "/v1/orders", order())).headers["ETag"]
    answer = await shop.ask("GET", "/v1/orders/1042", If_None_Match=tag)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, None, tag)
    await shop.ask("PATCH", "/v1/orders/1042", {"priority": 1})
    assert (await shop.ask("GET", "/v1/orders/1042", If_None_Match=tag)).status == 200


async def test_an_erased_customers_order_is_not_brought_back(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    await erase_customer(shop.database, 1, actor="cli:test")
    for method, path, body in (
        ("POST", "/v1/orders", order()),
        ("PATCH", "/v1/orders/1042", {"summary": "Again"}),
    ):
        answer = await shop.ask(method, path, body)
        assert (answer.status, answer.reason) == (409, "erased")
    assert (await shop.ask("GET", "/v1/orders/1042")).body["customer_name"] == ""


async def test_pages_stay_as_they_are_while_orders_come_in(shop: ProgramShop) -> None:
    codes = [f"{number:03}" for number in range(100, 130, 2)]
    for code in codes:
        await shop.ask("POST", "/v1/orders", order(code))
    seen, cursor = [], ""
    while cursor is not None:
        answer = await shop.ask("GET", f"/v1/orders?limit=4{cursor}")
        page = [each["code"] for each in answer.body["orders"]]
        seen += page
        await shop.ask("POST", "/v1/orders", order(f"{int(page[0]) + 1}"))  # behind what was read
        cursor = answer.body["next_cursor"] and f"&cursor={answer.body['next_cursor']}"
    assert seen == codes


async def test_orders_are_found_by_manager_customer_and_state(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order("1"))
    await shop.ask("POST", "/v1/orders", order("2"))
    await shop.ask("POST", "/v1/orders", order("3", name="Peter", phone=PETER, manager="102"))
    await shop.ask("PATCH", "/v1/orders/2", {"state": "closed"})
    for query, codes in (
        ("manager=101", ["1", "2"]),
        ("manager=102", ["3"]),
        ("manager=999", []),
        ("customer_id=2", ["3"]),
        ("state=closed", ["2"]),
        ("manager=101&state=open", ["1"]),
    ):
        found = (await shop.ask("GET", f"/v1/orders?{query}")).body["orders"]
        assert [each["code"] for each in found] == codes, query


@pytest.mark.parametrize(
    "query",
    [
        "cursor=07700900123",
        "cursor=WyIrNDQ3NzAwOTAwMTIzIg",
        "cursor=WzFd",
        "cursor=%5B%5D",
        "limit=0",
        "limit=447700900123",
        "state=07700900123",
        "customer_id=%2B447700900123x",
        "manager=%2B447700900123",
    ],
)
async def test_a_parameter_that_can_not_be_taken_is_named_and_not_repeated(
    shop: ProgramShop, query: str
) -> None:
    answer = await shop.ask("GET", f"/v1/orders?{query}")
    assert (answer.status, answer.pointers) == (422, [query.partition("=")[0]])


async def test_many_programs_bring_in_the_same_order_at_once(shop: ProgramShop) -> None:
    answers = await asyncio.gather(*(shop.ask("POST", "/v1/orders", order()) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert len((await shop.ask("GET", "/v1/customers")).body["customers"]) == 1


async def test_nothing_is_taken_while_nothing_can_be_sealed(shop: ProgramShop) -> None:
    shop.vault = None
    answer = await shop.ask("POST", "/v1/orders", order())
    assert (answer.status, answer.reason) == (503, "sealed")
