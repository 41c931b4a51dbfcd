"""A text message asked for at the desk: of a template alone, for one's own customers, a few times a day."""

from __future__ import annotations

from typing import Any

import pytest
from desk_orders import execute
from desk_shop import DAY_MS, Answer, Person
from sqlalchemy import event
from work_shop import LONG_SESSIONS, Shop

from bridge.store.texts import next_text, note_failed, note_sent

NUMBER = "+447700900123"
ON = f"""\
{LONG_SESSIONS}texts:
  enabled: true
  url: https://sms.example/
  templates: {{ready: {{en: "Order {{order}} is ready."}}}}
"""


@pytest.fixture
async def shop(work: Shop) -> Shop:
    work.desk.configured(ON)
    await work.order("1042", "Harriet Vane", NUMBER, work.anna)
    return work


async def send(
    shop: Shop, template: str = "tried-to-reach", by: Person | None = None, code: str = "1042"
) -> Answer:
    return await shop.ask(by or shop.anna, "POST", f"/v1/orders/{code}/texts", {"template": template})


async def past(shop: Shop, by: Person | None = None) -> list[tuple[str, str, str | None]]:
    """As the order's history has them."""
    card = await shop.card(by or shop.anna, "1042")
    assert "7700" not in str(card)
    return [(each["template"], each["outcome"], each["manager_name"]) for each in card["texts"]]


async def test_managers_and_supervisors_see_what_became_of_a_text_by_its_templates_name(shop: Shop) -> None:
    for template in ("tried-to-reach", "ready", "missed-call"):
        assert (await send(shop, template)).status == 204
    for note in (note_sent, note_failed):
        text = await next_text(shop.desk.database, shop.desk.now_ms)
        assert text is not None
        await note(shop.desk.database, text, "a word", shop.desk.now_ms)
    for by in (shop.anna, shop.clara):
        assert await past(shop, by) == [
            ("missed-call", "waiting", "Anna"),
            ("ready", "failed", "Anna"),
            ("tried-to-reach", "sent", "Anna"),
        ]


async def test_it_is_on_record_by_who_asked_for_it(shop: Shop) -> None:
    await send(shop)
    assert ("desk:101", "text-ask", "order 1042", "tried-to-reach") in await shop.desk.audit()


async def test_the_templates_are_told_to_whoever_is_signed_in(shop: Shop) -> None:
    me = (await shop.ask(shop.anna, "GET", "/v1/me")).body
    assert me["texts"] == ["tried-to-reach", "missed-call", "ready"]


async def test_after_a_days_texts_it_is_refused_for_everybody(shop: Shop) -> None:
    await shop.order("1043", "Harriet Vane", NUMBER, shop.anna)
    for code, by in (("1042", shop.anna), ("1043", shop.anna), ("1042", shop.clara)):
        assert (await send(shop, by=by, code=code)).status == 204
    for code, by in (("1042", shop.anna), ("1043", shop.clara)):
        refused = await send(shop, by=by, code=code)
        assert (refused.status, refused.reason) == (409, "too-many-texts")
    shop.desk.pass_time(DAY_MS // 2)
    assert (await send(shop)).status == 409
    shop.desk.pass_time(DAY_MS // 2)
    assert (await send(shop)).status == 204


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE customers SET do_not_call_ms = 1", "do-not-call"),
        ("UPDATE contacts SET never_ms = 1", "do-not-call"),
        ("UPDATE contacts SET line_type = 'fixed_line'", "no-mobile"),
        ("UPDATE contacts SET region = 'FR'", "no-mobile"),
        ("UPDATE contacts SET standing = 'wrong'", "no-mobile"),
        ("UPDATE contacts SET proposed_ms = 1", "no-mobile"),
        ("UPDATE customers SET data_key = NULL", "no-mobile"),
    ],
)
async def test_who_can_not_be_sent_one_is_refused_with_the_reason(
    shop: Shop, change: str, reason: str
) -> None:
    await execute(shop.desk, change)
    refused = await send(shop)
    assert (refused.status, refused.reason) == (409, reason)
    assert await past(shop) == []


async def test_anothers_order_and_a_missing_one_are_answered_alike(shop: Shop) -> None:
    await shop.order("2042", "Peter Wimsey", "+447700900124", shop.boris)
    statements: list[list[str]] = []
    engine = shop.desk.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements[-1].append(args[2]))
    answers = []
    for code in ("2042", "9999"):
        statements.append([])
        answers.append(await send(shop, code=code))
    assert {answer.status for answer in answers} == {404}
    assert answers[0].body == answers[1].body
    assert statements[0] == statements[1]
    assert await next_text(shop.desk.database, shop.desk.now_ms) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"template": ""},
        {"template": "call me on +447700900199"},
        {"template": "447700900199"},
        {"template": "ready", "text": "call me on +447700900199"},
        {"template": "of-another-shop"},
    ],
)
async def test_nothing_but_a_template_of_the_shops_is_taken_and_nothing_is_repeated(
    shop: Shop, body: dict[str, Any]
) -> None:
    answer = await shop.ask(shop.anna, "POST", "/v1/orders/1042/texts", body)
    assert answer.status == 422
    assert "7700" not in str(answer.body)
    assert await past(shop) == []


async def test_where_they_are_off_none_is_sent(shop: Shop) -> None:
    shop.desk.configured(LONG_SESSIONS)
    refused = await send(shop)
    assert (refused.status, refused.reason) == (403, "texts-off")
    assert (await shop.ask(shop.anna, "GET", "/v1/me")).body["texts"] == []
