"""Texts that follow calls by themselves: after the results that the shop says, once, and not too late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from text_shop import HARRIET, HOUR_MS, POLICY, TextShop

from bridge.calls.model import Kind, Result
from bridge.store.audit import AuditEntry, recent_entries
from bridge.store.records import Answered, Finished, NewCall, begin_call, note
from bridge.texts.follower import LONGEST_AGO_MS, PATIENCE_MS, CallFollower, Following

FOLLOWING = Following(
    {"no-answer": "tried-to-reach", "busy": "tried-to-reach", "missed": "missed-call"}, POLICY, 3
)
MOBILE, LANDLINE = 12, 11


def follower_of(shop: TextShop, following: Following = FOLLOWING) -> CallFollower:
    return CallFollower(shop.database, lambda: following, clock=lambda: shop.clock_ms)


async def call(
    shop: TextShop,
    call_id: str,
    result: Result | None = Result.NO_ANSWER,
    contact_id: int | None = MOBILE,
    code: str = "1042",
    kind: Kind = Kind.DIAL_ORDER,
) -> None:
    """A call that has ended now, or goes on."""
    at_ms = shop.clock_ms
    new = NewCall(call_id, kind.value, code, shop.anna, contact_id, None, at_ms - 30_000)
    await begin_call(shop.database, new, AuditEntry(at_ms, "101", "dial", f"order {code}"))
    if result is Result.TALKED:
        await note(shop.database, [Answered(call_id, at_ms - 20_000)])
    if result is not None:
        await note(shop.database, [Finished(call_id, at_ms, result.value, 16)])


async def asked(shop: TextShop) -> list[tuple[Any, ...]]:
    return await shop.rows("template, contact_id, order_code, call_id, manager_id")


async def look_after_patience(shop: TextShop, follower: CallFollower | None = None) -> None:
    shop.clock_ms += PATIENCE_MS
    await (follower or follower_of(shop)).look()


@pytest.mark.parametrize(
    ("result", "kind", "template"),
    [
        (Result.NO_ANSWER, Kind.DIAL_ORDER, "tried-to-reach"),
        (Result.BUSY, Kind.CLICK_TO_CALL, "tried-to-reach"),
        (Result.MISSED, Kind.CALLBACK, "missed-call"),
    ],
)
async def test_a_text_follows_a_result_that_it_is_to_follow(
    shop: TextShop, result: Result, kind: Kind, template: str
) -> None:
    await call(shop, "a", result, kind=kind)
    await look_after_patience(shop)
    assert await asked(shop) == [(template, MOBILE, "1042", "a", None)]
    await shop.look()
    (taken,) = shop.operator.taken()
    assert taken.told["to"] == HARRIET
    acts = [(each.act, each.actor, each.detail) for each in await recent_entries(shop.database, 9)]
    assert ("text-ask", "daemon", template) in acts


@pytest.mark.parametrize("result", [each for each in Result if each.value not in FOLLOWING.after])
async def test_no_text_follows_another(shop: TextShop, result: Result) -> None:
    await call(shop, "a", result)
    await look_after_patience(shop)
    assert await asked(shop) == []


async def test_it_waits_for_a_while(shop: TextShop) -> None:
    await call(shop, "a")
    shop.clock_ms += PATIENCE_MS - 1
    follower = follower_of(shop)
    await follower.look()
    assert await asked(shop) == []
    shop.clock_ms += 1
    await follower.look()
    assert len(await asked(shop)) == 1


@pytest.mark.parametrize("code", ["1042", "1043"])
@pytest.mark.parametrize("result", [Result.TALKED, None])
async def test_who_was_spoken_with_meanwhile_or_is_being_called_is_sent_none(
    shop: TextShop, code: str, result: Result | None
) -> None:
    await call(shop, "a")
    shop.clock_ms += 60_000
    await call(shop, "b", result, code=code)
    await look_after_patience(shop)
    assert await asked(shop) == []


async def test_of_many_calls_in_vain_one_is_followed(shop: TextShop) -> None:
    follower = follower_of(shop)
    for name in "abc":
        await call(shop, name, code="1043" if name == "b" else "1042")
        await look_after_patience(shop, follower)
        await look_after_patience(shop, follower)
    assert [row[3] for row in await asked(shop)] == ["a"]
    shop.clock_ms += 24 * HOUR_MS
    await call(shop, "d")
    await look_after_patience(shop, follower)
    assert [row[3] for row in await asked(shop)] == ["a", "d"]


async def test_what_a_manager_has_had_sent_is_not_sent_again_by_itself(shop: TextShop) -> None:
    await call(shop, "a")
    await shop.ask("tried-to-reach")
    await look_after_patience(shop)
    assert [row[3] for row in await asked(shop)] == [None]


async def test_after_a_call_to_a_landline_it_goes_to_the_mobile(shop: TextShop) -> None:
    await call(shop, "a", contact_id=LANDLINE)
    await look_after_patience(shop)
    assert [row[1] for row in await asked(shop)] == [MOBILE]


async def test_it_goes_to_the_number_that_was_called_if_that_is_a_mobile(shop: TextShop) -> None:
    await shop.run("UPDATE contacts SET line_type = 'mobile' WHERE id = 11")
    await call(shop, "a", contact_id=MOBILE)
    await look_after_patience(shop)
    assert [row[1] for row in await asked(shop)] == [MOBILE]


async def test_a_caller_who_is_known_by_a_code_alone_has_the_customer_sent_none(shop: TextShop) -> None:
    await call(shop, "a", Result.MISSED, contact_id=None, kind=Kind.CALLBACK)
    await look_after_patience(shop)
    assert await asked(shop) == []


@pytest.mark.parametrize(
    "change", ["UPDATE customers SET do_not_call_ms = 1", "UPDATE contacts SET line_type = 'fixed_line'"]
)
async def test_the_rules_hold_for_it(shop: TextShop, change: str) -> None:
    await shop.run(change)
    await call(shop, "a")
    await look_after_patience(shop)
    assert await asked(shop) == []


async def test_it_counts_among_the_texts_of_a_day(shop: TextShop) -> None:
    for template in ("ready", "missed-call"):
        await shop.ask(template)
    await call(shop, "a")
    await look_after_patience(shop, follower_of(shop, replace(FOLLOWING, most_a_day=2)))
    assert len(await asked(shop)) == 2


async def test_a_daemon_that_starts_follows_what_ended_just_before_once_and_nothing_older(
    shop: TextShop,
) -> None:
    await call(shop, "old", code="1043")
    shop.clock_ms += LONGEST_AGO_MS
    await call(shop, "new")
    shop.clock_ms += PATIENCE_MS
    for _ in range(2):
        await follower_of(shop).look()
    assert [row[3] for row in await asked(shop)] == ["new"]


async def test_an_order_that_is_none_of_ours_is_passed_over(shop: TextShop) -> None:
    await call(shop, "a", code="0000001")
    await look_after_patience(shop)
    assert await asked(shop) == []
