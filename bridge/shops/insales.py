"""InSales' webhooks of the topics orders/create and orders/update, of format_type json, and its API.

Their form is that of the API's order, https://api.insales.ru. Webhooks are not signed: the secret is in the
address, as `?secret=`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from bridge.shops import Answer, Ask, Delivery, Login, Page, ShopOrder, Unreadable
from bridge.shops.reading import (
    basic,
    expect_same,
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

_CLOSED: Final = {"delivered", "declined", "returned"}
_PER_PAGE: Final = 50


class InSales:
    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        """Raises NotSigned, Unreadable."""
        expect_same(delivery.query.get("secret", ""), secret)
        order = _order(json_object(delivery.body))
        if not order.code:
            raise Unreadable
        return (order,)

    def ask(self, site: str, login: Login, since_ms: int, page: str | None) -> Ask:
        """The shop tells those that changed at this time or later, by time and id; of that very time itself
        only those behind `from_id`. So there is no second page: what is asked for moves on."""
        since, _, from_id = (page or "").partition(" ")
        asked = {"updated_since": since or utc(since_ms, zone="+00:00"), "per_page": str(_PER_PAGE)}
        if from_id:
            asked["from_id"] = from_id
        return Ask(f"{site}/admin/orders.json?{urlencode(asked)}", basic(login))

    def page(self, answer: Answer, since_ms: int, page: str | None) -> Page:
        """Raises Unreadable."""
        told = json_objects(answer.body)
        orders = tuple(map(_order, told))
        if len(told) < _PER_PAGE:
            return Page(orders)
        last, id_ = text(told[-1], "updated_at"), text(told[-1], "id")
        if " " in last or not last or not id_:
            raise Unreadable
        return Page(orders, f"{last} {id_}")


def _order(order: dict[str, Any]) -> ShopOrder:
    """Raises Unreadable."""
    client, shipping = part(order, "client"), part(order, "shipping_address")
    return ShopOrder(
        code=text(order, "number"),
        name=texts(client, "name", "middlename", "surname") or text(shipping, "full_name"),
        phones=(text(client, "phone"), text(shipping, "phone")),
        items=items(parts(order, "order_lines"), "title"),
        closed=text(order, "fulfillment_status") in _CLOSED,
        changed_ms=time_ms(order, "updated_at"),
    )
