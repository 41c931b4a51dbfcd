"""A plug-in of call-bridge: Shopify's webhooks orders/create and orders/updated, and its API. Copy it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from bridge.shops import Answer, Ask, Delivery, Login, Page, ShopOrder
from bridge.shops.reading import (
    expect_hmac,
    items,
    json_object,
    json_objects,
    part,
    parts,
    text,
    texts,
    time_ms,
    utc,
)


class Shopify:
    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        expect_hmac(delivery, "x-shopify-hmac-sha256", secret)
        if delivery.headers.get("x-shopify-topic") not in ("orders/create", "orders/updated"):
            return ()
        return (_order(json_object(delivery.body)),)

    def ask(self, site: str, login: Login, since_ms: int, page: str | None) -> Ask:
        first = {"updated_at_min": utc(since_ms, zone="Z"), "status": "any", "order": "updated_at asc"}
        asked = {"limit": "50", **(first if page is None else {"page_info": page})}
        headers = {"X-Shopify-Access-Token": login.secret}
        return Ask(f"{site}/admin/api/2024-10/orders.json?{urlencode(asked)}", headers)

    def page(self, answer: Answer, since_ms: int, page: str | None) -> Page:
        link = r'<[^>]*[?&]page_info=([^&>]+)[^>]*>; rel="?next"?'
        more = re.search(link, answer.headers.get("link", ""))
        return Page([_order(each) for each in json_objects(answer.body, "orders")], more and more[1])


def _order(order: dict[str, Any]) -> ShopOrder:
    customer, address = part(order, "customer"), part(order, "shipping_address")
    return ShopOrder(
        code=text(order, "order_number"),
        name=texts(customer, "first_name", "last_name") or text(address, "name"),
        phones=(text(order, "phone"), text(address, "phone"), text(customer, "phone")),
        items=items(parts(order, "line_items"), "name"),
        closed=bool(text(order, "cancelled_at") or text(order, "closed_at")),
        changed_ms=time_ms(order, "updated_at"),
    )
