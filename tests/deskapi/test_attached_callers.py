"""Who has talked with an unknown caller attaches the call to an order of theirs, and sees no number."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from desk_shop import Answer, DeskShop, Person
from sqlalchemy import select
from work_shop import LONG_SESSIONS, Shop

from bridge.store.new_contacts import CALLER_LABEL, GIVEN_LABEL
from bridge.store.schema import calls, contacts
from bridge.switchboard.strangers import KEPT_MS, SealedCaller, Stranger
from bridge.vault import KeyRing, Vault, read_number

CALLED_FROM, HARRIETS = "+447700900461", "+447700900123"


@dataclass
class Line:
    shop: DeskShop
    anna: Person
    boris: Person
    supervisor: Person

    def calls(self, label: int, number: str | None = CALLED_FROM) -> None:
        """Somebody goes on in the dialplan under this running number."""
        vault = self.shop.vault
        assert vault is not None
        sealed = None if number is None else SealedCaller.of(read_number(number, "GB"), vault)
        self.shop.strangers.keep(label, Stranger(self.shop.now_ms, sealed))

    async def attach(self, label: Any, order: str = "1042", by: Person | None = None) -> Answer:
        answer = await self.shop.ask(
            "POST", f"/v1/orders/{order}/callers", {"caller": label}, of=by or self.anna
        )
        assert "7700900" not in str(answer.body)
        return answer

    async def given(self) -> list[tuple[str | None, int | None]]:
        """Label and proposer of each contact, but that which came with the order."""
        query = select(contacts.c.label, contacts.c.proposed_by).order_by(contacts.c.id).offset(1)
        async with self.shop.database.read() as connection:
            return [(row[0], row[1]) for row in await connection.execute(query)]

    async def on_record(self) -> list[tuple[Any, ...]]:
        columns = ("kind", "order_code", "manager_id", "contact_id", "started_ms", "result")
        query = select(*(calls.c[name] for name in columns))
        async with self.shop.database.read() as connection:
            return [tuple(row) for row in await connection.execute(query)]


@pytest.fixture
async def line(work: Shop) -> Line:
    work.desk.configured(LONG_SESSIONS)
    await work.order("1042", "Harriet Vane", HARRIETS, work.anna)
    await work.order("1043", "Ivan", "+447700900124", work.boris)
    return Line(work.desk, work.anna, work.boris, work.clara)


async def test_the_call_is_the_orders_and_its_number_waits_for_a_supervisor(line: Line) -> None:
    line.calls(7)
    assert (await line.attach(7)).status == 204
    anna = line.anna.manager.id
    assert (await line.on_record()) == [("callback", "1042", anna, 3, line.shop.now_ms, "passed-on")]
    assert await line.given() == [(None, None), (CALLER_LABEL, anna)]
    (proposal,) = (await line.shop.ask("GET", "/v1/proposals", of=line.supervisor)).body["proposals"]
    assert (proposal["contact_id"], proposal["order"]) == (3, "1042")
    settled = await line.shop.ask("POST", "/v1/proposals/3", {"accept": True}, of=line.supervisor)
    assert settled.status == 204
    assert (await line.given())[-1] == (GIVEN_LABEL, None)
    rows = [row for row in await line.shop.audit() if row[1] == "caller-attach"]
    assert rows == [("desk:101", "caller-attach", "order 1042", "contact 3")]


async def test_it_is_attached_once_whoever_is_faster(line: Line) -> None:
    line.calls(7)
    answers = await asyncio.gather(*(line.attach(7) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [204, 404, 404]
    assert len(await line.on_record()) == 1


async def test_a_call_without_a_number_is_attached_as_well_and_told_alike(line: Line) -> None:
    line.calls(7, None)
    line.calls(8)
    line.calls(9, HARRIETS)
    without, with_one, known = [await line.attach(label) for label in (7, 8, 9)]
    for answer in (without, with_one, known):
        assert (answer.status, answer.body) == (204, None)
        assert set(answer.headers) == set(without.headers)
    assert [row[3] for row in await line.on_record()] == [None, 3, 1]
    assert len(await line.given()) == 2, "Harriet's own number is not proposed again"


async def test_to_nobody_elses_order_and_the_caller_is_still_there_afterwards(line: Line) -> None:
    line.calls(7)
    for order in ("1043", "9999"):
        assert (await line.attach(7, order)).status == 404
    assert await line.on_record() == []
    assert (await line.attach(7)).status == 204


async def test_a_supervisor_attaches_to_anybodys(line: Line) -> None:
    line.calls(7)
    assert (await line.attach(7, "1043", by=line.supervisor)).status == 204


async def test_who_has_not_called_of_late_is_nobody(line: Line) -> None:
    line.calls(7)
    assert (await line.attach(8)).reason == "no-such-caller"
    line.shop.pass_time(KEPT_MS)
    late = await line.attach(7)
    assert (late.status, late.reason) == (404, "no-such-caller")


@pytest.mark.parametrize("label", [0, 1000, -7, "seven", None, 7.5])
async def test_what_is_no_running_number_is_refused(line: Line, label: Any) -> None:
    assert (await line.attach(label)).status == 422


async def test_a_seal_that_does_not_open_is_told_and_nothing_is_on_record(line: Line) -> None:
    sealed = SealedCaller.of(read_number(CALLED_FROM, "GB"), Vault(KeyRing.new()))
    line.shop.strangers.keep(7, Stranger(line.shop.now_ms, sealed))
    assert (await line.attach(7)).reason == "seal-broken"
    assert await line.on_record() == []
