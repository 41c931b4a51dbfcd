"""Webhooks: what is on record is told, signed, once it can be; who can't be told harms nobody."""

from __future__ import annotations

import time

import pytest
from hook_shop import DAY_MS, LOOPBACK, HookShop, until
from prometheus_client import REGISTRY
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from bridge.calls.model import Result
from bridge.outgoing import Reach
from bridge.rules.retrying import PAUSES_MS
from bridge.store import webhook_outbox
from bridge.store.alarms import newest_alarms
from bridge.store.audit import recent_entries
from bridge.store.records import Finished, note
from bridge.store.webhook_outbox import HookEvent, forget_old, replay, tell_outcome, tell_test
from bridge.store.webhooks import enable_webhook, remove_webhook
from bridge.switchboard.metrics import HookAnswer
from bridge.webhooks import courier
from bridge.webhooks.signing import secret_as_shown


async def test_a_result_arrives_signed_as_the_library_verifies_it(shop: HookShop) -> None:
    _, secret = await shop.add("/ok")
    await shop.call("abc")
    await shop.look()
    (heard,) = shop.program.heard()
    Verifier(secret_as_shown(secret)).verify(heard.body, heard.headers)
    assert heard.told["type"] == "result"
    assert heard.told["id"] == heard.id == "result-abc"
    assert heard.told["data"] == {"call": "abc", "order": "1042", "result": "talked"}
    assert heard.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Verifier(secret_as_shown(secret)).verify(heard.body.replace("1042", "1043"), heard.headers)


async def test_a_message_has_codes_and_ids_and_nothing_else(shop: HookShop) -> None:
    await shop.add("/ok")
    await shop.call("abc")
    await shop.look()
    (heard,) = shop.program.heard()
    assert set(heard.told) == {"type", "id", "timestamp", "data"}
    assert heard.told["timestamp"].endswith("Z")
    of_http = {"host", "accept", "accept-encoding", "connection", "content-type", "content-length"}
    of_ours = {"user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert set(heard.headers) == of_http | of_ours


async def test_what_is_refused_by_the_rules_is_not_told_and_nothing_is_told_twice(shop: HookShop) -> None:
    await shop.add("/ok")
    await shop.call("abc", Result.REFUSED)
    await shop.call("def")
    # As a successor does, of an end that the daemon before it has noted.
    await note(shop.database, [Finished("def", shop.clock_ms, Result.FAILED.value, None)])
    await shop.look()
    (heard,) = shop.program.heard()
    assert (heard.id, heard.told["data"]["result"]) == ("result-def", "talked")


async def test_attempts_and_what_waits_are_counted(shop: HookShop) -> None:
    def counted() -> dict[str, float]:
        name = "callbridge_webhook_attempts_total"
        return {
            each.value: REGISTRY.get_sample_value(name, {"answer": each.value}) or 0 for each in HookAnswer
        }

    before = counted()
    await shop.add("/ok")
    await shop.add("/500")
    await shop.call("abc")
    await shop.look()
    after = counted()
    grown = {answer: after[answer] - before[answer] for answer in after if after[answer] != before[answer]}
    assert grown == {"arrived": 1, "refused": 1}
    await shop.look()
    assert REGISTRY.get_sample_value("callbridge_webhook_backlog") == 1


async def test_a_reload_changes_where_may_be_sent_to(shop: HookShop) -> None:
    shop.sending(networks=())
    await shop.add("/ok")
    await shop.call("abc")
    await shop.look()
    assert shop.program.heard() == []
    shop.sender.follow(Reach.of(LOOPBACK), disable_after_ms=DAY_MS)
    shop.clock_ms += PAUSES_MS[0]
    await shop.look()
    assert len(shop.program.heard()) == 1


async def test_each_hears_what_it_asked_for(shop: HookShop) -> None:
    await shop.add("/results", [HookEvent.RESULT])
    await shop.add("/outcomes", [HookEvent.OUTCOME])
    await shop.call("abc")
    await shop.look()
    assert [each.path for each in shop.program.heard()] == ["/results"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/500", "refused 500"),
        ("/404", "refused 404"),
        ("/redirect", "redirected 307"),
        ("/close", "unreachable"),
        ("/endless-headers", "unreachable"),
    ],
)
async def test_what_does_not_arrive_is_tried_again_later_with_the_same_id(
    shop: HookShop, path: str, answer: str
) -> None:
    await shop.add(path)
    await shop.call("abc")
    began_ms = shop.clock_ms
    await shop.look()
    assert await shop.rows() == [(1, began_ms + PAUSES_MS[0], None, answer)]
    await shop.look()
    assert len(shop.program.heard()) == 1, "it was not due"
    shop.clock_ms += PAUSES_MS[0]
    await shop.look()
    assert [each.id for each in shop.program.heard()] == ["result-abc"] * 2
    assert await shop.rows() == [(2, shop.clock_ms + PAUSES_MS[1], None, answer)]
    assert shop.program.heard("/ok") == [], "a redirect was followed"


