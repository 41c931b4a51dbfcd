"""Numbers that may be mistyped: who sees that there is one, and what becomes of it, unseen."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any

import pytest
from desk_orders import execute
from desk_shop import Answer, Person
from sqlalchemy import select
from work_shop import LONG_SESSIONS, Shop

from bridge.intake.orders import import_orders
from bridge.store.orders import assign_customer
from bridge.store.schema import contacts
from bridge.vault import HiddenNumber

SWAPPED, MEANT = "+71961234567", "+79161234567"
NOBODYS = "+70001234567"


@dataclass
class Doubts:
    work: Shop

    async def bring(self, code: str, of: Person, phone: str, second: str = "") -> None:
        source = self.work.desk.folder / "orders.csv"
        with source.open("w", newline="") as file:
            rows = [["order", "name", "phone", "phone2"], [code, f"Customer {code}", phone, second]]
            csv.writer(file).writerows(rows)
        desk = self.work.desk
        assert desk.vault is not None
        await import_orders(desk.database, desk.vault, source, home_region="RU", actor="cli:test")
        await assign_customer(desk.database, code, of.manager.extension, actor="cli:test")

    async def seen(self, by: Person) -> list[dict[str, Any]]:
        answer = await self.work.ask(by, "GET", "/v1/doubts")
        assert answer.status == 200, answer.body
        assert not any(number[2:] in str(answer.body) for number in (SWAPPED, MEANT, NOBODYS))
        doubts: list[dict[str, Any]] = answer.body["doubts"]
        return doubts

    async def settle(self, by: Person, contact_id: int, how: str) -> Answer:
        return await self.work.ask(by, "POST", f"/v1/doubts/{contact_id}", {"how": how})

    async def kept(self) -> list[tuple[str, str | None]]:
        async with self.work.desk.database.read() as connection:
            query = select(contacts.c.standing, contacts.c.hint).order_by(contacts.c.id)
            return [(row[0], row[1]) for row in await connection.execute(query)]


@pytest.fixture
async def doubts(work: Shop) -> Doubts:
    work.desk.configured(LONG_SESSIONS)
    shop = Doubts(work)
    await shop.bring("1042", work.anna, SWAPPED, "+79161234500")
    await shop.bring("2042", work.boris, NOBODYS)
    return shop


async def test_a_manager_sees_their_own_customers_doubts_and_a_supervisor_all(doubts: Doubts) -> None:
    work = doubts.work
    (annas,) = await doubts.seen(work.anna)
    assert (annas["order"], annas["hint"], annas["others"]) == ("1042", "swapped", 1)
    assert annas["repairable"]
    assert annas["since_ms"] is not None
    (boris,) = await doubts.seen(work.boris)
    assert (boris["hint"], boris["repairable"], boris["others"]) == ("no-such-operator", False, 0)
    assert [each["order"] for each in await doubts.seen(work.clara)] == ["1042", "2042"]


async def test_a_number_that_calls_have_made_suspect_is_among_them_without_a_hint(doubts: Doubts) -> None:
    await execute(
        doubts.work.desk, "UPDATE contacts SET standing = 'suspect' WHERE hint IS NULL AND mends IS NULL"
    )
    told = {(each["hint"], each["others"]) for each in await doubts.seen(doubts.work.anna)}
    assert told == {("swapped", 0), (None, 0)}


async def test_the_repair_takes_its_place_and_nobody_has_seen_it(doubts: Doubts) -> None:
    work = doubts.work
    (doubt,) = await doubts.seen(work.anna)
    assert (await doubts.settle(work.anna, doubt["contact_id"], "repair")).status == 204
    assert await doubts.seen(work.anna) == []
    card = await work.card(work.anna, "1042")
    assert [(each["standing"], each["label"]) for each in card["contacts"]] == [
        ("usable", "repaired"),
        ("wrong", None),
        ("usable", None),
    ]
    assert card["contacts"][0]["dialled_next"]
    assert card["contacts"][0]["line_type"] == "mobile"
    assert await opened(work, card["contacts"][0]["id"]) == HiddenNumber(MEANT)
    said = ("desk:101", "doubt-repair", "order 1042", f"contact {doubt['contact_id']}")
    assert said in await work.desk.audit()


async def opened(work: Shop, contact_id: int) -> HiddenNumber:
    query = "SELECT contacts.*, customers.data_key FROM contacts JOIN customers ON customers.id = customer_id"
    async with work.desk.database.read() as connection:
        rows = (await connection.exec_driver_sql(query)).all()
    (row,) = (row for row in rows if row.id == contact_id)
    assert work.desk.vault is not None
    return work.desk.vault.open(
        row.sealed, customer_id=row.customer_id, contact_id=row.id, kind=row.kind, data_key=row.data_key
    )


@pytest.mark.parametrize(("how", "standing"), [("right", ("usable", None)), ("wrong", ("wrong", "swapped"))])
async def test_somebodys_word_settles_it_on_record(
    doubts: Doubts, how: str, standing: tuple[str, str | None]
) -> None:
    work = doubts.work
    (doubt,) = await doubts.seen(work.anna)
    assert (await doubts.settle(work.clara, doubt["contact_id"], how)).status == 204
    assert (await doubts.kept())[0] == standing
    assert await doubts.seen(work.anna) == []
    acts = [(act, subject) for _, act, subject, _ in await work.desk.audit()]
    assert (f"doubt-{how}", "order 1042") in acts
    assert (await doubts.settle(work.clara, doubt["contact_id"], how)).status == 404, "it is settled"


@pytest.mark.parametrize("how", ["repair", "right", "wrong"])
async def test_anothers_doubt_and_one_that_is_not_there_are_answered_alike_and_stay(
    doubts: Doubts, how: str
) -> None:
    work = doubts.work
    before = await doubts.kept()
    (his,) = await doubts.seen(work.boris)
    (hers,) = await doubts.seen(work.anna)
    answers = [
        await doubts.settle(work.boris, hers["contact_id"], how),
        await doubts.settle(work.anna, his["contact_id"], how),
        await doubts.settle(work.anna, 999, how),
        await doubts.settle(work.anna, hers["contact_id"] + 1, how),  # the repair itself, and no doubt
    ]
    assert {answer.status for answer in answers} == {404}
    assert len({str(answer.body) for answer in answers}) == 1
    assert await doubts.kept() == before


async def test_what_has_no_likely_repair_is_not_repaired(doubts: Doubts) -> None:
    (his,) = await doubts.seen(doubts.work.boris)
    assert (await doubts.settle(doubts.work.boris, his["contact_id"], "repair")).status == 404
    assert await doubts.seen(doubts.work.boris) == [his]


async def test_a_likely_repair_is_on_no_card(doubts: Doubts) -> None:
    card = await doubts.work.card(doubts.work.anna, "1042")
    assert [each["standing"] for each in card["contacts"]] == ["suspect", "usable"]
    assert card["contacts"][0]["hint"] == "swapped"
