"""WooCommerce's webhooks of the topics order.created and order.updated.

https://woocommerce.github.io/woocommerce-rest-api-docs/ has their form, "Webhooks" and "Order properties":
the body is the order as the REST API (v3) tells it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bridge.shops import Delivery, ShopOrder, Unreadable
from bridge.shops.reading import expect_hmac, items, json_object, part, parts, text, texts, time_ms

_SIGNATURE: Final = "x-wc-webhook-signature"
_TOPICS: Final = {"order.created", "order.updated", "order.restored"}
_CLOSED: Final = {"completed", "cancelled", "refunded", "failed", "trash"}
_PING: Final = re.compile(rb"webhook_id=\d{1,20}")


class WooCommerce:
    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        """Raises NotSigned, Unreadable."""
        if _SIGNATURE not in delivery.headers and _PING.fullmatch(delivery.body):
            return ()  # sent, without a signature, when somebody saves the webhook
        expect_hmac(delivery, _SIGNATURE, secret)
        if delivery.headers.get("x-wc-webhook-topic") not in _TOPICS:
            return ()
        order = json_object(delivery.body)
        billing, shipping = part(order, "billing"), part(order, "shipping")
        code = _code(text(order, "number"), text(order, "id"))
        if not code:
            raise Unreadable
        return (
            ShopOrder(
                code=code,
                name=texts(billing, "first_name", "last_name") or text(billing, "company"),
                phones=(text(billing, "phone"), text(shipping, "phone")),
                items=items(parts(order, "line_items"), "name"),
                closed=text(order, "status") in _CLOSED,
                changed_ms=time_ms(order, "date_modified_gmt"),
            ),
        )


def _code(number: str, id_: str) -> str:
    """The number that people see, or the id where a plug-in of the shop's has put letters into that."""
    return number if number.isascii() and number.isdecimal() else id_
