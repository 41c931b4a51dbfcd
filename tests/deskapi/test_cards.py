"""An order's card: all there is to know of it but the numbers, at the pace of work."""

from __future__ import annotations

from typing import Any

import pytest
from work_shop import Shop

from bridge.rules import TimeRange
from bridge.rules.hours import minute_on_the_wall
from bridge.store.alarms import newest_alarms
from bridge.store.database import Database
from bridge.store.records import DAY_MS
from bridge.store.schema import card_reads

MINUTE_MS = 60_000


async def test_a_card_tells_all_but_the_numbers(work: Shop) -> None:
    await work.order(
        "1042",
        "Harriet Vane",
        "020 7946 0123",
        work.anna,
        phone2="+447700900124",
        items="A lamp; Two shelves",
        priority="3",
        language="en",
    )
    await work.order("1043", "Harriet Vane", "020 7946 0123", None, summary="A chair")
    card = await work.card(work.anna, "1042")
    assert card["items"] == ["A lamp", "Two shelves"]
    assert card["summary"] == "A lamp, Two shelves"
    assert (card["customer_name"], card["priority"], card["language"]) == ("Harriet Vane", 3, "en")
    assert (card["manager_name"], card["manager_extension"]) == ("Anna", "101")
    assert card["timezone"] == "Europe/London"
    lines = [(each["line_type"], each["dialled_next"], each["proposed"]) for each in card["contacts"]]
    assert lines == [("fixed_line", True, False), ("mobile", False, False)]
    assert card["other_orders"] == [{"code": "1043", "summary": "A chair", "state": "open"}]
    assert not {"sealed", "blind_index", "value", "number"} & set(card["contacts"][0])


