"""Requests that are sent again: done once, answered twice."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest
from program_shop import CANARIES, DAY_MS, ProgramShop, found_in, order
from sqlalchemy.exc import OperationalError

from bridge.store import api_answers
from bridge.store.api_answers import Request as KeptRequest
from bridge.store.api_answers import begin_request
from bridge.store.erasure import erase_customer

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


async def put(shop: ProgramShop, body: Any, key: str = KEY) -> Any:
    return await shop.ask("POST", "/v1/orders", body, Idempotency_Key=key)


def kept(shop: ProgramShop) -> list[Any]:
    with sqlite3.connect(shop.database.path) as connection:
        rows = connection.execute("SELECT * FROM api_answers").fetchall()
    connection.close()
    return rows


async def test_a_request_that_is_sent_again_is_answered_as_before(shop: ProgramShop) -> None:
    first = await put(shop, order())
    await shop.ask("PATCH", "/v1/orders/1042", {"priority": 9})
    again = await put(shop, order())
    assert (again.status, again.body) == (201, first.body)
    for name in ("ETag", "Location", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert (await shop.ask("GET", "/v1/orders/1042")).body["priority"] == 9
    assert [row[1] for row in await shop.audit()].count("order-put") == 1


async def test_a_call_is_placed_once_however_often_it_is_asked_for(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    answers = [await shop.ask("POST", "/v1/calls", {"order": "1042"}, Idempotency_Key=KEY) for _ in range(3)]
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(shop.switchboard.live()) == 1


async def test_another_request_with_the_same_key_is_refused(shop: ProgramShop) -> None:
    await put(shop, order())
    for answer in (
        await put(shop, order(priority=1)),
        await shop.ask("POST", "/v1/customers", {"name": "A", "phones": [CANARIES[0]]}, Idempotency_Key=KEY),
    ):
        assert (answer.status, answer.reason) == (422, "key-used")


async def test_a_key_is_its_tokens_own(shop: ProgramShop) -> None:
    other = await shop.new_token("other")
    await put(shop, order())
    answer = await shop.ask("POST", "/v1/orders", order(priority=1), token=other, Idempotency_Key=KEY)
    assert answer.status == 200


async def test_what_is_being_done_is_not_done_beside_it(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any, **named: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await begin_request(*arguments, **named)

    monkeypatch.setattr("bridge.api.v1.again.begin_request", slowly)
    first = asyncio.get_running_loop().create_task(put(shop, order()))
    await begun.wait()
    async with asyncio.timeout(10):
        second = await put(shop, order())
    assert (second.status, second.reason, second.headers["Retry-After"]) == (409, "in-progress", "1")
    go_on.set()
    assert (await first).status == 201
    assert (await put(shop, order())).status == 201


async def test_what_was_refused_may_be_sent_again(shop: ProgramShop) -> None:
    for body in (order(manager="nobody"), order("A1"), order() | {"more": 1}):
        assert (await put(shop, body)).reason == "unreadable"
    assert (await put(shop, order())).status == 201
    assert len(kept(shop)) == 1


async def test_what_failed_may_be_sent_again_if_nothing_was_done(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = OperationalError("", {}, Exception())
    for error, failed, after in ((database, 503, 201), (RuntimeError(), 500, 409)):

        async def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("bridge.api.v1.orders.put_order", fail)
            assert (await put(shop, order(), str(failed))).status == failed
        assert (await put(shop, order(), str(failed))).status == after


async def test_where_the_daemon_ended_meanwhile_nothing_is_done_again(shop: ProgramShop) -> None:
    await shop.ask("POST", "/v1/orders", order())
    assert shop.vault is not None
    mark = shop.vault.request_marker.mark
    body = b'{"order": "1042"}'
    request = KeptRequest(1, mark(KEY.encode()), mark(b"POST /v1/calls", body))
    await begin_request(shop.database, request, shop.now_ms)
    answer = await shop.ask("POST", "/v1/calls", {"order": "1042"}, Idempotency_Key=KEY)
    assert (answer.status, answer.reason) == (409, "outcome-unknown")
    assert shop.switchboard.live() == []


async def test_answers_are_kept_for_a_day(shop: ProgramShop) -> None:
    await put(shop, order())
    shop.pass_time(DAY_MS - 1)
    assert (await put(shop, order())).status == 201
    shop.pass_time(1)
    assert (await put(shop, order())).status == 200, "it is done anew"


async def test_no_more_are_kept_than_there_is_room_for_and_none_is_forgotten(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_answers, "MOST_OF_A_TOKEN", 2)
    for key in ("a", "b"):
        assert (await put(shop, order(), key)).status in (200, 201)
    full = await put(shop, order(), "c")
    assert (full.status, full.reason) == (429, "too-many-keys")
    assert int(full.headers["Retry-After"]) > 0
    assert (await put(shop, order(), "a")).status == 201


@pytest.mark.parametrize("key", ["x" * 256, "x" * 5000])
async def test_a_key_is_no_longer_than_it_may_be(shop: ProgramShop, key: str) -> None:
    answer = await put(shop, order(), key)
    assert (answer.status, answer.pointers) == (422, ["Idempotency-Key"])


async def test_no_number_and_no_plain_hash_of_a_request_is_kept(shop: ProgramShop) -> None:
    await put(shop, order(), CANARIES[1])
    everything = b"".join(path.read_bytes() for path in shop.folder.glob("shop.db*"))
    assert found_in(everything.replace(b"\0", b"")) == []
    ((_, key_hash, request_hash, *_),) = kept(shop)
    assert len(key_hash) == len(request_hash) == 32
    assert key_hash != request_hash


async def test_an_erased_customers_name_is_in_no_answer_that_is_kept(shop: ProgramShop) -> None:
    await put(shop, order())
    await put(shop, order("2", name="Peter", phone=CANARIES[1]), "another")
    await shop.ask(
        "POST", "/v1/customers", {"name": "Harriet Vane", "phones": [CANARIES[0]]}, Idempotency_Key="third"
    )
    await erase_customer(shop.database, 1, actor="cli:test")
    assert [row[-1] for row in kept(shop)] == [2]
    assert b"Harriet" not in b"".join(path.read_bytes() for path in shop.folder.glob("shop.db*"))
