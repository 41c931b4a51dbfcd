"""The queue: what is to be called, in its order, and never by two."""

from __future__ import annotations

import pytest
from work_shop import Shop

from bridge.asterisk.ami.happenings import PhoneSeen

HOUR_MS = 3_600_000


async def three_orders(work: Shop) -> None:
    for code, name, number in (
        ("1042", "Harriet Vane", "+447700900123"),
        ("1043", "Иван Котов", "+447700900124"),
        ("1044", "Peter Wimsey", "+447700900125"),
    ):
        await work.order(code, name, number, work.anna)
        work.desk.pass_time(1)


async def test_what_was_promised_comes_first_when_its_time_has_come(work: Shop) -> None:
    await three_orders(work)
    assert await work.codes(work.anna) == ["1042", "1043", "1044"]
    at_ms = work.desk.now_ms + HOUR_MS
    await work.say(work.anna, "1044", "call-back", call_back_ms=at_ms)
    assert await work.codes(work.anna) == ["1042", "1043"]
    assert await work.codes(work.anna, "?filter=later") == ["1044"]
    work.desk.now_ms = at_ms
    assert await work.codes(work.anna) == ["1044", "1042", "1043"]
    assert await work.codes(work.anna, "?filter=due") == ["1044"]
    row = await work.row(work.anna, "1044")
    assert (row["why"], row["due_ms"], row["last_outcome"]) == ("call-back", at_ms, "call-back")


async def test_a_higher_priority_comes_before_age(work: Shop) -> None:
    await three_orders(work)
    await work.order("1045", "Bredon", "+447700900126", work.anna, priority="7")
    assert await work.codes(work.anna) == ["1045", "1042", "1043", "1044"]


async def test_counts_are_of_all_whatever_is_shown(work: Shop) -> None:
    await three_orders(work)
    await work.say(work.anna, "1042", "no-answer")
    await work.say(work.anna, "1043", "confirmed")
    body = (await work.ask(work.anna, "GET", "/v1/queue?filter=done")).body
    assert body["counts"] == {"due": 0, "new": 1, "no_answer": 0, "later": 1, "done": 1}
    work.desk.pass_time(HOUR_MS)
    supervisors = (await work.ask(work.clara, "GET", "/v1/queue?q=1044")).body["counts"]
    assert supervisors == {"due": 0, "new": 1, "no_answer": 1, "later": 0, "done": 1}


@pytest.mark.parametrize("who", ["anna", "clara"])
async def test_names_are_found_in_any_case_and_script_and_codes_by_their_beginning(
    work: Shop, who: str
) -> None:
    await three_orders(work)
    await work.order("2000", "Пётр Ёлкин", "+447700900127", work.anna)
    reader = getattr(work, who)
    for sought, found in {
        "котов": ["1043"],
        "КОТ иван": ["1043"],
        "петр": ["2000"],
        "ёлк": ["2000"],
        "harriet": ["1042"],
        "VANE": ["1042"],
        "104": ["1042", "1043", "1044"],
        "1042": ["1042"],
        "42": [],
        "%": [],
        "a'b": [],
    }.items():
        assert await work.codes(reader, f"?filter=all&q={sought}") == found, sought


@pytest.mark.parametrize("who", ["anna", "clara"])
async def test_pages_follow_each_other_without_gap_or_repetition(work: Shop, who: str) -> None:
    for place in range(7):
        await work.order(f"{1000 + place}", f"Customer {place}", f"+44770090010{place}", work.anna)
    await work.say(work.anna, "1003", "no-answer")
    await work.say(work.anna, "1004", "confirmed")
    await work.say(work.anna, "1005", "call-back", call_back_ms=work.desk.now_ms + 1)
    work.desk.pass_time(1)
    reader = getattr(work, who)
    whole = await work.codes(reader, "?filter=all")
    assert whole == ["1005", "1000", "1001", "1002", "1006", "1003", "1004"]
    seen, cursor = [], ""
    while True:
        body = (await work.ask(reader, "GET", f"/v1/queue?filter=all&limit=2{cursor}")).body
        seen += [row["code"] for row in body["rows"]]
        work.desk.pass_time(HOUR_MS)  # nothing moves between two pages
        if body["cursor"] is None:
            break
        cursor = f"&cursor={body['cursor']}"
    assert seen == whole


