"""Calls are placed for the manager whose order it is; calls and results are looked at, page by page."""

from __future__ import annotations

from typing import Any

import pytest
from program_shop import CANARIES, ProgramShop, order
from test_programs_events import talk
from work_shop import until

from bridge.calls.model import Result
from bridge.rules.worklist import Outcome
from bridge.store.audit import AuditEntry
from bridge.store.outcomes import Said, count_result, record_outcome
from bridge.store.panic import Panic, begin_panic
from bridge.store.records import Answered, Finished, NewCall, begin_call, note

MINUTE_MS = 60_000


async def on_record(shop: ProgramShop, call_id: str, code: str, started_ms: int) -> None:
    """A call of 101's that was talked a minute."""
    call = NewCall(call_id, "dial-order", code, 1, None, None, started_ms)
    await begin_call(shop.database, call, AuditEntry(started_ms, "extension 101", "dial", f"order {code}"))
    ended = Finished(call_id, started_ms + MINUTE_MS, "talked", 16)
    await note(shop.database, [Answered(call_id, started_ms + 1000), ended])


async def test_a_call_is_placed_for_whoever_serves_the_customer(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order(manager="Boris"))
    answer = await shop.ask("POST", "/v1/calls", {"order": "1042"})
    assert answer.status == 201
    told = {name: answer.body[name] for name in ("order", "extension", "kind", "ended_ms", "result")}
    assert told == {
        "order": "1042",
        "extension": "102",
        "kind": "click-to-call",
        "ended_ms": None,
        "result": None,
    }
    assert answer.headers["Location"] == f"/v1/calls/{answer.body['id']}"

    async def is_told() -> bool:
        return (await shop.ask("GET", answer.headers["Location"])).status == 200

    await until(is_told)
    live = (await shop.ask("GET", answer.headers["Location"])).body
    assert live["state"] != "ended"
    assert ("api:crm", "call-ask", "order 1042", "extension=102") in await shop.audit()


@pytest.mark.parametrize("code", ["9999", "447700900123"])
async def test_what_nobody_serves_is_not_called(shop: ProgramShop, code: str) -> None:
    await shop.ask("POST", "/v1/orders", order("1", manager=None))
    answers = [await shop.ask("POST", "/v1/calls", {"order": each}) for each in ("1", code)]
    assert {(answer.status, answer.reason) for answer in answers} == {(404, "nothing-to-call")}
    assert answers[0].body == answers[1].body, "what is unknown and what is nobody's is told alike"
    assert shop.switchboard.live() == []


async def test_a_call_that_the_rules_refuse_is_told_with_their_reason(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    await begin_panic(shop.database, Panic(shop.now_ms, "cli:test", "a stolen phone"))
    answer = await shop.ask("POST", "/v1/calls", {"order": "1042"})
    assert (answer.status, answer.reason) == (403, "panic")


@pytest.mark.parametrize(
    "body", [{}, {"order": CANARIES[0]}, {"order": 1042}, {"order": "1042", "as": "102"}]
)
async def test_a_call_is_asked_for_by_an_orders_code_and_nothing_else(shop: ProgramShop, body: Any) -> None:
    answer = await shop.ask("POST", "/v1/calls", body)
    assert (answer.status, answer.reason) == (422, "unreadable")


async def test_a_call_is_told_to_its_end(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    call_id = await talk(shop)

    async def is_over() -> bool:
        return (await shop.ask("GET", f"/v1/calls/{call_id}")).body["result"] == "talked"

    await until(is_over)
    told = (await shop.ask("GET", f"/v1/calls/{call_id}")).body
    assert (told["state"], told["order"], told["extension"]) == ("ended", "1042", "101")
    assert told["started_ms"] <= told["answered_ms"] <= told["ended_ms"]
    assert (await shop.ask("GET", "/v1/calls/abcd")).reason == "not-found"


async def test_calls_are_told_newest_first_and_pages_stay_while_calls_come(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    # Two of each moment: their ids put these in order.
    ids = [f"call{letter}" for letter in "abcdefghij"]
    for place, call_id in enumerate(ids):
        await on_record(shop, call_id, "1042", 1000 + place // 2)
    seen, cursor = [], ""
    while cursor is not None:
        page = (await shop.ask("GET", f"/v1/calls?limit=3{cursor}")).body
        seen += [call["id"] for call in page["calls"]]
        await on_record(shop, f"late{'x' * len(seen)}", "1042", 9000 + len(seen))
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == ids[::-1]


async def test_calls_are_found_by_time_and_order(shop: ProgramShop) -> None:
    for call_id, code, started_ms in (("a", "1", 1000), ("b", "2", 2000), ("c", "1", 3000)):
        await on_record(shop, call_id, code, started_ms)
    for query, wanted in (
        ("", ["c", "b", "a"]),
        ("?since_ms=2000", ["c", "b"]),
        ("?until_ms=2000", ["a"]),
        ("?order=1", ["c", "a"]),
        ("?order=1&since_ms=1001&until_ms=3001", ["c"]),
        ("?order=447700900123", []),
    ):
        found = (await shop.ask("GET", f"/v1/calls{query}")).body["calls"]
        assert [call["id"] for call in found] == wanted, query


async def test_results_are_what_was_said_and_what_calls_came_to(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    await on_record(shop, "a", "1042", 1000)
    await count_result(shop.database, "a", Result.TALKED, 2000)
    said = Said(Outcome.CONFIRMED, None, "a", 1, None, "desk:101")
    await record_outcome(shop.database, "1042", said, 3000)
    (confirmed, counted) = (await shop.ask("GET", "/v1/results")).body["results"]
    assert confirmed == {
        "id": 2,
        "order": "1042",
        "call_id": "a",
        "extension": "101",
        "outcome": "confirmed",
        "by_result": False,
        "undone": False,
        "call_back_ms": None,
        "at_ms": 3000,
    }
    assert (counted["outcome"], counted["by_result"], counted["undone"]) == ("talked", True, True)
    for query, wanted in (
        ("since_ms=3000", [2]),
        ("until_ms=3000", [1]),
        ("order=1043", []),
        ("limit=1", [2]),
    ):
        found = (await shop.ask("GET", f"/v1/results?{query}")).body["results"]
        assert [result["id"] for result in found] == wanted, query
    page = (await shop.ask("GET", "/v1/results?limit=1")).body
    rest = (await shop.ask("GET", f"/v1/results?limit=1&cursor={page['next_cursor']}")).body
    assert ([result["id"] for result in rest["results"]], rest["next_cursor"]) == ([1], None)