async def test_a_card_has_the_past_of_its_order(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    await work.ended(call_id)
    await work.say(work.anna, "1042", "confirmed", call_id=call_id)
    card = await work.card(work.clara, "1042")
    (call,), (outcome,) = card["calls"], card["outcomes"]
    assert (call["id"], call["manager_name"], call["contact_id"]) == (
        call_id,
        "Anna",
        card["contacts"][0]["id"],
    )
    assert (outcome["outcome"], outcome["manager_name"], outcome["undone"]) == ("confirmed", "Anna", False)
    assert (card["state"], card["why"]) == ("closed", "done")


async def test_a_call_that_was_refused_is_not_in_the_past(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.say(work.anna, "1042", "do-not-call")
    answer = await work.ask(work.anna, "POST", "/v1/orders/1042/calls", {})
    assert (answer.status, answer.reason) == (403, "do_not_call")
    assert (await work.card(work.anna, "1042"))["calls"] == []


async def many_orders(work: Shop, count: int) -> list[str]:
    codes = [f"{1000 + place}" for place in range(count)]
    for code in codes:
        await work.order(code, f"Customer {code}", f"+447700900{code[1:]}", work.anna)
    return codes


@pytest.fixture
def pace(work: Shop) -> None:
    work.desk.configured(work.settings + "  reading:\n    cards_per_minute: 3\n    cards_per_hour: 5\n")


@pytest.mark.usefixtures("pace")
async def test_who_opens_orders_too_fast_waits_and_supervisors_are_told_once(work: Shop) -> None:
    codes = await many_orders(work, 8)
    for code in codes[:3]:
        await work.card(work.anna, code)
        work.desk.pass_time(1000)
    for code in (*codes[3:], codes[3]):
        answer = await work.ask(work.anna, "GET", f"/v1/orders/{code}")
        assert (answer.status, answer.reason) == (429, "reading-too-fast")
    assert answer.headers["Retry-After"] == "57"
    assert await alarms(work) == [("reading-fast", "101", None)]
    work.desk.pass_time(57_000)
    await work.card(work.anna, codes[3])
    assert (await work.ask(work.anna, "GET", f"/v1/orders/{codes[4]}")).status == 429
    assert len(await alarms(work)) == 1, "the same episode"


@pytest.mark.usefixtures("pace")
async def test_who_opens_orders_steadily_is_held_by_the_hour(work: Shop) -> None:
    codes = await many_orders(work, 6)
    for code in codes[:5]:
        await work.card(work.anna, code)
        work.desk.pass_time(MINUTE_MS)
    answer = await work.ask(work.anna, "GET", f"/v1/orders/{codes[5]}")
    assert (answer.status, answer.headers["Retry-After"]) == (429, str(55 * 60))


@pytest.mark.usefixtures("pace")
async def test_an_order_at_hand_is_looked_at_as_often_as_one_likes(work: Shop) -> None:
    codes = await many_orders(work, 4)
    for code in codes[:3]:
        await work.card(work.anna, code)
    for _ in range(20):
        await work.card(work.anna, codes[0])
    assert len(await reads(work.desk.database)) == 3


@pytest.mark.usefixtures("pace")
async def test_another_reader_is_not_held_up(work: Shop) -> None:
    codes = await many_orders(work, 4)
    for code in codes:
        await work.ask(work.anna, "GET", f"/v1/orders/{code}")
    await work.card(work.clara, codes[3])


async def test_who_read_what_is_known_for_ninety_days(work: Shop) -> None:
    codes = await many_orders(work, 2)
    await work.card(work.anna, codes[0])
    work.desk.pass_time(90 * DAY_MS + 1)
    work.anna = await work.signed_in_again(work.anna)
    await work.card(work.anna, codes[1])
    assert [code for _, code in await reads(work.desk.database)] == [codes[1]]


async def reads(database: Database) -> list[tuple[int, str]]:
    async with database.read() as connection:
        query = card_reads.select().order_by(card_reads.c.id)
        return [(row.manager_id, row.order_code) for row in await connection.execute(query)]


async def alarms(work: Shop) -> list[tuple[Any, ...]]:
    found = await newest_alarms(work.desk.database, 100)
    return [(alarm.kind, alarm.extension, alarm.order_code) for alarm in found]


async def test_a_contact_that_a_supervisor_marks_is_never_called_and_then_again(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna, phone2="+447700900124")
    first, second = (await work.card(work.anna, "1042"))["contacts"]
    path = f"/v1/orders/1042/contacts/{first['id']}"
    assert (await work.ask(work.anna, "POST", path, {"never": True})).status == 404
    assert (await work.ask(work.clara, "POST", path, {"never": True})).status == 204
    shown = (await work.card(work.anna, "1042"))["contacts"]
    assert [(each["never"], each["diallable"], each["dialled_as"]) for each in shown] == [
        (True, False, None),
        (False, True, "1042"),
    ]
    answer = await work.ask(work.anna, "POST", "/v1/orders/1042/calls", {"contact_id": first["id"]})
    assert (answer.status, answer.reason) == (403, "do_not_call")
    assert ("desk:100", "contact-never", "order 1042", f"contact {first['id']}") in await work.desk.audit()
    assert (await work.ask(work.clara, "POST", path, {"never": False})).status == 204
    assert (await work.card(work.anna, "1042"))["contacts"] == [first, second]


async def test_a_manager_says_when_a_number_is_called(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna, phone2="+447700900124")
    first, second = (await work.card(work.anna, "1042"))["contacts"]
    path = f"/v1/orders/1042/contacts/{first['id']}/habits"
    wanted = {"hours": minutes_from_now(work, 60, 120), "language": "ru"}
    assert (await work.ask(work.boris, "PUT", path, wanted)).status == 404, "not their customer"
    assert (await work.ask(work.anna, "PUT", path, wanted)).status == 204
    shown = (await work.card(work.anna, "1042"))["contacts"]
    assert [(each["hours"], each["language"], each["dialled_next"]) for each in shown] == [
        (wanted["hours"], "ru", False),
        (None, None, True),
    ]
    assert [each["dialled_as"] for each in shown] == ["1042", "1042*2"], "codes mean the same at every hour"
    detail = f"contact {first['id']}, hours={wanted['hours']}, language=ru"
    assert ("desk:101", "contact-habits", "order 1042", detail) in await work.desk.audit()
    refused = await work.ask(work.anna, "POST", "/v1/orders/1042/calls", {"contact_id": first["id"]})
    assert (refused.status, refused.reason) == (403, "contact_hours")
    assert (await work.ask(work.anna, "PUT", path, {})).status == 204
    assert (await work.card(work.anna, "1042"))["contacts"] == [first, second]


def minutes_from_now(work: Shop, begin: int, end: int) -> str:
    """A range by the shop's clock that begins and ends so many minutes from the shop's now."""
    zone = work.desk.config.shop.timezone
    minute = minute_on_the_wall(work.desk.now_ms, zone)
    return str(TimeRange((minute + begin) % 1440, (minute + end) % 1440))


@pytest.mark.parametrize("hours", ["18:00", "25:00-26:00", "18:00-18:00", "18:00-24:30", "evenings"])
async def test_hours_that_are_none_change_nothing(work: Shop, hours: str) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    (contact,) = (await work.card(work.anna, "1042"))["contacts"]
    path = f"/v1/orders/1042/contacts/{contact['id']}/habits"
    assert (await work.ask(work.anna, "PUT", path, {"hours": hours})).status == 422
    assert (await work.card(work.anna, "1042"))["contacts"] == [contact]


async def test_another_customers_number_is_not_theirs_to_say(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.order("1043", "Ivan Kotov", "+447700900124", work.boris)
    (other,) = (await work.card(work.boris, "1043"))["contacts"]
    path = f"/v1/orders/1042/contacts/{other['id']}/habits"
    assert (await work.ask(work.anna, "PUT", path, {"language": "ru"})).status == 404
    assert (await work.card(work.boris, "1043"))["contacts"] == [other]


async def test_the_next_order_is_one_whose_customer_can_be_called_at_this_hour(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.order("1043", "Ivan Kotov", "+447700900124", work.anna)
    (contact,) = (await work.card(work.anna, "1042"))["contacts"]
    path = f"/v1/orders/1042/contacts/{contact['id']}/habits"
    wanted = {"hours": minutes_from_now(work, 60, 120)}
    assert (await work.ask(work.anna, "PUT", path, wanted)).status == 204
    codes = {(await work.ask(work.anna, "POST", "/v1/queue/next")).body["code"] for _ in range(3)}
    assert codes == {"1043"}