@pytest.mark.parametrize("cursor", ["", "x", "1.due.2.3", "1.due.x.3.1042", f"1.due.{2**70}.3.1042"])
async def test_a_cursor_that_no_page_has_given_is_refused(work: Shop, cursor: str) -> None:
    answer = await work.ask(work.anna, "GET", f"/v1/queue?cursor={cursor}")
    assert (answer.status, answer.reason) == (422, "unreadable")


async def test_next_gives_the_first_and_then_another(work: Shop) -> None:
    await three_orders(work)
    given = [(await work.ask(work.anna, "POST", "/v1/queue/next")).body["code"] for _ in range(3)]
    assert given == ["1042", "1043", "1042"]


async def test_two_are_never_given_one_customer(work: Shop) -> None:
    await three_orders(work)
    await work.order("1050", "Harriet Vane", "+447700900123", work.anna)  # hers again
    assert (await work.ask(work.anna, "POST", "/v1/queue/next")).body["code"] == "1042"
    given = [(await work.ask(work.clara, "POST", "/v1/queue/next")).body["code"] for _ in range(4)]
    assert set(given) == {"1043", "1044"}
    assert (await work.row(work.clara, "1050"))["busy"]
    assert not (await work.row(work.anna, "1050"))["busy"]


async def test_a_claim_lapses(work: Shop) -> None:
    await three_orders(work)
    await work.ask(work.anna, "POST", "/v1/queue/next")
    work.desk.pass_time(10 * 60_000)
    assert (await work.ask(work.clara, "POST", "/v1/queue/next")).body["code"] == "1042"


async def test_a_customer_who_is_being_called_is_given_to_nobody(work: Shop) -> None:
    await three_orders(work)
    await work.call(work.anna, "1042")
    work.desk.pass_time(60 * 60_000 - 1)  # long after any claim
    assert (await work.ask(work.clara, "POST", "/v1/queue/next")).body["code"] == "1043"
    assert (await work.row(work.clara, "1042"))["busy"]
    assert not (await work.row(work.clara, "1042"))["yours"]
    mine, card = await work.row(work.anna, "1042"), await work.card(work.anna, "1042")
    assert [(each["yours"], each["busy"]) for each in (mine, card)] == [(True, False)] * 2
    theirs = await work.card(work.clara, "1042")
    assert (theirs["yours"], theirs["busy"]) == (False, True)
    answer = await work.ask(work.clara, "POST", "/v1/orders/1042/calls", {})
    assert (answer.status, answer.reason) == (409, "customer-busy")


async def test_who_has_no_number_left_is_shown_and_not_given(work: Shop) -> None:
    await three_orders(work)
    await work.say(work.anna, "1042", "wrong-number")
    row = await work.row(work.anna, "1042")
    assert (row["reachable"], row["why"]) == (False, "new")
    assert (await work.ask(work.anna, "POST", "/v1/queue/next")).body["code"] == "1043"


async def test_with_nothing_to_call_next_says_so(work: Shop) -> None:
    answer = await work.ask(work.anna, "POST", "/v1/queue/next")
    assert (answer.status, answer.reason) == (404, "nothing-to-call")


async def test_whose_phone_is_known_to_be_away_is_told_and_nobody_else(work: Shop) -> None:
    async def told() -> list[bool]:
        answers = [await work.ask(reader, "GET", "/v1/queue") for reader in (work.anna, work.clara)]
        return [answer.body["phone_away"] for answer in answers]

    assert await told() == [False, False], "nobody has said, so nothing is known"
    extension = work.anna.manager.extension
    work.desk.phones.note(PhoneSeen(extension, reachable=False))
    assert await told() == [True, False]
    work.desk.phones.note(PhoneSeen(extension, reachable=True))
    assert await told() == [False, False]


async def test_supervisors_see_whose_phone_is_there(work: Shop) -> None:
    extension = work.anna.manager.extension
    work.desk.phones.note(PhoneSeen(extension, reachable=True))
    said = (await work.ask(work.clara, "GET", "/v1/managers")).body["managers"]
    phones = {each["extension"]: each["phone"] for each in said}
    assert phones.pop(extension) is True
    assert set(phones.values()) == {None}
