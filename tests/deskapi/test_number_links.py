"""A link by which a customer gives a number: once, for a day, and what does not work is told in one way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from desk_shop import DAY_MS, MINUTE_MS, Answer, DeskShop, Person
from sqlalchemy import select
from work_shop import LONG_SESSIONS, Shop

from bridge.rules import Role
from bridge.rules.worklist import Why
from bridge.store.do_not_call import list_requests
from bridge.store.new_contacts import GIVEN_LABEL, LINK_LABEL
from bridge.store.schema import contacts, customers, number_links, orders
from bridge.vault import HiddenNumber

TYPED, NUMBER = "07700 900 461", "+447700900461"
ON = f"{LONG_SESSIONS}  number_links: true\n"


@dataclass
class Links:
    shop: DeskShop
    anna: Person
    boris: Person
    supervisor: Person

    async def make(self, person: Person | None = None) -> str:
        """A link for the customer of Anna's order; its token."""
        answer = await self.ask(person or self.anna)
        assert answer.status == 201, answer.body
        assert answer.body["ends_ms"] == self.shop.now_ms + DAY_MS
        return str(answer.body["path"]).removeprefix("/number/")

    async def ask(self, person: Person, order: str = "1042") -> Answer:
        return await self.shop.ask("POST", f"/v1/orders/{order}/number-links", of=person)

    async def give(self, token: str, number: str = TYPED, address: str = "198.51.100.7") -> Answer:
        answer = await self.shop.ask(
            "POST", f"/v1/number-links/{token}", {"number": number, "address": address}
        )
        assert number not in str(answer.body)
        return answer

    async def stop(self, token: str, address: str = "198.51.100.7") -> Answer:
        return await self.shop.ask("POST", f"/v1/number-links/{token}/do-not-call", {"address": address})

    async def given(self) -> list[tuple[str | None, int | None]]:
        """Label and proposer of each contact, but that which came with the order."""
        query = select(contacts.c.label, contacts.c.proposed_by).order_by(contacts.c.id).offset(1)
        async with self.shop.database.read() as connection:
            return [(row[0], row[1]) for row in await connection.execute(query)]


@pytest.fixture
async def links(work: Shop) -> Links:
    work.desk.configured(ON)
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    supervisor = await work.desk.hire("110", "Sue", Role.SUPERVISOR)
    return Links(work.desk, work.anna, work.boris, supervisor)


async def test_a_number_is_sealed_and_waits_for_a_supervisor(links: Links) -> None:
    assert (await links.give(await links.make())).status == 204
    assert await links.given() == [(LINK_LABEL, links.anna.manager.id)]
    (proposal,) = (await links.shop.ask("GET", "/v1/proposals", of=links.supervisor)).body["proposals"]
    accepted = f"/v1/proposals/{proposal['contact_id']}"
    assert (await links.shop.ask("POST", accepted, {"accept": True}, of=links.supervisor)).status == 204
    assert await links.given() == [(GIVEN_LABEL, None)]
    assert await opened(links.shop, proposal["contact_id"]) == HiddenNumber(NUMBER)


async def opened(shop: DeskShop, contact_id: int) -> HiddenNumber:
    assert shop.vault is not None
    query = select(contacts.c.sealed, contacts.c.customer_id, customers.c.data_key).join_from(
        contacts, customers
    )
    async with shop.database.read() as connection:
        row = (await connection.execute(query.where(contacts.c.id == contact_id))).one()
    return shop.vault.open(
        row.sealed, customer_id=row.customer_id, contact_id=contact_id, kind="phone", data_key=row.data_key
    )


async def test_it_works_once(links: Links) -> None:
    token = await links.make()
    answers = await asyncio.gather(*(links.give(token, f"0770090047{n}", f"192.0.2.{n}") for n in range(5)))
    assert sorted(answer.status for answer in answers) == [204, 404, 404, 404, 404]
    assert len(await links.given()) == 1


async def test_unknown_used_late_and_replaced_ones_are_told_alike(links: Links) -> None:
    used, replaced = await links.make(), ""
    await links.give(used)
    replaced = await links.make()
    late = await links.make()
    answers = [await links.give(token) for token in ("bcdfghjklmnpqrst", used, replaced)]
    links.shop.pass_time(DAY_MS)
    answers.append(await links.give(late))
    links.shop.configured(LONG_SESSIONS)
    answers.append(await links.give(late))
    for answer in answers:
        assert (answer.status, answer.body) == (404, answers[0].body)
        assert set(answer.headers) == set(answers[0].headers)
    assert len(await links.given()) == 1


async def test_a_number_that_cant_be_leaves_the_link_good(links: Links) -> None:
    token = await links.make()
    for typed in ("12", "call me", "+44 7700 900"):
        answer = await links.give(token, typed)
        assert (answer.status, answer.reason) == (422, "not-a-number")
    assert (await links.give(token)).status == 204


