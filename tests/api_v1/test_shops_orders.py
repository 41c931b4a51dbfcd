"""Orders that shops send in their own form: signed, taken, dialable, and nothing of them told to anybody."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from program_shop import CANARIES, Answer, ProgramShop, order
from work_shop import until

from bridge.api.v1 import gate
from bridge.api.v1.gate import LARGEST_OF_A_SHOP
from bridge.store.do_not_call import forbid_number
from bridge.store.managers import disable_manager
from bridge.store.records import Dialled, dial_facts
from bridge.store.shops import add_shop, remove_shop
from bridge.vault import read_number

RECORDED = Path(__file__).parents[1] / "shops" / "recorded"
CREATED = (RECORDED / "woocommerce-order-created.json").read_bytes()
UPDATED = (RECORDED / "woocommerce-order-updated.json").read_bytes()
INSALES = (RECORDED / "insales-orders-create.json").read_bytes()
SECRET = "a secret of the shop's own, ключ"


async def connect(shop: ProgramShop, name: str = "woo", kind: str = "woocommerce", to: str = "101") -> None:
    assert shop.vault is not None
    sealer, extensions = shop.vault.program_secrets, to.split()
    await add_shop(
        shop.database, sealer, name, kind, SECRET, extensions, actor="cli:test", now_ms=shop.now_ms
    )


def signature(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


async def woo(
    shop: ProgramShop,
    body: bytes = CREATED,
    *,
    name: str = "woo",
    topic: str = "order.created",
    signed: str | None = None,
) -> Answer:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "WooCommerce/9.4.2 Hookshot (WordPress/6.7)",
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": "order",
        "X-WC-Webhook-Event": topic.rpartition(".")[2],
        "X-WC-Webhook-Signature": signature(body) if signed is None else signed,
        "X-WC-Webhook-ID": "3",
        "X-WC-Webhook-Delivery-ID": "36e520ebabc2fa725092ff4a47acedf2",
    }
    return await shop.send("POST", f"/v1/shops/{name}/orders", body, headers)


def changed(body: bytes = CREATED, **fields: Any) -> bytes:
    """The same order with other fields, those of `billing` among them."""
    told = json.loads(body)
    told["billing"] |= fields.pop("billing", {})
    return json.dumps(told | fields).encode()


async def seen(shop: ProgramShop, code: str) -> Any:
    answer = await shop.ask("GET", f"/v1/orders/{code}")
    return answer.body if answer.status == 200 else None


async def contacts(shop: ProgramShop, code: str) -> int:
    customer = await shop.ask("GET", f"/v1/customers/{(await seen(shop, code))['customer_id']}")
    return len([each for each in customer.body["contacts"] if each["standing"] == "usable"])


async def test_an_order_of_woocommerce_can_be_dialled_within_a_second(shop: ProgramShop) -> None:
    await connect(shop)
    began = time.monotonic()
    answer = await woo(shop)
    facts = await dial_facts(shop.database, Dialled("101", "727", shop.now_ms))
    took = time.monotonic() - began
    assert (answer.status, answer.body["orders"][0]["outcome"]) == (200, "added")
    assert facts.contact is not None
    assert facts.assigned_manager_id == (facts.manager and facts.manager.id)
    assert took < 1
    told = await seen(shop, "727")
    assert (told["customer_name"], told["manager"]) == ("Harriet Vane", "101")
    assert told["items"] == ["Woo Single #1 × 2", "Ship Your Idea – Color: Black, Size: M"]
    assert await contacts(shop, "727") == 2
    assert (await shop.audit())[-1] == ("shop:woo", "order-put", "727", "added")


async def test_an_order_of_insales_is_taken_by_the_secret_in_its_address(shop: ProgramShop) -> None:
    await connect(shop, "ins", "insales")
    headers = {"Content-Type": "application/json"}
    for query in ("", "?secret=", "?secret=wrong"):
        assert (await shop.send("POST", f"/v1/shops/ins/orders{query}", INSALES, headers)).status == 401
    path = "/v1/shops/ins/orders?secret=a%20secret%20of%20the%20shop%27s%20own%2C%20%D0%BA%D0%BB%D1%8E%D1%87"
    answer = await shop.send("POST", path, INSALES, headers)
    assert (answer.status, answer.body["orders"][0]["outcome"]) == (200, "added")
    told = await seen(shop, "1001")
    assert (told["customer_name"], told["items"]) == ("Харриет Вэйн", ["Лампа настольная × 2"])
    assert await contacts(shop, "1001") == 2


async def test_what_is_sent_again_changes_nothing_and_is_not_on_record_again(shop: ProgramShop) -> None:
    await connect(shop)
    await woo(shop)
    before = await shop.audit()
    for topic in ("order.created", "order.updated"):
        assert (await woo(shop, topic=topic)).body["orders"][0]["outcome"] == "unchanged"
    assert await shop.audit() == before


async def test_what_is_older_than_what_is_known_changes_nothing(shop: ProgramShop) -> None:
    """Whoever has kept a signed message can't bring an old number back by it."""
    await connect(shop)
    await woo(shop)
    newer = changed(billing={"first_name": "Harriet D."}, date_modified_gmt="2026-11-28T20:00:00")
    assert (await woo(shop, newer, topic="order.updated")).body["orders"][0]["outcome"] == "updated"
    assert (await woo(shop)).body["orders"][0]["outcome"] == "unchanged"
    assert (await seen(shop, "727"))["customer_name"] == "Harriet D. Vane"


