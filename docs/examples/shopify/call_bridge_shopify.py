"""A plug-in of call-bridge: Shopify's webhooks orders/create and orders/updated. Copy it, make it yours."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.shops import Delivery, ShopOrder
from bridge.shops.reading import expect_hmac, items, json_object, part, parts, text, texts, time_ms


class Shopify:
    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        expect_hmac(delivery, "x-shopify-hmac-sha256", secret)
        if delivery.headers.get("x-shopify-topic") not in ("orders/create", "orders/updated"):
            return ()
        order = json_object(delivery.body)
        customer, address = part(order, "customer"), part(order, "shipping_address")
        return (
            ShopOrder(
                code=text(order, "order_number"),
                name=texts(customer, "first_name", "last_name") or text(address, "name"),
                phones=(text(order, "phone"), text(address, "phone"), text(customer, "phone")),
                items=items(parts(order, "line_items"), "name"),
                closed=bool(text(order, "cancelled_at") or text(order, "closed_at")),
                changed_ms=time_ms(order, "updated_at"),
            ),
        )
