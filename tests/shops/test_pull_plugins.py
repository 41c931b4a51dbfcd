"""What the plug-ins ask of a shop, and read in its answer: as recorded, and where many orders are."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bridge.shops import Answer, Login, NotHeeded, PulledShop, Unreadable
from bridge.shops.insales import InSales
from bridge.shops.woocommerce import WooCommerce

RECORDED = Path(__file__).with_name("recorded")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "shopify" / "call_bridge_shopify.py"


def shopify() -> Any:
    """The documents' example, as it lies there."""
    spec = spec_from_file_location("example_of_shopify", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Shopify()


SITE = "https://shop.example"
LOGIN = Login("ck_1", "cs:ключ")
SINCE_MS = 1_795_000_000_500
SINCE = "2026-11-18T11:06:40"
BASIC = "Basic Y2tfMTpjczrQutC70Y7Rhw=="


def recorded(name: str, **headers: str) -> Answer:
    told = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer(told, (RECORDED / f"{name}.json").read_bytes())


def asked_of(plugin: PulledShop, page: str | None = None) -> tuple[str, dict[str, list[str]]]:
    url = urlsplit(plugin.ask(SITE, LOGIN, SINCE_MS, page).url)
    return f"{url.scheme}://{url.netloc}{url.path}", parse_qs(url.query)


@pytest.mark.parametrize("plugin", [WooCommerce(), InSales(), shopify()])
def test_a_login_is_in_no_address_and_shows_itself_nowhere(plugin: PulledShop) -> None:
    ask = plugin.ask(SITE, LOGIN, SINCE_MS, None)
    assert "cs" not in urlsplit(ask.url).query.replace("shops", "").split("&")
    assert "ключ" not in ask.url
    assert "ck_1" not in ask.url
    assert "cs:" not in f"{ask!r}{LOGIN!r}"
    assert "7700" not in repr(recorded("woocommerce-orders"))


def test_woocommerce_is_asked_for_what_was_changed_the_oldest_first() -> None:
    ask = WooCommerce().ask(SITE, LOGIN, SINCE_MS, None)
    address, query = asked_of(WooCommerce())
    assert address == "https://shop.example/wp-json/wc/v3/orders"
    assert query == {
        "modified_after": ["2026-11-18T11:06:39"],  # which itself the shop leaves out
        "dates_are_gmt": ["true"],
        "orderby": ["modified"],
        "order": ["asc"],
        "per_page": ["50"],
        "page": ["1"],
        "_fields": ["id,number,status,date_modified_gmt,billing,shipping,line_items"],
    }
    assert ask.headers == {"Authorization": BASIC}


def test_woocommerces_answer_is_read_as_its_webhook_is() -> None:
    page = WooCommerce().page(recorded("woocommerce-orders", x_wp_totalpages="1"), SINCE_MS, None)
    assert page.more is None
    assert [(each.code, each.name, each.closed) for each in page.orders] == [
        ("727", "Harriet Vane", False),
        ("728", "Bunter Mervyn", True),
        ("731", "Pym’s Publicity", False),
    ]
    assert page.orders[0].phones == ("07700 900123", "+44 7700 900124")
    assert page.orders[0].items == ("Woo Single #1 × 2", "Ship Your Idea – Color: Black, Size: M")


def test_after_woocommerces_page_it_goes_on_at_its_last_time_so_that_none_is_missed() -> None:
    """With a number of the page alone, an order that moves to the end moves another onto the page before."""
    page = WooCommerce().page(recorded("woocommerce-orders", x_wp_totalpages="3"), SINCE_MS, None)
    _, query = asked_of(WooCommerce(), page.more)
    assert (query["modified_after"], query["page"]) == (["2026-11-28T17:31:08"], ["1"])


def test_a_page_of_one_second_leads_to_the_one_behind_it() -> None:
    one = json.loads((RECORDED / "woocommerce-orders.json").read_bytes())[0]
    full = Answer({"x-wp-totalpages": "3"}, json.dumps([one] * 50).encode())
    page = WooCommerce().page(full, SINCE_MS, None)
    for number in ("2", "3"):
        _, query = asked_of(WooCommerce(), page.more)
        assert (query["modified_after"], query["page"]) == (["2026-11-28T16:54:40"], [number])
        page = WooCommerce().page(full, SINCE_MS, page.more)
    assert page.more is None


def test_carts_that_nobody_has_ordered_are_no_orders() -> None:
    told = json.loads((RECORDED / "woocommerce-orders.json").read_bytes())
    told[0]["status"] = "checkout-draft"
    page = WooCommerce().page(Answer({}, json.dumps(told).encode()), SINCE_MS, None)
    assert [each.code for each in page.orders] == ["728", "731"]


def test_an_old_woocommerce_that_heeds_no_time_is_found_out() -> None:
    with pytest.raises(NotHeeded):
        WooCommerce().page(recorded("woocommerce-orders"), SINCE_MS + 10**12, None)


def test_insales_is_asked_by_time_and_then_by_time_and_id() -> None:
    address, query = asked_of(InSales())
    assert address == "https://shop.example/admin/orders.json"
    assert query == {"updated_since": [f"{SINCE}+00:00"], "per_page": ["50"]}
    assert InSales().ask(SITE, LOGIN, SINCE_MS, None).headers == {"Authorization": BASIC}
    told = json.loads((RECORDED / "insales-orders.json").read_bytes())
    full = InSales().page(Answer({}, json.dumps(told[:1] * 49 + told[2:]).encode()), SINCE_MS, None)
    _, query = asked_of(InSales(), full.more)
    assert query == {
        "updated_since": ["2026-11-28T20:31:09.456+03:00"], "from_id": ["4105"], "per_page": ["50"],
    }  # fmt: skip


def test_insales_answer_is_read_as_its_webhook_is() -> None:
    page = InSales().page(recorded("insales-orders", api_usage_limit="12/500"), SINCE_MS, None)
    assert page.more is None
    assert [(each.code, each.name, each.closed) for each in page.orders] == [
        ("1001", "Харриет Вэйн", False),
        ("1002", "Питер Уимзи", True),
        ("1005", "Мервин Бантер", False),
    ]
    assert page.orders[0].changed_ms == 1_795_884_880_123


def test_the_documents_example_asks_shopify_and_follows_its_pages() -> None:
    address, query = asked_of(shopify())
    assert address == "https://shop.example/admin/api/2024-10/orders.json"
    assert query == {
        "updated_at_min": [f"{SINCE}Z"], "status": ["any"], "order": ["updated_at asc"], "limit": ["50"],
    }  # fmt: skip
    assert shopify().ask(SITE, LOGIN, SINCE_MS, None).headers == {"X-Shopify-Access-Token": LOGIN.secret}
    link = (
        '<https://shop.example/admin/api/2024-10/orders.json?limit=50&page_info=abc>; rel="previous", '
        '<https://shop.example/admin/api/2024-10/orders.json?limit=50&page_info=eyJ-x_9>; rel="next"'
    )
    page = shopify().page(recorded("shopify-orders", link=link), SINCE_MS, None)
    assert [(each.code, each.closed) for each in page.orders] == [("1234", False), ("1235", True)]
    assert asked_of(shopify(), page.more)[1] == {"limit": ["50"], "page_info": ["eyJ-x_9"]}
    assert shopify().page(recorded("shopify-orders"), SINCE_MS, None).more is None


@pytest.mark.parametrize("plugin", [WooCommerce(), InSales(), shopify()])
@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"{}", b"[1]", b'{"orders": 7}', b"[" * 100_000])
def test_what_is_no_page_of_orders_is_unreadable(plugin: PulledShop, body: bytes) -> None:
    with pytest.raises(Unreadable):
        plugin.page(Answer({}, body), SINCE_MS, None)
