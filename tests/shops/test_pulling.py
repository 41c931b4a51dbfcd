"""Shops that are asked for their orders: what a shop has can be dialled, and what it does harms nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from listening import until
from prometheus_client import REGISTRY
from pulled_shop import KEY, RECORDED, SECRET, Behaviour, PulledWoo, body, drip, gmt, hang, served, status
from pulling_shop import DAY_MS, MINUTE_MS, PullingShop

from bridge.proof.scan import Scanner
from bridge.pulling import asking, puller
from bridge.rules.pulling import LONGEST_PAUSE_MS, OVERLAP_MS
from bridge.shops import Ask, Login, Page, ShopOrder
from bridge.shops.woocommerce import WooCommerce
from bridge.store.alarms import newest_alarms
from bridge.store.errors import ShopNotPulled
from bridge.store.shop_pulls import pull_no_more
from bridge.store.shops import remove_shop
from bridge.switchboard.metrics import PullAnswer

HOUR_MS = 60 * MINUTE_MS
NUMBERS = ("+447700900123", "+447700900124", "+447700900125", "+447700900126")


async def test_what_a_shop_has_can_be_dialled_and_what_is_done_with_is_not_taken(shop: PullingShop) -> None:
    for order in json.loads((RECORDED / "woocommerce-orders.json").read_bytes()):
        shop.woo.orders[order["id"]] = order | {"date_modified_gmt": gmt(shop.clock_ms - HOUR_MS)}
    await shop.connect()
    await shop.look()
    assert await shop.has("727", "731")
    assert await shop.rows("SELECT code FROM orders ORDER BY code") == [("727",), ("731",)]
    assert ("shop:woo", "order-put", "727", "added") in await shop.audit()
    assert shop.told == [(1,), (1,)], "who has a queue open is to see them"
    assert (await shop.pull_row()).said == "arrived"


async def test_only_what_was_changed_is_asked_for_again_and_a_change_arrives_in_a_minute(
    shop: PullingShop,
) -> None:
    begun = shop.clock_ms
    shop.woo.put(800, begun - HOUR_MS)
    await shop.connect()
    await shop.look()
    assert shop.woo.asked[0]["modified_after"] == gmt(begun - 14 * DAY_MS - 1000)
    shop.woo.put(800, begun + 30_000, billing={"first_name": "Harriet D."})
    await shop.look(after_ms=MINUTE_MS - 1)
    assert len(shop.woo.asked) == 1, "nobody is asked more than once a minute"
    await shop.look(after_ms=1)
    assert shop.woo.asked[1]["modified_after"] == gmt(begun - HOUR_MS - OVERLAP_MS - 1000)
    assert await shop.rows("SELECT name FROM customers") == [("Harriet D. Vane",)]


async def test_an_order_that_is_closed_in_the_shop_is_closed_here(shop: PullingShop) -> None:
    shop.woo.put(800, shop.clock_ms - HOUR_MS)
    await shop.connect()
    await shop.look()
    shop.woo.put(800, shop.clock_ms, status="completed")
    await shop.look(after_ms=MINUTE_MS)
    assert await shop.rows("SELECT state FROM orders") == [("closed",)]


async def test_an_order_that_is_committed_late_is_not_missed(shop: PullingShop) -> None:
    """It was changed before another that was told already, and comes after it."""
    shop.woo.put(801, shop.clock_ms)
    await shop.connect()
    await shop.look()
    shop.woo.put(800, shop.clock_ms - OVERLAP_MS + 1000)
    await shop.look(after_ms=MINUTE_MS)
    assert await shop.has("800", "801")


async def test_what_is_read_again_changes_nothing_and_undoes_nothing_of_ours(shop: PullingShop) -> None:
    shop.woo.put(800, shop.clock_ms)
    await shop.connect()
    await shop.look()
    async with shop.database.write() as connection:
        await connection.exec_driver_sql("UPDATE customers SET name = 'Corrected here'")
    before = await shop.audit()
    for _ in range(3):
        await shop.look(after_ms=MINUTE_MS)
    assert len(shop.woo.asked) == 4
    assert await shop.rows("SELECT name FROM customers") == [("Corrected here",)]
    assert await shop.audit() == before


async def test_all_of_many_are_read_and_a_turn_is_bounded(
    shop: PullingShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(puller, "PAGES_A_TURN", 2)
    for number in range(260):
        phone = f"07700 900{number:03}"
        billing = {"first_name": f"A{chr(65 + number % 26)}{chr(65 + number // 26)}", "phone": phone}
        shop.woo.put(1000 + number, shop.clock_ms - DAY_MS + number * 700, billing=billing)
    await shop.connect()
    await shop.look()
    assert len(shop.woo.asked) == 2
    assert (await shop.pull_row()).place.page is not None
    while (await shop.pull_row()).place.page is not None:
        await shop.look(after_ms=10_000)
    assert (await shop.rows("SELECT count(*) FROM orders"))[0] == (260,)


async def test_orders_that_were_all_changed_in_one_second_are_all_read(shop: PullingShop) -> None:
    for number in range(170):
        billing = {"first_name": f"B{chr(65 + number % 26)}{chr(65 + number // 26)}"}
        shop.woo.put(2000 + number, shop.clock_ms - HOUR_MS, billing=billing)
    shop.woo.put(1999, shop.clock_ms - 2 * HOUR_MS)
    shop.woo.put(3000, shop.clock_ms - MINUTE_MS)
    await shop.connect()
    await shop.look()
    assert (await shop.rows("SELECT count(*) FROM orders"))[0] == (172,)


async def test_one_that_was_dated_into_the_future_holds_no_later_change_back(shop: PullingShop) -> None:
    shop.woo.put(800, shop.clock_ms + 365 * DAY_MS)
    await shop.connect()
    await shop.look()
    assert await shop.has("800")
    shop.woo.put(801, shop.clock_ms + 30_000)
    shop.woo.put(800, shop.clock_ms + 40_000, status="cancelled")
    await shop.look(after_ms=MINUTE_MS)
    assert await shop.has("801")
    assert await shop.rows("SELECT state FROM orders WHERE code = '800'") == [("closed",)]


async def test_an_order_that_can_not_be_taken_is_told_once_and_the_others_are_taken(
    shop: PullingShop, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = {"phone": "ring me"}
    shop.woo.put(800, shop.clock_ms, billing=nobody, shipping={})
    shop.woo.put(801, shop.clock_ms)
    await shop.connect()
    for _ in range(3):
        await shop.look(after_ms=MINUTE_MS)
    assert await shop.has("801")
    said = capsys.readouterr()
    assert (said.out + said.err).count("a shop's order was not taken") == 1


# --- shops that do as they like ---


async def endless(request: web.Request) -> web.StreamResponse:
    """Each page is the same, and there are always more."""
    told = json.loads((RECORDED / "woocommerce-orders.json").read_bytes())
    for order in told:
        order["date_modified_gmt"] = "2099-01-01T00:00:00"
    return web.json_response(told, headers={"X-WP-TotalPages": str(int(request.query["page"]) + 1)})


async def redirecting(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("https://elsewhere.example/login?phone=447700900123")


async def old(_: web.Request) -> web.StreamResponse:
    """WooCommerce before 5.8: it knows no modified_after, and tells all that there ever was."""
    told = json.loads((RECORDED / "woocommerce-orders.json").read_bytes())[:1]
    return web.json_response([each | {"date_modified_gmt": "2019-01-01T00:00:00"} for each in told])


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'[{"phone": "+447700900123"')
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (status(401), "wrong-login 401"),
        (status(403), "wrong-login 403"),
        (status(404), "not-there 404"),
        (redirecting, "redirected 302"),
        (status(429), "busy 429"),
        (status(503), "busy 503"),
        (status(500), "failed 500"),
        (status(502), "failed 502"),
        (status(400), "refused 400"),
        (status(204), "unreadable 204"),
        (status(599), "failed 599"),
        (body(b"<html>+447700900123</html>"), "unreadable"),
        (body(b'{"phone": "+447700900123"}', "application/json"), "unreadable"),
        (body(b'[{"id": 1, "date_modified_gmt": "+447700900123"}]', "application/json"), "unreadable"),
        (body(b"[" * 100_000, "application/json"), "unreadable"),
        (body(b"\xff\xfe", "application/json"), "unreadable"),
        (body(b" " * (asking.MOST_READ + 1)), "too-large"),
        (endless, "repeats"),
        (old, "not-heeded"),
        (cut_off, "unreachable"),
        (hang, "timed-out"),
        (drip, "timed-out"),
    ],
)
async def test_a_shop_that_gives_no_orders_is_told_by_a_word_and_by_nothing_that_it_said(
    shop: PullingShop,
    behave: Behaviour,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(asking, "SECONDS", 1.0 if said == "timed-out" else 20.0)
    before = counted()
    shop.woo.behave = behave
    await shop.connect()
    await shop.look()
    row = await shop.pull_row()
    assert row.said == said
    assert row.failing_since_ms == shop.clock_ms
    assert counted()[said.split(maxsplit=1)[0]] == before[said.split(maxsplit=1)[0]] + 1
    printed = capsys.readouterr()
    assert "a shop gives no orders" in printed.out + printed.err
    everything = f"{printed.out}{printed.err}{await shop.audit()}".encode()
    assert [found for number in NUMBERS for found in Scanner(number, "GB").scan(everything)] == []
    assert not any(secret in everything.decode() for secret in (KEY, SECRET))
    shop.woo.behave = None
    shop.woo.put(800, shop.clock_ms)
    await shop.look(after_ms=LONGEST_PAUSE_MS)
    assert await shop.has("800")
    assert (await shop.pull_row()).failing_since_ms is None


def counted() -> dict[str, float]:
    name = "callbridge_shop_pulls_total"
    return {each.value: REGISTRY.get_sample_value(name, {"answer": each.value}) or 0 for each in PullAnswer}


async def test_one_that_hangs_holds_up_no_other_and_not_the_loop(shop: PullingShop) -> None:
    async with served(PulledWoo()) as other:
        shop.woo.behave = hang
        other.put(900, shop.clock_ms)
        await shop.connect()
        await shop.connect("other", site=other.site)
        await shop.puller.look()

        async def only_that_one_goes_on() -> bool:
            return len(shop.tasks) == 1 and await shop.has("900")

        await until(only_that_one_goes_on)
        await shop.puller.look()
        assert len(shop.tasks) == 1, "it is not asked twice at once"
        await shop.tasks.finish(seconds=0)


async def test_one_that_fails_is_asked_less_and_less_down_to_once_in_half_an_hour(shop: PullingShop) -> None:
    shop.woo.behave = status(500)
    await shop.connect()
    asked_at = []
    begun = shop.clock_ms
    for _ in range(180):
        before = len(shop.woo.asked)
        await shop.look()
        if len(shop.woo.asked) > before:
            asked_at.append((shop.clock_ms - begun) // MINUTE_MS)
        shop.clock_ms += MINUTE_MS
    assert asked_at == [0, 2, 6, 14, 30, 60, 90, 120, 150]


async def test_one_that_says_when_to_come_again_is_left_alone_until_then(shop: PullingShop) -> None:
    shop.woo.behave = status(503, Retry_After="300")
    await shop.connect()
    await shop.look()
    await shop.look(after_ms=299_000)
    assert len(shop.woo.asked) == 1
    await shop.look(after_ms=1_000)
    assert len(shop.woo.asked) == 2


async def test_one_that_wants_to_be_left_alone_for_ever_is_asked_within_the_hour(shop: PullingShop) -> None:
    shop.woo.behave = status(503, Retry_After="999999999999999999999")
    await shop.connect()
    await shop.look()
    await shop.look(after_ms=HOUR_MS)
    assert len(shop.woo.asked) == 2


async def test_one_that_fails_for_an_hour_is_an_alarm_once(shop: PullingShop) -> None:
    shop.woo.behave = status(401)
    await shop.connect()
    for _ in range(30):
        await shop.look(after_ms=10 * MINUTE_MS)
    (alarm,) = await newest_alarms(shop.database, 10)
    assert (alarm.kind, alarm.detail) == ("shop-not-pulled", "shop=woo, pull=wrong-login 401")
    assert REGISTRY.get_sample_value("callbridge_shops_failing") == 1
    shop.woo.behave = None
    await shop.look(after_ms=HOUR_MS)
    await shop.look()
    assert REGISTRY.get_sample_value("callbridge_shops_failing") == 0


async def test_a_login_is_told_to_no_other_host_and_no_private_network_is_asked(shop: PullingShop) -> None:
    await shop.connect()
    shop.start(networks=())
    await shop.look()
    assert (await shop.pull_row()).said == "forbidden"
    async with shop.database.write() as connection:
        await connection.exec_driver_sql("UPDATE shop_pulls SET site = 'https://thief.example'")
    shop.start()
    await shop.look()
    assert (await shop.pull_row()).said == "seal-broken"
    assert shop.woo.asked == []


class Straying:
    """A plug-in that leads elsewhere, as one may that follows whatever a shop has answered."""

    def orders(self, *_: Any) -> list[Any]:
        return []

    def ask(self, *_: Any) -> Any:
        return Ask("http://127.0.0.1:1/x", {})

    def page(self, *_: Any) -> Any:
        raise AssertionError


async def test_a_plug_in_leads_to_no_other_host_and_one_that_raises_tells_nothing(
    shop: PullingShop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raising(Straying):
        def ask(self, *told: Any) -> Any:
            raise KeyError(*told)

    for plugin, said in ((Straying(), "forbidden"), (Raising(), "unreadable"), (object(), "no-plugin")):
        monkeypatch.setattr(shop.puller._asker, "_plugins", {"woocommerce": plugin})
        if said == "forbidden":
            await shop.connect()
        await shop.look(after_ms=LONGEST_PAUSE_MS)
        assert (await shop.pull_row()).said == said
    printed = capsys.readouterr()
    assert "KeyError" in printed.out + printed.err
    assert SECRET not in printed.out + printed.err


@pytest.mark.parametrize(
    "read",
    [
        None,
        Page([ShopOrder(code="1", name="A", phones=None)]),  # type: ignore[arg-type]
        Page([ShopOrder(code="1", name="A", phones=(), changed_ms="now")]),  # type: ignore[arg-type]
        Page([], more=7),  # type: ignore[arg-type]
        Page([], more="x" * 501),
        Page([object()]),  # type: ignore[list-item]
    ],
)
async def test_a_plug_in_that_answers_what_it_should_not_is_unreadable(
    shop: PullingShop, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WooCommerce, "page", lambda *_: read)
    await shop.connect()
    await shop.look()
    assert (await shop.pull_row()).said == "unreadable"


async def test_a_clock_that_is_set_back_stops_nothing(shop: PullingShop) -> None:
    await shop.connect()
    await shop.look()
    await shop.look(after_ms=-DAY_MS)
    assert len(shop.woo.asked) == 2


# --- what is asked for by people ---


async def test_a_first_look_says_what_there_is_and_takes_nothing(shop: PullingShop) -> None:
    shop.woo.put(800, shop.clock_ms)
    shop.woo.put(801, shop.clock_ms, status="completed")
    shop.woo.put(802, shop.clock_ms, billing={"phone": ""}, shipping={})
    await shop.connect()
    found = await shop.puller.try_out("woo")
    assert found is not None
    assert (found.arrived, found.orders) == (True, {"open": 1, "closed": 1, "refused": 1})
    assert await shop.rows("SELECT count(*) FROM orders") == [(0,)]
    shop.woo.behave = status(401)
    found = await shop.puller.try_out("woo")
    assert found is not None
    assert (found.arrived, found.said) == (False, "wrong-login 401")
    assert (await shop.pull_row()).failing_since_ms is None, "nothing was tried yet in earnest"


async def test_a_sealed_daemon_asks_nobody_and_one_that_is_unsealed_asks_at_once(shop: PullingShop) -> None:
    await shop.connect()
    vault, shop.vault = shop.vault, None
    await shop.look()
    assert await shop.puller.pull("woo") is None
    assert await shop.puller.try_out("woo") is None
    assert shop.woo.asked == []
    shop.vault = vault
    await shop.look()
    assert len(shop.woo.asked) == 1


async def test_another_login_is_tried_at_once_and_one_that_is_asked_no_more_is_left_alone(
    shop: PullingShop,
) -> None:
    await shop.connect(login=Login(KEY, "wrong"))
    await shop.look()
    assert (await shop.pull_row()).said == "wrong-login 401"
    await shop.point("woo", shop.woo.site, Login(KEY, SECRET))
    await shop.look()
    assert (await shop.pull_row()).said == "arrived"
    await pull_no_more(shop.database, "woo", actor="cli:test", now_ms=shop.clock_ms)
    await shop.look(after_ms=DAY_MS)
    assert len(shop.woo.asked) == 2
    with pytest.raises(ShopNotPulled):
        await shop.puller.pull("woo")
    await shop.point("woo", shop.woo.site, Login(KEY, SECRET))
    await remove_shop(shop.database, "woo", actor="cli:test", now_ms=shop.clock_ms)
    assert await shop.rows("SELECT * FROM shop_pulls") == []


async def test_a_login_is_in_no_file(shop: PullingShop) -> None:
    await shop.connect()
    await shop.look()
    for path in shop.database.path.parent.glob("shop.db*"):
        assert SECRET.encode() not in path.read_bytes()
        assert KEY.encode() not in path.read_bytes()
    acts = [(act, subject, detail) for _, act, subject, detail in await shop.audit()]
    assert ("shop-pull-from", "woo", "host=127.0.0.1") in acts


async def test_a_shop_that_sends_and_is_asked_brings_an_order_once(shop: PullingShop) -> None:
    """An older state that was asked for changes nothing of a newer one that was sent."""
    shop.woo.put(800, shop.clock_ms - MINUTE_MS)
    await shop.connect()
    await shop.look()
    async with shop.database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE shop_orders SET changed_ms = {shop.clock_ms}")
    shop.woo.put(800, shop.clock_ms - 30_000, billing={"first_name": "Older"})
    await shop.look(after_ms=MINUTE_MS)
    assert await shop.rows("SELECT name FROM customers") == [("Harriet Vane",)]
