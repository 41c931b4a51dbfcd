"""A number compared without being seen: same or different, a few times a day, and nothing of it is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from desk_orders import execute
from desk_shop import DAY_MS, HOUR_MS, Answer, Person
from sqlalchemy.exc import OperationalError
from work_shop import LONG_SESSIONS, Shop

from bridge.api.desk import comparisons
from bridge.api.desk.comparisons import PhoneComparisons
from bridge.calls.comparison import Comparison
from bridge.rules.keypad import MOST_DIGITS
from bridge.vault.keyed import KeyedDigits

KEPT, SECOND = "+447700900123", "+447700900124"
OTHER = "07700 900 461"


@pytest.fixture
async def shop(work: Shop) -> Shop:
    work.desk.configured(LONG_SESSIONS)
    await work.order("1042", "Harriet Vane", KEPT, work.anna, phone2=SECOND)
    return work


async def compare(
    shop: Shop, number: str, contact_id: int = 1, by: Person | None = None, code: str = "1042"
) -> Answer:
    asked = {"number": number, "contact_id": contact_id}
    answer = await shop.ask(by or shop.anna, "POST", f"/v1/orders/{code}/comparisons", asked)
    assert "7700" not in str(answer.body)
    return answer


@pytest.mark.parametrize(
    ("said", "same"),
    [
        (KEPT, True),
        ("07700 900 123", True),
        ("00 44 7700 900123", True),
        (OTHER, False),
        (SECOND, False),
        ("0770090012", False),
        ("not a number", False),
        ("+7 000 123 45 67", False),
    ],
)
async def test_a_manager_hears_same_or_different_and_no_more(shop: Shop, said: str, same: bool) -> None:
    answer = await compare(shop, said)
    assert (answer.status, answer.body) == (200, {"same": same, "tries_left": 2})


async def test_it_is_the_chosen_contact_that_is_compared(shop: Shop) -> None:
    assert (await compare(shop, SECOND, contact_id=2)).body["same"]


async def test_after_the_days_tries_it_is_refused_also_where_it_would_be_the_same(shop: Shop) -> None:
    for left in (2, 1, 0):
        assert (await compare(shop, OTHER)).body["tries_left"] == left
    shop.desk.pass_time(HOUR_MS)
    refused = await compare(shop, KEPT)
    assert (refused.status, refused.reason) == (429, "too-many-comparisons")
    assert refused.headers["Retry-After"] == str(23 * 3600)
    shop.desk.pass_time(DAY_MS - HOUR_MS)
    assert (await compare(shop, KEPT)).body == {"same": True, "tries_left": 2}


async def test_neither_another_order_of_the_customer_nor_another_manager_has_more_tries(shop: Shop) -> None:
    await shop.order("1043", "Harriet Vane", KEPT, shop.anna, phone2=SECOND)
    await compare(shop, OTHER)
    await compare(shop, OTHER, code="1043")
    await compare(shop, OTHER, by=shop.clara)
    for by, code in ((shop.anna, "1042"), (shop.anna, "1043"), (shop.clara, "1042")):
        assert (await compare(shop, KEPT, by=by, code=code)).status == 429


async def test_tries_at_the_same_moment_are_counted_one_by_one(shop: Shop) -> None:
    answers = await asyncio.gather(*(compare(shop, OTHER) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 5


async def test_the_limit_is_the_shops_and_none_is_off(shop: Shop) -> None:
    shop.desk.configured(f"{LONG_SESSIONS}  comparisons_per_day: 1\n")
    assert (await compare(shop, OTHER)).body["tries_left"] == 0
    assert (await compare(shop, OTHER)).status == 429
    shop.desk.configured(f"{LONG_SESSIONS}  comparisons_per_day: 0\n")
    refused = await compare(shop, KEPT)
    assert (refused.status, refused.reason) == (403, "comparisons-off")
    assert (await shop.ask(shop.anna, "GET", "/v1/me")).body["comparisons"] is False


async def test_it_is_on_record_with_the_answer_and_without_what_was_typed(
    shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    await compare(shop, OTHER)
    await compare(shop, KEPT)
    said = [
        (actor, subject, detail)
        for actor, act, subject, detail in await shop.desk.audit()
        if act == "number-compare"
    ]
    assert sorted(said) == [
        ("desk:101", "order 1042", "contact 1, different"),
        ("desk:101", "order 1042", "contact 1, same"),
    ]
    logged = "".join(capfd.readouterr())
    for path in shop.desk.folder.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            assert not any(part in stored for part in (b"900461", b"900 461")), path.name
    assert "461" not in logged.replace(" ", "")


@pytest.mark.parametrize(
    "wanted", [{"contact_id": 1}, {"number": "", "contact_id": 1}, {"number": "9" * 65, "contact_id": 1}]
)
async def test_a_request_that_can_not_be_taken_repeats_nothing_and_counts_for_nothing(
    shop: Shop, wanted: dict[str, Any]
) -> None:
    answer = await shop.ask(shop.anna, "POST", "/v1/orders/1042/comparisons", wanted)
    assert answer.status == 422
    assert "999" not in str(answer.body)
    assert (await compare(shop, OTHER)).body["tries_left"] == 2


async def test_anothers_customer_cannot_be_compared_and_costs_them_no_try(shop: Shop) -> None:
    await shop.order("2042", "Peter Wimsey", "+447700900130", shop.boris)
    unknown = await compare(shop, KEPT, code="9999")
    for answer in (
        await compare(shop, "+447700900130", contact_id=3, code="2042"),
        await compare(shop, "+447700900130", contact_id=3),
    ):
        assert (answer.status, answer.body) == (404, unknown.body)
    assert (await compare(shop, KEPT, by=shop.boris)).status == 404
    assert (await compare(shop, "+447700900130", contact_id=3, by=shop.boris, code="2042")).body[
        "tries_left"
    ] == 2


async def test_what_is_only_proposed_or_of_an_erased_customer_is_not_compared(shop: Shop) -> None:
    await execute(shop.desk, "UPDATE contacts SET proposed_ms = 1 WHERE id = 2")
    assert (await compare(shop, SECOND, contact_id=2)).status == 404
    await execute(shop.desk, "UPDATE customers SET data_key = NULL")
    assert (await compare(shop, KEPT)).status == 404


async def test_without_keys_nothing_is_compared(shop: Shop) -> None:
    shop.desk.vault = None
    assert (await compare(shop, KEPT)).reason == "sealed"


# --- keyed in on the phone ---


def keyed(number: str) -> KeyedDigits:
    digits = KeyedDigits(MOST_DIGITS)
    for digit in number:
        digits.add(digit)
    return digits


async def compare_by_keys(shop: Shop, call_id: str, number: str) -> Comparison:
    """As the switchboard has it done, once a manager has pressed the last key."""
    return await PhoneComparisons(shop.desk, lambda: shop.desk.now_ms)(call_id, "101", keyed(number))


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("07700900123", Comparison.SAME),
        ("00447700900123", Comparison.SAME),
        ("07700900461", Comparison.DIFFERENT),
        ("07700900124", Comparison.DIFFERENT),
        ("0770090012", Comparison.DIFFERENT),
        ("12", Comparison.NOT_A_NUMBER),
        ("", Comparison.NOT_A_NUMBER),
        ("1" * (MOST_DIGITS + 1), Comparison.NOT_A_NUMBER),
    ],
)
async def test_what_is_keyed_in_is_compared_with_the_number_that_was_called(
    shop: Shop, said: str, heard: Comparison
) -> None:
    call_id = await shop.call(shop.anna, "1042")
    assert await compare_by_keys(shop, call_id, said) is heard


async def test_it_is_the_contact_that_was_called_that_is_compared(shop: Shop) -> None:
    call_id = await shop.call(shop.anna, "1042", contact_id=2)
    assert await compare_by_keys(shop, call_id, "07700900124") is Comparison.SAME


async def test_tries_on_the_phone_and_at_the_desk_are_the_same_few(shop: Shop) -> None:
    call_id = await shop.call(shop.anna, "1042")
    assert await compare_by_keys(shop, call_id, "07700900461") is Comparison.DIFFERENT
    assert (await compare(shop, OTHER)).body["tries_left"] == 1
    assert await compare_by_keys(shop, call_id, "12") is Comparison.NOT_A_NUMBER, "which costs none"
    assert await compare_by_keys(shop, call_id, "07700900461") is Comparison.DIFFERENT
    assert await compare_by_keys(shop, call_id, "07700900123") is Comparison.NO_MORE_TRIES
    assert (await compare(shop, KEPT)).status == 429
    shop.desk.pass_time(DAY_MS)
    assert await compare_by_keys(shop, call_id, "07700900123") is Comparison.SAME


async def test_keyed_in_it_is_on_record_by_the_extension_and_without_what_was_keyed(shop: Shop) -> None:
    call_id = await shop.call(shop.anna, "1042")
    await compare_by_keys(shop, call_id, "07700900461")
    await compare_by_keys(shop, call_id, "07700900123")
    said = [entry for entry in await shop.desk.audit() if entry[1] == "number-compare"]
    assert sorted(said) == [
        ("extension 101", "number-compare", "order 1042", "contact 1, different"),
        ("extension 101", "number-compare", "order 1042", "contact 1, same"),
    ]
    for path in shop.desk.folder.rglob("*"):
        if path.is_file():
            assert b"900461" not in path.read_bytes(), path.name


async def test_a_caller_of_whom_nothing_is_known_has_no_number_to_compare(shop: Shop) -> None:
    call_id = await shop.call(shop.anna, "1042")
    await execute(shop.desk, "UPDATE calls SET contact_id = NULL")
    assert await compare_by_keys(shop, call_id, "07700900123") is Comparison.FAILED
    assert await compare_by_keys(shop, "bcdfgh", "07700900123") is Comparison.FAILED
    assert (await compare(shop, OTHER)).body["tries_left"] == 2


async def test_without_keys_or_tries_nothing_that_is_keyed_in_is_compared(shop: Shop) -> None:
    call_id = await shop.call(shop.anna, "1042")
    shop.desk.configured(f"{LONG_SESSIONS}  comparisons_per_day: 0\n")
    assert await compare_by_keys(shop, call_id, "07700900123") is Comparison.NO_MORE_TRIES
    shop.desk.vault = None
    assert await compare_by_keys(shop, call_id, "07700900123") is Comparison.FAILED


async def test_the_digits_are_read_before_anything_is_waited_for(shop: Shop) -> None:
    call_id, digits = await shop.call(shop.anna, "1042"), keyed("07700900123")
    async with asyncio.TaskGroup() as tasks:
        comparing = tasks.create_task(PhoneComparisons(shop.desk, lambda: 0)(call_id, "101", digits))
        await asyncio.sleep(0)
        digits.forget()
    assert comparing.result() is Comparison.SAME


async def test_a_database_that_fails_is_told_as_a_failure_and_raises_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    call_id = await shop.call(shop.anna, "1042")

    async def fails(*_: object, **__: object) -> None:
        raise OperationalError("07700900123", {}, Exception())

    monkeypatch.setattr(comparisons, "compare_in_call", fails)
    assert await compare_by_keys(shop, call_id, "07700900123") is Comparison.FAILED
    assert "900123" not in "".join(capfd.readouterr())