async def test_a_body_of_a_megabyte_is_not_read_and_counts_as_arrived(shop: HookShop) -> None:
    await shop.add("/big")
    await shop.call("abc")
    await shop.look()
    ((_, next_ms, delivered_ms, answer),) = await shop.rows()
    assert (next_ms, delivered_ms is not None, answer) == (None, True, "arrived 200")


async def test_one_that_hangs_holds_no_other_up_and_is_left_in_time(
    shop: HookShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "SECONDS", 2.0)
    await shop.add("/hang")
    await shop.add("/ok")
    for letter in "abcdefghij":
        await shop.call(letter)
    began = time.monotonic()
    await shop.sender.look()

    async def others_are_told() -> bool:
        return len(shop.program.heard("/ok")) == 10

    await until(others_are_told)
    assert time.monotonic() - began < 2
    await shop.look()
    assert time.monotonic() - began < 10
    assert len(shop.program.heard("/hang")) == 1, "one that hangs is asked one thing at a time"
    assert ("timed-out",) in await shop.rows("answer")


async def test_one_that_is_not_there_is_told_all_in_order_when_it_is_back(shop: HookShop) -> None:
    shop.program.stop()
    await shop.add("/ok")
    ids = ["abc" + letter for letter in "defgh"]
    for call_id in ids:
        await shop.call(call_id)
        await shop.look()
    assert {answer for (answer,) in await shop.rows("answer")} <= {"unreachable", None}
    shop.clock_ms += DAY_MS
    await shop.program.start()
    await shop.look()
    assert sorted(each.id for each in shop.program.heard()) == [f"result-{call_id}" for call_id in ids]
    assert (await shop.webhook(1)).failing_since_ms is None


async def test_one_that_fails_is_tried_once_a_minute_however_much_waits(shop: HookShop) -> None:
    await shop.add("/500")
    for letter in "abcdefghijklmnopqrstuvwxyz":
        await shop.call(letter)
    for _ in range(120):  # ten minutes
        await shop.look()
        shop.clock_ms += 5_000
    assert 10 <= len(shop.program.heard()) <= 20


async def test_after_an_outage_nothing_waits_for_its_next_attempt(shop: HookShop) -> None:
    shop.program.stop()
    await shop.add("/ok")
    await shop.call("abc")
    for pause in PAUSES_MS[:6]:
        await shop.look()
        shop.clock_ms += pause
    await shop.look()  # its next attempt is in two hours
    await shop.program.start()
    shop.clock_ms += 60_000
    await shop.call("def")
    await shop.look()
    assert sorted(each.id for each in shop.program.heard()) == ["result-abc", "result-def"]


def given_up() -> float:
    return REGISTRY.get_sample_value("callbridge_webhook_given_up_total") or 0


async def test_what_never_arrives_is_given_up_after_the_last_attempt(shop: HookShop) -> None:
    before = given_up()
    shop.sending(disable_after_ms=30 * DAY_MS)
    await shop.add("/500")
    await shop.call("abc")
    for pause in (*PAUSES_MS, DAY_MS):
        await shop.look()
        shop.clock_ms += pause
    assert await shop.rows() == [(len(PAUSES_MS) + 1, None, None, "refused 500")]
    assert len(shop.program.heard()) == len(PAUSES_MS) + 1
    assert given_up() == before + 1


async def test_where_nothing_arrives_for_days_nothing_is_sent_and_supervisors_know(shop: HookShop) -> None:
    webhook, _ = await shop.add("/500")
    await shop.call("abc")
    for letter in "defghi":
        await shop.look()
        shop.clock_ms += DAY_MS
        await shop.call(letter)
    assert (await shop.webhook(webhook.id)).disabled_ms is not None
    (alarm,) = await newest_alarms(shop.database, 9)
    assert (alarm.kind, alarm.detail) == ("webhook-disabled", f"webhook={webhook.id}, host=127.0.0.1")
    entry = next(each for each in await recent_entries(shop.database, 99) if each.act == "webhook-disable")
    assert (entry.actor, entry.subject) == ("daemon", alarm.detail)
    assert {next_ms for (next_ms,) in await shop.rows("next_ms")} == {None}
    heard, kept = len(shop.program.heard()), len(await shop.rows())
    await shop.call("xyz")
    await shop.look()
    assert (len(shop.program.heard()), len(await shop.rows())) == (heard, kept)


async def test_one_that_is_gone_is_disabled_at_once_and_may_be_enabled_again(shop: HookShop) -> None:
    before = given_up()
    webhook, _ = await shop.add("/410")
    await shop.call("abc")
    await shop.call("xyz")
    await shop.look()
    assert given_up() == before + 2
    assert (await shop.webhook(webhook.id)).disabled_ms is not None
    await enable_webhook(shop.database, webhook.id, actor="cli:test", now_ms=shop.clock_ms)
    await shop.call("def")
    assert len(await shop.rows()) == 3


