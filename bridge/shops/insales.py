"""InSales' webhooks of the topics orders/create and orders/update, of format_type json.

Their form is that of the API's order, https://api.insales.ru. They are not signed: the secret is in the
address, as `?secret=`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bridge.shops import Delivery, ShopOrder, Unreadable
from bridge.shops.reading import expect_same, items, json_object, part, parts, text, texts, time_ms

_CLOSED: Final = {"delivered", "declined", "returned"}


class InSales:
    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        """Raises NotSigned, Unreadable."""
        expect_same(delivery.query.get("secret", ""), secret)
        order = json_object(delivery.body)
        client, shipping = part(order, "client"), part(order, "shipping_address")
        code = text(order, "number")
        if not code:
            raise Unreadable
        return (
            ShopOrder(
                code=code,
                name=texts(client, "name", "middlename", "surname") or text(shipping, "full_name"),
                phones=(text(client, "phone"), text(shipping, "phone")),
                items=items(parts(order, "order_lines"), "title"),
                closed=text(order, "fulfillment_status") in _CLOSED,
                changed_ms=time_ms(order, "updated_at"),
            ),
        )
