"""What a manager says came of a call, and what a call came to of which nobody has said anything."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from desk_orders import execute
from work_shop import Shop, until

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
BUSY, NO_ANSWER, UNALLOCATED = 17, 19, 1


@pytest.fixture
async def order(work: Shop) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna, phone2="+447700900124")


async def waiting(work: Shop, code: str = "1042") -> tuple[Any, ...]:
    """Why, attempts, and in how long it is due."""
    row = await work.row(work.anna, code)
    due_ms = row["due_ms"]
    return row["why"], row["attempts"], None if due_ms is None else due_ms - work.desk.now_ms


async def unanswered_call(work: Shop, cause: int) -> str:
    call_id = await work.call(work.anna, "1042")
    await work.dialled(call_id)
    await work.ended(call_id, cause)
    return call_id


@pytest.mark.usefixtures("order")
async def test_every_outcome_makes_of_the_order_what_it_says(work: Shop) -> None:
    at_ms = work.desk.now_ms + HOUR_MS
    for outcome, more, after in (
        ("no-answer", {}, ("no-answer", 1, 15 * MINUTE_MS)),
        ("no-answer", {}, ("no-answer", 2, HOUR_MS)),
        ("left-message", {}, ("no-answer", 3, 4 * HOUR_MS)),
        ("no-answer", {}, ("no-answer", 4, 24 * HOUR_MS)),
        ("call-back", {"call_back_ms": at_ms}, ("call-back", 0, HOUR_MS)),
        ("confirmed", {}, ("done", 0, None)),
        ("refused", {}, ("done", 0, None)),
    ):
        answer = await work.say(work.anna, "1042", outcome, **more)
        assert answer.status == 201, answer.body
        assert answer.body["undo_until_ms"] == work.desk.now_ms + MINUTE_MS
        assert await waiting(work) == after, outcome
    assert ("desk:101", "outcome", "order 1042", "refused") in await work.desk.audit()


@pytest.mark.parametrize(
    "told",
    [
        {"outcome": "call-back"},
        {"outcome": "call-back", "call_back_ms": 1},
        {"outcome": "confirmed", "call_back_ms": 2**45},
        {"outcome": "call-back", "call_back_ms": 2**62},
        {"outcome": "nonsense"},
        {},
    ],
)
@pytest.mark.usefixtures("order")
async def test_an_outcome_that_makes_no_sense_is_refused(work: Shop, told: dict[str, Any]) -> None:
    assert (await work.ask(work.anna, "POST", "/v1/orders/1042/outcomes", told)).status == 422
    assert await waiting(work) == ("new", 0, None)


@pytest.mark.usefixtures("order")
async def test_a_wrong_number_is_dialled_no_more_and_the_next_one_is(work: Shop) -> None:
    first, second = (contact["id"] for contact in (await work.card(work.anna, "1042"))["contacts"])
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    await work.ended(call_id)
    await work.say(work.anna, "1042", "wrong-number", call_id=call_id)
    contacts = {each["id"]: each for each in (await work.card(work.anna, "1042"))["contacts"]}
    assert (contacts[first]["standing"], contacts[second]["dialled_next"]) == ("wrong", True)
    assert await waiting(work) == ("new", 0, None)
    await work.say(work.anna, "1042", "wrong-number")
    contacts = {each["id"]: each for each in (await work.card(work.anna, "1042"))["contacts"]}
    assert [each["standing"] for each in contacts.values()] == ["wrong", "wrong"]
    answer = await work.ask(work.anna, "POST", "/v1/orders/1042/calls", {})
    assert (answer.status, answer.reason) == (403, "not_yours")


@pytest.mark.usefixtures("order")
async def test_do_not_call_is_for_all_of_the_customers_orders_and_for_later_ones(work: Shop) -> None:
    await work.order("1043", "Harriet Vane", "+447700900123", None)
    await work.say(work.anna, "1042", "do-not-call")
    await work.order("1044", "Harriet Vane", "+447700900123", None)
    assert [await waiting(work, code) for code in ("1042", "1043", "1044")] == [("done", 0, None)] * 3
    assert (await work.card(work.anna, "1043"))["do_not_call"]
    for reader, code in ((work.anna, "1042"), (work.clara, "1044")):
        answer = await work.ask(reader, "POST", f"/v1/orders/{code}/calls", {})
        assert (answer.status, answer.reason) == (403, "do_not_call")
    answer = await work.ask(work.boris, "POST", "/v1/orders/1042/calls", {})
    assert (answer.status, answer.reason) == (404, "not-found"), "nobody else learns of it"


@pytest.mark.parametrize(
    ("outcome", "still_waited_for"), [("confirmed", False), ("refused", False), ("no-answer", True)]
)
@pytest.mark.usefixtures("order")
async def test_who_has_called_is_called_back_for_none_of_their_orders_once_they_were_spoken_with(
    work: Shop, outcome: str, still_waited_for: bool
) -> None:
    await work.order("1043", "Harriet Vane", "+447700900123", None)
    called = "UPDATE orders SET why = 'customer-called', due_ms = :now_ms WHERE code = '1043'"
    await execute(work.desk, called, now_ms=work.desk.now_ms)
    assert await work.codes(work.anna) == ["1043", "1042"], "first, as if a call had been promised"
    said = await work.say(work.anna, "1042", outcome)
    expected = ("customer-called", 0, 0) if still_waited_for else ("new", 0, 15 * MINUTE_MS)
    assert await waiting(work, "1043") == expected
    await work.ask(work.anna, "DELETE", f"/v1/outcomes/{said.body['id']}")
    assert await waiting(work, "1043") == ("customer-called", 0, 0)


@pytest.mark.parametrize(
    ("outcome", "more"),
    [("no-answer", {}), ("confirmed", {}), ("wrong-number", {}), ("do-not-call", {})],
)
@pytest.mark.usefixtures("order")
async def test_an_outcome_is_undone_with_all_it_did(work: Shop, outcome: str, more: dict[str, Any]) -> None:
    await work.order("1043", "Harriet Vane", "+447700900123", None)
    before = await work.card(work.anna, "1042"), await work.card(work.anna, "1043")
    said = await work.say(work.anna, "1042", outcome, **more)
    work.desk.pass_time(MINUTE_MS)
    assert (await work.card(work.anna, "1042"))["undo"] == said.body
    assert (await work.card(work.clara, "1042"))["undo"] is None, "it is not hers to undo"
    assert (await work.ask(work.anna, "DELETE", f"/v1/outcomes/{said.body['id']}")).status == 204
    assert (await work.card(work.anna, "1042"))["undo"] is None
    after = await work.card(work.anna, "1042"), await work.card(work.anna, "1043")
    assert [past["undone"] for past in after[0].pop("outcomes")] == [True]
    assert before[0].pop("outcomes") == []
    assert after == before


@pytest.mark.usefixtures("order")
async def test_what_is_too_old_said_since_or_anothers_is_not_undone(work: Shop) -> None:
    first = (await work.say(work.anna, "1042", "no-answer")).body["id"]
    assert (await work.ask(work.clara, "DELETE", f"/v1/outcomes/{first}")).status == 404
    assert (await work.ask(work.anna, "DELETE", "/v1/outcomes/77")).status == 404
    second = (await work.say(work.anna, "1042", "no-answer")).body["id"]
    answer = await work.ask(work.anna, "DELETE", f"/v1/outcomes/{first}")
    assert (answer.status, answer.reason) == (409, "too-late")
    work.desk.pass_time(MINUTE_MS + 1)
    assert (await work.card(work.anna, "1042"))["undo"] is None
    answer = await work.ask(work.anna, "DELETE", f"/v1/outcomes/{second}")
    assert (answer.status, answer.reason) == (409, "too-late")


@pytest.mark.parametrize(
    ("cause", "after"),
    [
        (BUSY, ("no-answer", 1, 15 * MINUTE_MS)),
        (NO_ANSWER, ("no-answer", 1, 15 * MINUTE_MS)),
        (UNALLOCATED, ("new", 0, 15 * MINUTE_MS)),
    ],
)
@pytest.mark.usefixtures("order")
async def test_a_call_of_which_nobody_says_what_came_of_it_counts_by_its_result(
    work: Shop, cause: int, after: tuple[Any, ...]
) -> None:
    await unanswered_call(work, cause)
    await until(lambda: is_waiting(work, after))
    card = await work.card(work.anna, "1042")
    assert card["outcomes"] == [], "nobody has said so"
    assert [each["standing"] for each in card["contacts"]] == ["usable", "usable"]


async def standings(work: Shop) -> list[str]:
    card = await work.card(work.anna, "1042")
    return [each["standing"] for each in card["contacts"]]


async def calls_that_tell(work: Shop, *causes: int) -> list[str]:
    """Calls that end so, one after the other, each once it has been counted; returns their ids."""
    ids = []
    for cause in causes:
        ids.append(await unanswered_call(work, cause))
        await work.desk.desk_tasks.finish(seconds=5)
    return ids


@pytest.mark.usefixtures("order")
async def test_a_number_is_suspect_once_two_calls_in_a_row_have_found_none(work: Shop) -> None:
    await calls_that_tell(work, UNALLOCATED, NO_ANSWER)
    assert await standings(work) == ["usable", "usable"]
    await calls_that_tell(work, UNALLOCATED)
    assert await standings(work) == ["suspect", "usable"]


@pytest.mark.usefixtures("order")
async def test_the_managers_word_that_it_is_a_wrong_person_makes_the_number_wrong_until_undone(
    work: Shop,
) -> None:
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    await work.ended(call_id)
    await work.desk.desk_tasks.finish(seconds=5)
    said = await work.say(work.anna, "1042", "wrong-number", call_id=call_id)
    assert await standings(work) == ["wrong", "usable"]
    await work.ask(work.anna, "DELETE", f"/v1/outcomes/{said.body['id']}")
    assert await standings(work) == ["usable", "usable"]


@pytest.mark.usefixtures("order")
async def test_whoever_is_spoken_with_on_a_suspect_number_clears_it(work: Shop) -> None:
    await execute(work.desk, "UPDATE contacts SET standing = 'suspect', invalid_in_a_row = 2")
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    await until(lambda: is_answered_on_record(work))
    await work.say(work.anna, "1042", "confirmed", call_id=call_id)
    await work.ended(call_id)
    assert await standings(work) == ["usable", "suspect"]


async def is_answered_on_record(work: Shop) -> bool:
    (call,) = (await work.card(work.anna, "1042"))["calls"]
    return call["answered_ms"] is not None


@pytest.mark.usefixtures("order")
async def test_what_a_call_counts_for_is_among_what_the_daemon_waits_for_when_it_stops(work: Shop) -> None:
    call_id = await work.call(work.anna, "1042")
    await work.dialled(call_id)
    async with work.desk.database.write():
        await work.ended(call_id, BUSY)
        await until(lambda: len(work.desk.desk_tasks) == 1)
        assert await waiting(work) == ("new", 0, None)
    await work.desk.desk_tasks.finish(seconds=5)
    assert await waiting(work) == ("no-answer", 1, 15 * MINUTE_MS)


async def is_waiting(work: Shop, expected: tuple[Any, ...]) -> bool:
    return await waiting(work) == expected


@pytest.mark.usefixtures("order")
async def test_the_managers_word_takes_the_place_of_the_calls_result(work: Shop) -> None:
    call_id = await unanswered_call(work, NO_ANSWER)
    await until(lambda: is_waiting(work, ("no-answer", 1, 15 * MINUTE_MS)))
    await work.say(work.anna, "1042", "no-answer", call_id=call_id)
    assert await waiting(work) == ("no-answer", 1, 15 * MINUTE_MS), "one call is one attempt"
    said = await work.say(work.anna, "1042", "confirmed", call_id=call_id)
    assert await waiting(work) == ("done", 0, None)
    await work.ask(work.anna, "DELETE", f"/v1/outcomes/{said.body['id']}")
    assert await waiting(work) == ("new", 0, None)


@pytest.mark.usefixtures("order")
async def test_a_result_changes_nothing_where_somebody_has_said_what_came_of_the_call(work: Shop) -> None:
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    await work.say(work.anna, "1042", "confirmed", call_id=call_id)
    await work.ended(call_id)
    other = await work.call(
        work.clara, "1042"
    )  # what its end makes of the order comes after that of the first
    await work.dialled(other)
    await work.say(work.clara, "1042", "no-answer", call_id=other)
    await work.ended(other, BUSY)
    await work.say(work.anna, "1042", "no-answer")
    assert await waiting(work) == ("no-answer", 2, HOUR_MS)


@pytest.mark.usefixtures("order")
async def test_a_call_that_never_reached_the_customer_changes_nothing(work: Shop) -> None:
    call_id = await work.call(work.anna, "1042")
    assert (await work.ask(work.anna, "DELETE", f"/v1/calls/{call_id}")).status == 204
    await work.ended(call_id)
    await work.say(work.anna, "1042", "no-answer")
    assert await waiting(work) == ("no-answer", 1, 15 * MINUTE_MS)


@pytest.mark.usefixtures("order")
async def test_an_outcome_of_another_orders_call_is_refused(work: Shop) -> None:
    await work.order("1043", "Peter Wimsey", "+447700900125", work.anna)
    call_id = await work.call(work.anna, "1043")
    answer = await work.say(work.anna, "1042", "confirmed", call_id=call_id)
    assert (answer.status, answer.reason) == (404, "not-found")


async def test_do_not_call_is_for_everybody_who_has_the_number(work: Shop) -> None:
    """1043 is of another customer who has the number and another one, 1044 of one who has it alone."""
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.order("1043", "Peter Wimsey", "+447700900123", work.anna, phone2="+447700900124")
    await work.order("1044", "Mervyn Bunter", "+447700900123", work.anna)
    before = [await work.card(work.anna, code) for code in ("1043", "1044")]
    said = await work.say(work.anna, "1042", "do-not-call")
    shown = (await work.card(work.anna, "1043"))["contacts"]
    assert [(each["diallable"], each["dialled_as"]) for each in shown] == [(False, None), (True, "1043")]
    assert [await waiting(work, code) for code in ("1043", "1044")] == [("new", 0, None), ("done", 0, None)]
    answer = await work.ask(work.anna, "POST", "/v1/orders/1044/calls", {})
    assert (answer.status, answer.reason) == (403, "do_not_call")
    answer = await work.ask(work.anna, "POST", "/v1/orders/1043/calls", {"contact_id": shown[0]["id"]})
    assert (answer.status, answer.reason) == (403, "do_not_call")
    assert (await work.ask(work.boris, "POST", "/v1/orders/1044/calls", {})).status == 404
    await work.order("1045", "Somebody Else", "+447700900123", work.anna)
    assert await waiting(work, "1045") == ("done", 0, None)
    assert (await work.ask(work.anna, "DELETE", f"/v1/outcomes/{said.body['id']}")).status == 204
    assert [await work.card(work.anna, code) for code in ("1043", "1044")] == before


async def test_a_number_that_two_have_asked_for_stays_on_the_list_when_one_request_is_undone(
    work: Shop,
) -> None:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.order("1043", "Peter Wimsey", "+447700900123", work.anna)
    await work.order("1044", "Mervyn Bunter", "+447700900123", work.anna)
    first = await work.say(work.anna, "1042", "do-not-call")
    await work.say(work.clara, "1043", "do-not-call")
    assert (await work.ask(work.anna, "DELETE", f"/v1/outcomes/{first.body['id']}")).status == 204
    answer = await work.ask(work.anna, "POST", "/v1/orders/1044/calls", {})
    assert (answer.status, answer.reason) == (403, "do_not_call")


# --- by keys on the phone ---


@pytest.mark.usefixtures("order")
async def test_a_wish_that_was_keyed_in_is_the_outcome_of_the_call_and_can_be_undone(work: Shop) -> None:
    await work.order("1050", "Harriet Vane", "+447700900123", work.anna)
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    assert await work.desk.app.state.work.leave_alone(call_id, "101")
    assert await work.desk.app.state.work.leave_alone(call_id, "101"), "pressed once more it changes nothing"
    assert ("extension 101", "outcome", "order 1042", "do-not-call") in await work.desk.audit()
    assert [await waiting(work, code) for code in ("1042", "1050")] == [("done", 0, None)] * 2
    await work.ended(call_id)
    refused = await work.ask(work.anna, "POST", "/v1/orders/1050/calls", {})
    assert (refused.status, refused.reason) == (403, "do_not_call")
    undo = (await work.card(work.anna, "1042"))["undo"]
    assert (await work.ask(work.anna, "DELETE", f"/v1/outcomes/{undo['id']}")).status == 204
    assert await waiting(work, "1050") == ("new", 0, None)


@pytest.mark.usefixtures("order")
async def test_a_wish_is_written_though_the_call_ends_at_that_moment(work: Shop) -> None:
    call_id = await work.call(work.anna, "1042")
    await work.talking(call_id)
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            await work.desk.app.state.work.leave_alone(call_id, "101")
    await work.ended(call_id)
    async with asyncio.timeout(10):
        while await waiting(work) != ("done", 0, None):
            await asyncio.sleep(0.01)


async def test_a_call_that_is_none_leaves_nobody_alone(work: Shop) -> None:
    assert not await work.desk.app.state.work.leave_alone("bcdfgh", "101")
