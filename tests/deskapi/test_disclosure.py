"""One number shown to an owner: off by default, with a code, and on record before anybody sees it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from desk_orders import add_customers, number_of
from desk_shop import DAY_MS, Answer, DeskShop, Person

from bridge.rules import Role
from bridge.store.alarms import newest_alarms
from bridge.vault import HiddenNumber

REASON = "the customer asked us to check it"


@pytest.fixture
async def owner(shop: DeskShop) -> Person:
    """The owner of a shop that has disclosure switched on, and a customer."""
    shop.configured("desk: {disclosure: true}\n")
    anna = await shop.hire("101", "Anna")
    await add_customers(shop, [1, 2], anna.manager)
    return await shop.hire("100", "Olga", Role.OWNER)


async def ask(shop: DeskShop, person: Person, **changes: Any) -> Answer:
    body = {"contact_id": 1, "reason": REASON, "code": shop.code(person)} | changes
    return await shop.ask("POST", "/v1/orders/1001/disclosures", body, of=person)


async def test_an_owner_sees_the_number_that_was_asked_for(shop: DeskShop, owner: Person) -> None:
    shown = await ask(shop, owner)
    assert (shown.status, shown.body) == (200, {"number": number_of(1)})
    assert shown.headers["Cache-Control"] == "no-store"


async def test_it_is_off_unless_somebody_has_switched_it_on(shop: DeskShop, owner: Person) -> None:
    shop.configured("")
    refused = await ask(shop, owner)
    assert (refused.status, refused.reason) == (403, "disclosure-off")
    assert (await shop.ask("GET", "/v1/me", of=owner)).body["disclosure"] is False


async def test_the_audit_has_it_before_the_number_is_read(
    shop: DeskShop, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: list[Any] = []
    reveal = HiddenNumber.reveal

    def looking(number: HiddenNumber) -> str:
        with sqlite3.connect(shop.folder / "shop.db") as connection:
            query = "SELECT actor, subject, detail FROM audit WHERE act = 'disclose'"
            on_disk.append(connection.execute(query).fetchall())
        connection.close()
        return reveal(number)

    monkeypatch.setattr(HiddenNumber, "reveal", looking)
    assert (await ask(shop, owner)).status == 200
    assert on_disk == [[("desk:100", "order 1001", f"contact=1 reason={REASON}")]]


async def test_without_its_line_in_the_audit_no_number_is_shown(
    shop: DeskShop, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("bridge.store.disclosures.write_entry", fail)
    answer = await ask(shop, owner)
    assert answer.status == 500
    assert number_of(1) not in str(answer)


async def test_supervisors_are_told(shop: DeskShop, owner: Person) -> None:
    await ask(shop, owner)
    (alarm,) = await newest_alarms(shop.database, 10)
    assert (alarm.kind, alarm.extension, alarm.order_code) == ("disclosure", "100", "1001")
    assert REASON in alarm.detail


async def test_a_wrong_code_and_a_used_one_show_nothing(shop: DeskShop, owner: Person) -> None:
    code = shop.code(owner)
    wrong = await ask(shop, owner, code=str(1_000_000 + (int(code) + 7) % 1_000_000)[1:])
    assert (wrong.status, wrong.reason) == (401, "wrong-code")
    assert (await ask(shop, owner, code=code)).status == 200
    assert (await ask(shop, owner, code=code)).reason == "wrong-code"


async def test_five_in_a_day_are_the_most(shop: DeskShop, owner: Person) -> None:
    answers = []
    for _ in range(6):
        shop.pass_time(90_000)
        answers.append(await ask(shop, owner))
    assert [each.status for each in answers] == [200] * 5 + [429]
    assert answers[-1].reason == "too-many-disclosures"
    shop.pass_time(DAY_MS)
    again = Person(owner.manager, await shop.session(owner.manager), owner.secret)
    assert (await ask(shop, again)).status == 200


@pytest.mark.parametrize("contact_id", [2, 999])
async def test_a_contact_of_another_customer_is_not_found(
    shop: DeskShop, owner: Person, contact_id: int
) -> None:
    refused = await ask(shop, owner, contact_id=contact_id)
    assert (refused.status, refused.reason) == (404, "not-found")


@pytest.mark.parametrize("changes", [{"reason": "short"}, {"code": "12345"}, {"code": None}, {"more": 1}])
async def test_a_reason_and_a_code_have_to_be_given(
    shop: DeskShop, owner: Person, changes: dict[str, Any]
) -> None:
    refused = await ask(shop, owner, **changes)
    assert (refused.status, refused.reason) == (422, "unreadable")


async def test_a_number_in_the_reason_stays_out_of_the_audit(shop: DeskShop, owner: Person) -> None:
    await ask(shop, owner, reason=f"is it {number_of(2)} or another?")
    told = str(await shop.audit()) + str(await newest_alarms(shop.database, 10))
    assert number_of(2).removeprefix("+44") not in told


async def test_a_sealed_daemon_shows_nothing(shop: DeskShop, owner: Person) -> None:
    code = shop.code(owner)
    shop.vault = None
    refused = await ask(shop, owner, code=code)
    assert (refused.status, refused.reason) == (503, "sealed")
