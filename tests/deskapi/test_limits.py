"""An owner lowers what one manager may: at once, on record, and never above the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk_shop import Person
from work_shop import Shop

from bridge.rules import Role

NONE = {
    "calls_per_hour": None,
    "calls_per_day": None,
    "minutes_per_day": None,
    "spend_per_day": None,
    "hours": None,
}


async def owner_of(work: Shop) -> Person:
    await work.order("1042", "Harriet Vane", "+447700900123", work.anna)
    await work.order("1043", "Ivan Ivanov", "+447700900124", work.boris)
    return await work.desk.hire("104", "Olga", Role.OWNER)


async def call_and_end(work: Shop, person: Person, code: str) -> None:
    call_id = await work.call(person, code)
    await work.dialled(call_id)
    await work.ended(call_id)


async def refusal(work: Shop, person: Person, code: str) -> str:
    return (await work.ask(person, "POST", f"/v1/orders/{code}/calls", {})).reason


async def test_a_managers_own_limit_holds_at_once_for_nobody_else_and_can_be_put_back(work: Shop) -> None:
    owner = await owner_of(work)
    await call_and_end(work, work.anna, "1042")
    answer = await work.ask(owner, "PUT", "/v1/managers/101/limits", {"calls_per_day": 1})
    assert (answer.status, answer.body["before"]) == (200, NONE)
    assert await refusal(work, work.anna, "1042") == "daily_limit"
    for _ in range(2):
        await call_and_end(work, work.boris, "1043")
    assert (await work.ask(owner, "GET", "/v1/managers/101/rules")).body["limits"] == NONE | {
        "calls_per_day": 1
    }
    back = await work.ask(owner, "PUT", "/v1/managers/101/limits", answer.body["before"])
    assert back.body["before"] == NONE | {"calls_per_day": 1}
    await call_and_end(work, work.anna, "1042")
    written = "calls/h=- calls/day={} minutes/day=- spend/day=- hours=-"
    rows = [row for row in await work.desk.audit() if row[1] == "manager-limits"]
    none, one = written.format("-"), written.format(1)
    assert rows == [
        ("desk:104", "manager-limits", "101", f"{none} -> {one}"),
        ("desk:104", "manager-limits", "101", f"{one} -> {none}"),
    ]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"calls_per_hour": 1}, "hourly_limit"),
        ({"spend_per_day": "0.01"}, "spend_limit"),
        ({"hours": "00:00-00:01"}, "outside_hours"),
    ],
)
async def test_each_of_them_refuses_what_the_shop_would_allow(
    work: Shop, limits: dict[str, Any], reason: str
) -> None:
    owner = await owner_of(work)
    await call_and_end(work, work.anna, "1042")
    assert (await work.ask(owner, "PUT", "/v1/managers/101/limits", limits)).status == 200
    assert await refusal(work, work.anna, "1042") == reason


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"calls_per_day": 301}, "above-config"),
        ({"minutes_per_day": 301}, "above-config"),
        ({"spend_per_day": "20.01"}, "above-config"),
        ({"calls_per_day": 0}, "unreadable"),
        ({"spend_per_day": "0"}, "unreadable"),
        ({"spend_per_day": "1e3"}, "unreadable"),
        ({"hours": "09:00-09:00"}, "unreadable"),
        ({"hours": "25:00-26:00"}, "unreadable"),
        ({"calls_a_day": 3}, "unreadable"),
    ],
)
async def test_what_is_no_limit_is_refused_and_changes_nothing(
    work: Shop, limits: dict[str, Any], reason: str
) -> None:
    owner = await owner_of(work)
    answer = await work.ask(owner, "PUT", "/v1/managers/101/limits", limits)
    assert (answer.status, answer.reason) == (422, reason)
    assert (await work.ask(owner, "GET", "/v1/managers/101/rules")).body["limits"] == NONE
    assert (await work.ask(owner, "PUT", "/v1/managers/999/limits", {})).status == 404


async def test_the_rules_of_the_file_are_shown_with_their_lines(work: Shop) -> None:
    owner = await owner_of(work)
    work.desk.configured("rules:\n  limits:\n    per_day: 77\n")
    told = (await work.ask(owner, "GET", "/v1/managers/101/rules")).body
    lines = {each["key"]: each for each in told["config"]}
    text = Path(told["file"]).read_text().splitlines()
    per_day = lines["rules.limits.per_day"]
    assert (per_day["value"], text[per_day["line"] - 1].strip()) == ("77", "per_day: 77")
    assert lines["rules.limits.per_hour"] == {"key": "rules.limits.per_hour", "value": "60", "line": None}
    assert lines["rules.working_hours.sunday"]["value"] == "08:00-21:00"


async def test_another_extension_is_another_login_and_nothing_else(work: Shop) -> None:
    owner = await owner_of(work)
    await call_and_end(work, work.anna, "1042")
    await work.ask(owner, "PUT", "/v1/managers/101/limits", {"calls_per_day": 5})
    used = work.desk.toll_book.usage_of("101", work.desk.now_ms)
    changed = await work.ask(owner, "POST", "/v1/managers/101/extension", {"extension": "201"})
    assert (changed.status, changed.body) == (200, {"sessions_ended": 1})
    assert (await work.ask(work.anna, "GET", "/v1/me")).status == 401
    anna = await work.signed_in_again(work.anna)
    me = (await work.ask(anna, "GET", "/v1/me")).body
    assert (me["manager_id"], me["extension"]) == (work.anna.manager.id, "201")
    assert await work.codes(anna, "?filter=all") == ["1042"]
    assert work.desk.toll_book.usage_of("201", work.desk.now_ms) == used
    assert work.desk.toll_book.usage_of("101", work.desk.now_ms).calls == 0
    assert work.desk.toll_book.own_limits("201").calls_per_day == 5
    assert (await work.ask(owner, "GET", "/v1/managers/101/rules")).status == 404
    on_record = ("desk:104", "manager-extension", "201", "was=101, sessions ended: 1")
    assert on_record in await work.desk.audit()
    async with work.desk.database.read() as connection:
        logins = await connection.exec_driver_sql("SELECT login FROM accounts WHERE manager_id = 1")
        assert logins.scalar_one() == "201"
    back = await work.ask(owner, "POST", "/v1/managers/201/extension", {"extension": "101"})
    assert back.status == 200


async def test_an_extension_that_is_anothers_none_or_in_a_call_is_not_given(work: Shop) -> None:
    owner = await owner_of(work)
    path = "/v1/managers/101/extension"
    taken = await work.ask(owner, "POST", path, {"extension": "102"})
    assert (taken.status, taken.reason) == (409, "extension-taken")
    assert (await work.ask(owner, "POST", path, {"extension": "+4477"})).reason == "unreadable"
    assert (await work.ask(owner, "POST", "/v1/managers/999/extension", {"extension": "200"})).status == 404
    await work.call(work.anna, "1042")
    busy = await work.ask(owner, "POST", path, {"extension": "201"})
    assert (busy.status, busy.reason) == (409, "in-a-call")
    assert (await work.ask(work.anna, "GET", "/v1/me")).body["extension"] == "101"