async def test_whether_a_number_is_known_is_not_told(links: Links) -> None:
    assert (await links.give(await links.make(), "07700 900123")).status == 204
    assert await links.given() == []


async def test_who_tries_links_is_slowed_down_and_nobody_else_is(links: Links) -> None:
    token = await links.make()
    statuses = [(await links.give(f"guess{n}", address="203.0.113.9")).status for n in range(8)]
    assert statuses[:5] == [404] * 5
    assert statuses[-1] == 429
    assert (await links.give(token, address="203.0.113.9")).status == 429, "even with a good one"
    assert (await links.give(token, address="198.51.100.8")).status == 204
    wrong = {"login": "101", "password": "x", "address": "203.0.113.9", "agent": ""}
    assert (await links.shop.ask("POST", "/v1/sign-in", wrong)).status == 401, (
        "not the door of those who sign in"
    )
    links.shop.pass_time(60 * MINUTE_MS)
    assert (await links.give("another", address="203.0.113.9")).status == 404


async def test_links_are_made_for_those_whom_one_serves_and_only_where_that_is_on(links: Links) -> None:
    assert (await links.ask(links.boris)).status == 404
    assert (await links.ask(links.anna, "9999")).status == 404
    await links.make(links.supervisor)
    links.shop.configured(LONG_SESSIONS)
    answer = await links.ask(links.anna)
    assert (answer.status, answer.reason) == (403, "number-links-off")


async def test_an_erased_customers_link_is_worth_nothing(links: Links) -> None:
    token = await links.make()
    async with links.shop.database.write() as connection:
        await connection.execute(customers.update().values(data_key=None))
    assert (await links.give(token)).status == 404
    assert (await links.ask(links.anna)).status == 404


async def test_what_is_kept_and_put_on_record_opens_nothing(links: Links) -> None:
    token = await links.make()
    async with links.shop.database.read() as connection:
        (kept,) = (await connection.execute(select(number_links))).all()
    assert token.encode() not in kept.token_hash
    assert token not in str(kept)
    await links.give(token)
    await links.give("a-guess")
    rows = [row for row in await links.shop.audit() if row[1].startswith("number-link")]
    assert rows == [
        ("desk:101", "number-link", "order 1042", ""),
        ("customer", "number-link-used", "order 1042", "contact 2"),
        ("desk:?", "number-link-failed", "desk", "address=198.51.100.7"),
    ]
    assert token.isalpha(), "it can be read to somebody"


async def test_a_sealed_daemon_keeps_the_link_for_later(links: Links) -> None:
    token, vault = await links.make(), links.shop.vault
    links.shop.vault = None
    assert (await links.give(token)).status == 503
    links.shop.vault = vault
    assert (await links.give(token)).status == 204


# --- called no more ---


async def test_who_asks_by_their_link_is_called_no_more_at_any_number_and_about_any_order(
    links: Links, work: Shop
) -> None:
    await work.order("1050", "Harriet Vane", "+447700900123", work.anna)
    token = await links.make()
    assert (await links.stop(token)).status == 204
    assert [line.label for line in await list_requests(links.shop.database)] == ["by the customer's link"]
    async with links.shop.database.read() as connection:
        orders_done = await connection.execute(select(orders.c.code, orders.c.why).order_by(orders.c.code))
        assert [tuple(row) for row in orders_done] == [("1042", Why.DONE.value), ("1050", Why.DONE.value)]
        marked = (await connection.execute(select(customers.c.do_not_call_ms))).scalars().all()
    assert set(marked) == {links.shop.now_ms}
    assert ("customer", "do-not-call-link", "order 1042", "orders=2") in await links.shop.audit()


async def test_a_link_stops_calls_once_and_takes_no_number_then(links: Links) -> None:
    token = await links.make()
    assert (await links.stop(token)).status == 204
    assert (await links.stop(token)).status == 404
    assert (await links.give(token)).status == 404
    used = await links.make()
    await links.give(used)
    assert (await links.stop(used)).status == 404
    assert len(await list_requests(links.shop.database)) == 1


async def test_a_guessed_link_stops_no_calls_and_is_slowed_down(links: Links) -> None:
    statuses = [(await links.stop(f"guess{n}", address="203.0.113.9")).status for n in range(8)]
    assert statuses[:5] == [404] * 5
    assert statuses[-1] == 429
    assert await list_requests(links.shop.database) == []
    links.shop.configured(LONG_SESSIONS)
    assert (await links.stop("late", address="198.51.100.8")).status == 404, "links are off"


async def test_calls_are_stopped_by_a_sealed_daemon_too(links: Links) -> None:
    token = await links.make()
    links.shop.vault = None
    assert (await links.stop(token)).status == 204