async def test_an_order_that_is_done_with_is_closed_and_one_that_comes_so_is_not_taken(
    shop: ProgramShop,
) -> None:
    await connect(shop)
    assert (await woo(shop, UPDATED, topic="order.updated")).body["orders"][0]["outcome"] == "unchanged"
    assert await seen(shop, "727") is None
    await woo(shop)
    assert (await woo(shop, UPDATED, topic="order.updated")).body["orders"][0]["outcome"] == "updated"
    told = await seen(shop, "727")
    assert (told["state"], told["why"]) == ("closed", "done")


@pytest.mark.parametrize("signed", ["", "x", signature(CREATED, "another secret"), signature(UPDATED), "é"])
async def test_what_is_not_signed_is_refused_as_is_a_shop_that_there_is_not(
    shop: ProgramShop, signed: str
) -> None:
    await connect(shop)
    refused = await woo(shop, signed=signed)
    unknown = await woo(shop, name="no-shop")
    assert (refused.status, refused.reason, refused.body) == (401, "not-signed", unknown.body)
    assert await seen(shop, "727") is None


async def test_who_tries_signatures_is_soon_told_to_wait(shop: ProgramShop) -> None:
    await connect(shop)
    statuses = [(await woo(shop, signed="x")).status for _ in range(70)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


async def test_a_ping_is_answered_and_other_topics_are_left_alone(shop: ProgramShop) -> None:
    await connect(shop)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ping = await shop.send("POST", "/v1/shops/woo/orders", b"webhook_id=3", form)
    assert (ping.status, ping.body) == (200, {"orders": []})
    assert (await woo(shop, topic="product.updated")).body == {"orders": []}
    assert await seen(shop, "727") is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff\xfe", b"null", b"[" * 100_000, b'{"id": 1e999}', b"{}"]
)
async def test_what_is_no_order_is_refused(shop: ProgramShop, body: bytes) -> None:
    await connect(shop)
    answer = await woo(shop, body)
    assert (answer.status, answer.reason) == (422, "unreadable")


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"billing": {"phone": ""}, "shipping": {}}, "phone"),
        ({"billing": {"phone": "12"}, "shipping": {"phone": "ring me"}}, "phone"),
        ({"billing": {"first_name": "", "last_name": ""}}, "name"),
        ({"billing": {"first_name": "+44 7700 900123"}}, "name"),
        ({"billing": {"first_name": "x" * 501}}, "name"),
        ({"number": "447700900123"}, "order"),
        ({"number": "1234567890123"}, "order"),
        ({"number": "WC-1", "id": -5}, "order"),
    ],
)  # fmt: skip
async def test_an_order_that_can_not_be_taken_is_told_and_the_shop_goes_on_sending(
    shop: ProgramShop, fields: dict[str, Any], part: str
) -> None:
    await connect(shop)
    answer = await woo(shop, changed(**fields))
    assert answer.status == 200
    (told,) = answer.body["orders"]
    assert (told["order"], told["outcome"], told["part"]) == (None, "refused", part)
    assert (await shop.ask("GET", "/v1/orders")).body["orders"] == []


async def test_what_a_customer_writes_elsewhere_is_taken_nowhere(shop: ProgramShop) -> None:
    """The order's note and its meta data have numbers; so may an article's name."""
    await connect(shop)
    lines = [{"name": "Lamp 0770 0900 123", "quantity": 1}, {"name": "a\x00b\ud800c\n", "quantity": "3"}, 7]
    answer = await woo(shop, changed(line_items=lines))
    assert answer.body["orders"][0]["outcome"] == "added"
    told = await seen(shop, "727")
    assert told["items"] == ["Lamp •••••••", "a b c × 3"]
    await shop.database.copy_to(shop.folder / "copy.db")
    assert b"900124 before" not in (shop.folder / "copy.db").read_bytes()