async def test_a_replay_has_the_same_ids_and_bodies(shop: HookShop) -> None:
    webhook, _ = await shop.add("/ok")
    await shop.call("abc")
    await shop.look()
    again = {"since_ms": shop.clock_ms - 1000, "now_ms": shop.clock_ms}
    assert await replay(shop.database, webhook.id, arrived_too=False, **again) == 0
    assert await replay(shop.database, webhook.id, arrived_too=True, **again) == 1
    await shop.look()
    first, second = shop.program.heard()
    assert (first.id, first.body) == (second.id, second.body)


async def test_a_test_is_told_to_one_alone(shop: HookShop) -> None:
    await shop.add("/one")
    other, _ = await shop.add("/other")
    event_id = await tell_test(shop.database, other.id, shop.clock_ms)
    await shop.look()
    (heard,) = shop.program.heard()
    assert (heard.path, heard.id, heard.told["type"], heard.told["data"]) == ("/other", event_id, "test", {})


async def test_nothing_of_one_that_is_removed_is_kept_or_sent(shop: HookShop) -> None:
    webhook, _ = await shop.add("/500")
    await shop.call("abc")
    await shop.look()
    await remove_webhook(shop.database, webhook.id, actor="cli:test", now_ms=shop.clock_ms)
    assert await shop.rows() == []
    await shop.call("def")
    await shop.look()
    assert len(shop.program.heard()) == 1
    added, _ = await shop.add("/ok")
    assert added.id > webhook.id, "an id was used again"


async def test_what_is_kept_is_bounded_by_age_and_by_number(
    shop: HookShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_outbox, "MOST_KEPT", 3)
    for _ in range(2):
        await shop.add("/ok")
    for letter in "abcde":
        await shop.call(letter)
    assert await forget_old(shop.database, shop.clock_ms) == 4
    kept = sorted(await shop.rows("webhook_id, call_id"))
    assert kept == [(webhook, letter) for webhook in (1, 2) for letter in "cde"]
    await forget_old(shop.database, shop.clock_ms + 8 * DAY_MS)
    assert await shop.rows() == []


async def test_a_secret_is_nowhere_in_the_files_and_opens_for_its_webhook_alone(shop: HookShop) -> None:
    one, secret = await shop.add("/ok")
    other, _ = await shop.add("/ok")
    shown = secret_as_shown(secret)
    for path in shop.database.path.parent.glob("shop.db*"):
        assert secret not in path.read_bytes()
        assert shown.encode() not in path.read_bytes()
    async with shop.database.write() as connection:
        await connection.exec_driver_sql(
            "UPDATE webhooks SET secret_sealed = ? WHERE id = ?", (one.secret_sealed, other.id)
        )
    await shop.call("abc")
    await shop.look()
    assert len(shop.program.heard()) == 1, "a secret that was copied was used"


async def test_an_outcome_is_told_with_what_it_takes_back(shop: HookShop) -> None:
    await shop.add("/ok", [HookEvent.OUTCOME])
    async with shop.database.write() as connection:
        for statement in (
            "INSERT INTO managers (id, name, extension, role, created_ms)"
            " VALUES (1, 'Anna', '101', 'manager', 0)",
            "INSERT INTO customers (id, name, created_ms) VALUES (1, 'Harriet', 0)",
            "INSERT INTO orders (code, customer_id, summary, state, created_ms)"
            " VALUES ('1042', 1, '', 'open', 0)",
            "INSERT INTO outcomes (id, order_code, manager_id, outcome, at_ms, before)"
            " VALUES (7, '1042', 1, 'reached', 0, '')",
        ):
            await connection.exec_driver_sql(statement)
        await connection.run_sync(lambda session: tell_outcome(session, 7, shop.clock_ms))
        await connection.run_sync(lambda session: tell_outcome(session, 7, shop.clock_ms, undone=True))
    await shop.look()
    said, undone = shop.program.heard()
    assert (said.id, undone.id) == ("outcome-7", "outcome-7-undone")
    whose = {"call": None, "order": "1042", "outcome": "reached", "by_result": False}
    assert said.told["data"] == whose | {"undone": False}
    assert undone.told["data"] == whose | {"undone": True}


async def test_without_keys_nothing_is_sent_and_all_of_it_later(shop: HookShop) -> None:
    await shop.add("/ok")
    vault, shop.vault = shop.vault, None  # type: ignore[assignment]
    await shop.call("abc")
    await shop.look()
    assert shop.program.heard() == []
    shop.vault = vault
    await shop.look()
    assert len(shop.program.heard()) == 1
