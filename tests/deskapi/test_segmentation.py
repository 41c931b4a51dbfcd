"""Somebody else's customers do not exist: in no list, search, count, card, call, note, outcome or event."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from work_shop import Shop, listening

MISSING = "9999"
ANNAS, BORIS = "1042", "2042"


@pytest.fixture
async def two(work: Shop) -> None:
    await work.order(ANNAS, "Harriet Vane", "+447700900123", work.anna)
    await work.order(BORIS, "Peter Wimsey", "+447700900124", work.boris)
    await work.order("3042", "Nobodys Customer", "+447700900125", None)


FORGED: list[tuple[str, str, Any]] = [
    ("GET", "/v1/orders/{code}", None),
    ("POST", "/v1/orders/{code}/calls", {}),
    ("POST", "/v1/orders/{code}/calls", {"contact_id": 2}),
    ("PUT", "/v1/orders/{code}/notes", {"text": "mine"}),
    ("PUT", "/v1/orders/{code}/notes", {"text": "mine", "note_id": 1}),
    ("POST", "/v1/orders/{code}/comparisons", {"contact_id": 2, "number": "+447700900124"}),
    ("POST", "/v1/orders/{code}/outcomes", {"outcome": "confirmed"}),
    ("POST", "/v1/orders/{code}/outcomes", {"outcome": "wrong-number", "call_id": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), FORGED)
@pytest.mark.usefixtures("two")
async def test_anothers_order_and_a_missing_one_are_answered_alike(
    work: Shop, method: str, path: str, body: Any
) -> None:
    statements: list[list[str]] = []
    engine = work.desk.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements[-1].append(args[2]))
    answers = []
    for code in (BORIS, "3042", MISSING):
        statements.append([])
        answers.append(await work.ask(work.anna, method, path.format(code=code), body))
    assert {answer.status for answer in answers} == {404}
    assert answers[0].body == answers[1].body == answers[2].body
    assert answers[0].reason == "not-found"
    assert statements[0] == statements[1] == statements[2]


@pytest.mark.usefixtures("two")
async def test_anothers_customers_are_in_no_list_search_or_count(work: Shop) -> None:
    for query in ("", "?filter=all", "?filter=all&q=wimsey", "?filter=all&q=2042", "?filter=all&q=nobody"):
        assert set(await work.codes(work.anna, query)) <= {ANNAS}, query
    counts = (await work.ask(work.anna, "GET", "/v1/queue")).body["counts"]
    assert sum(counts.values()) == 1
    assert (await work.ask(work.anna, "POST", "/v1/queue/next")).body["code"] == ANNAS


@pytest.mark.usefixtures("two")
async def test_a_cursor_of_another_reader_shows_nothing_of_theirs(work: Shop) -> None:
    cursor = (await work.ask(work.clara, "GET", "/v1/queue?filter=all&limit=1")).body["cursor"]
    assert set(await work.codes(work.anna, f"?filter=all&cursor={cursor}")) <= {ANNAS}


@pytest.mark.usefixtures("two")
async def test_anothers_call_can_be_neither_seen_nor_ended(work: Shop) -> None:
    call_id = await work.call(work.boris, BORIS)
    for of, path in ((work.anna, call_id), (work.anna, "nothing")):
        answer = await work.ask(of, "DELETE", f"/v1/calls/{path}")
        assert (answer.status, answer.reason) == (404, "not-found")
    assert work.board.is_live(call_id)
    assert (await work.ask(work.anna, "GET", "/v1/calls/mine")).body == {"call": None}
    answer = await work.say(work.anna, ANNAS, "confirmed", call_id=call_id)
    assert answer.status == 404
    assert (await work.ask(work.clara, "DELETE", f"/v1/calls/{call_id}")).status == 204


@pytest.mark.usefixtures("two")
async def test_anothers_contact_is_not_called_for_an_own_order(work: Shop) -> None:
    (his,) = (await work.card(work.boris, BORIS))["contacts"]
    answer = await work.ask(work.anna, "POST", f"/v1/orders/{ANNAS}/calls", {"contact_id": his["id"]})
    assert (answer.status, answer.reason) == (403, "not_yours")
    assert len(work.board) == 0


@pytest.mark.usefixtures("two")
async def test_who_tries_codes_is_locked_out_as_on_a_phone(work: Shop) -> None:
    for guess in range(10):
        await work.ask(work.anna, "POST", f"/v1/orders/{7000 + guess}/calls", {})
    answer = await work.ask(work.anna, "POST", f"/v1/orders/{ANNAS}/calls", {})
    assert (answer.status, answer.reason) == (403, "not_yours")


@pytest.mark.usefixtures("two")
async def test_a_customer_handed_over_is_the_others_from_that_moment_on(work: Shop) -> None:
    await work.order(ANNAS, "Harriet Vane", "+447700900123", work.boris)
    assert (await work.ask(work.anna, "GET", f"/v1/orders/{ANNAS}")).status == 404
    assert await work.codes(work.anna, "?filter=all") == []
    assert set(await work.codes(work.boris, "?filter=all")) == {ANNAS, BORIS}


@pytest.mark.usefixtures("two")
async def test_supervisors_see_everybodys(work: Shop) -> None:
    assert set(await work.codes(work.clara, "?filter=all")) == {ANNAS, BORIS, "3042"}
    assert (await work.card(work.clara, BORIS))["manager_name"] == "Boris"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/queue"),
        ("POST", "/v1/queue/next"),
        ("GET", f"/v1/orders/{ANNAS}"),
        ("POST", f"/v1/orders/{ANNAS}/calls"),
        ("PUT", f"/v1/orders/{ANNAS}/notes"),
        ("POST", f"/v1/orders/{ANNAS}/outcomes"),
        ("DELETE", "/v1/outcomes/1"),
        ("GET", "/v1/calls/mine"),
        ("DELETE", "/v1/calls/x"),
        ("GET", "/v1/events"),
    ],
)
@pytest.mark.parametrize("token", [None, "forged"])
@pytest.mark.usefixtures("two")
async def test_without_a_session_nothing_is_answered(
    work: Shop, method: str, path: str, token: str | None
) -> None:
    answer = await work.desk.ask(method, path, {}, of=token)
    assert (answer.status, answer.reason) == (401, "signed-out")


@pytest.mark.usefixtures("two")
async def test_a_stream_tells_nothing_of_anothers_customers(work: Shop) -> None:
    async with listening(work, work.anna) as stream:
        await work.call(work.clara, BORIS)
        await work.say(work.boris, BORIS, "no-answer")
        await work.say(work.anna, ANNAS, "no-answer")
        assert (await stream.next()).name == "queue"
        assert b"Wimsey" not in stream.raw
        assert stream.raw.count(b"event:") == 2