async def test_customers_are_shared_out_and_keep_their_manager(shop: ProgramShop) -> None:
    await connect(shop, to="101 102")
    given = []
    for number in range(4):
        body = changed(id=800 + number, number=str(800 + number), billing={"first_name": "ABCD"[number]})
        await woo(shop, body)
        given.append((await seen(shop, str(800 + number)))["manager"])
    assert sorted(given) == ["101", "101", "102", "102"]
    await shop.ask("PATCH", "/v1/orders/800", {"manager": "102"})
    later = changed(
        id=800, number="800", billing={"first_name": "A", "last_name": "Other"},
        date_modified_gmt="2026-11-28T20:00:00",
    )  # fmt: skip
    assert (await woo(shop, later, topic="order.updated")).body["orders"][0]["outcome"] == "updated"
    assert (await seen(shop, "800"))["manager"] == "102"


async def test_nobody_who_is_disabled_is_given_a_customer(shop: ProgramShop) -> None:
    await connect(shop)
    await disable_manager(shop.database, "101", actor="cli:test")
    await woo(shop)
    assert (await seen(shop, "727"))["manager"] is None


async def test_a_code_that_another_shop_has_is_refused(shop: ProgramShop) -> None:
    await connect(shop)
    await connect(shop, "other")
    await woo(shop)
    answer = await woo(shop, changed(billing={"first_name": "Someone"}), name="other")
    assert (answer.status, answer.body["orders"][0]["part"]) == (200, "order")
    assert (await seen(shop, "727"))["customer_name"] == "Harriet Vane"


async def test_an_order_of_the_api_is_brought_up_to_date_by_the_shop(shop: ProgramShop) -> None:
    await connect(shop)
    await shop.ask("POST", "/v1/orders", order("727", priority=9))
    assert (await woo(shop)).body["orders"][0]["outcome"] == "updated"
    assert (await seen(shop, "727"))["priority"] == 9


async def test_who_has_asked_not_to_be_called_is_brought_in_and_is_not_called(shop: ProgramShop) -> None:
    await connect(shop)
    assert shop.vault is not None
    for number in (CANARIES[0], CANARIES[1]):
        index = shop.vault.blind_index(read_number(number, "GB").number)
        await forbid_number(shop.database, index, label=None, actor="cli:test", now_ms=shop.now_ms)
    assert (await woo(shop)).body["orders"][0]["outcome"] == "added"
    facts = await dial_facts(shop.database, Dialled("101", "727", shop.now_ms))
    assert (facts.contact, facts.do_not_call) == (None, True)
    assert (await seen(shop, "727"))["why"] == "done"


async def test_a_body_is_bounded_whether_or_not_it_tells_its_length(shop: ProgramShop) -> None:
    await connect(shop)
    large = changed(customer_note="x" * LARGEST_OF_A_SHOP)
    assert (await woo(shop, large)).status == 413

    async def pieces() -> Any:
        yield large[:1000]
        yield large[1000:]

    headers = {"Content-Type": "application/json", "X-WC-Webhook-Signature": signature(large)}
    told = await shop.send("POST", "/v1/shops/woo/orders", pieces(), headers)
    assert (told.status, told.reason) == (413, "too-large")


async def test_a_removed_shop_sends_no_more_and_a_sealed_daemon_says_so(shop: ProgramShop) -> None:
    await connect(shop)
    vault, shop.vault = shop.vault, None
    assert (await woo(shop)).reason == "sealed"
    shop.vault = vault
    assert (await woo(shop)).status == 200
    await remove_shop(shop.database, "woo", actor="cli:test", now_ms=shop.now_ms)
    assert (await woo(shop)).status == 401
    assert await seen(shop, "727") is not None


async def test_other_methods_are_told_and_other_paths_are_not_there(shop: ProgramShop) -> None:
    await connect(shop)
    assert (await shop.send("GET", "/v1/shops/woo/orders", None, {})).headers["Allow"] == "POST"
    assert (await shop.send("POST", "/v1/shops/woo", b"", {})).status == 404
    assert (await shop.send("POST", "/v1/shops/WOO/orders", b"", {})).status in (401, 422)


async def begin_slowly(shop: ProgramShop) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A body that is announced and does not come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    writer.write(b"POST /v1/shops/woo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    return reader, writer


async def test_who_sends_slowly_is_left_and_holds_no_program_up(
    shop: ProgramShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "SECONDS_FOR_A_SHOP", 2.0)
    slow = [await begin_slowly(shop) for _ in range(20)]

    async def all_are_in_hand() -> bool:
        return (await woo(shop, name="no-shop")).status == 503

    await until(all_are_in_hand)
    assert (await shop.ask("GET", "/v1/orders")).status == 200
    for reader, writer in slow:
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
    await connect(shop)
    assert (await woo(shop)).status == 200
