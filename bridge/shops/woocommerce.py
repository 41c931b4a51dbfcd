"""WooCommerce's webhooks of the topics order.created and order.updated, and its REST API, v3.

https://woocommerce.github.io/woocommerce-rest-api-docs/ has their form, "Webhooks", "List all orders" and
"Order properties": a webhook's body is the order as the API tells it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from bridge.shops import Answer, Ask, Delivery, Login, NotHeeded, Page, ShopOrder, Unreadable
from bridge.shops.reading import (
    basic,
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

_SIGNATURE: Final = "x-wc-webhook-signature"
_TOPICS: Final = {"order.created", "order.updated", "order.restored"}
_CLOSED: Final = {"completed", "cancelled", "refunded", "failed", "trash"}
_NOT_YET: Final = {"auto-draft", "checkout-draft"}
"""Of carts that nobody has ordered yet."""

_PING: Final = re.compile(rb"webhook_id=\d{1,20}")
_PER_PAGE: Final = 50
_SECOND_MS: Final = 1000
_FIELDS: Final = "id,number,status,date_modified_gmt,billing,shipping,line_items"


class WooCommerce:
    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        """Raises NotSigned, Unreadable."""
        if _SIGNATURE not in delivery.headers and _PING.fullmatch(delivery.body):
            return ()  # sent, without a signature, when somebody saves the webhook
        expect_hmac(delivery, _SIGNATURE, secret)
        if delivery.headers.get("x-wc-webhook-topic") not in _TOPICS:
            return ()
        order = _order(json_object(delivery.body))
        if not order.code:
            raise Unreadable
        return (order,)

    def ask(self, site: str, login: Login, since_ms: int, page: str | None) -> Ask:
        after_ms, number = _place(since_ms, page)
        asked = {
            "modified_after": utc(after_ms),
            "dates_are_gmt": "true",
            "orderby": "modified",
            "order": "asc",
            "per_page": _PER_PAGE,
            "page": number,
            "_fields": _FIELDS,
        }
        return Ask(f"{site}/wp-json/wc/v3/orders?{urlencode(asked)}", basic(login))

    def page(self, answer: Answer, since_ms: int, page: str | None) -> Page:
        """Raises Unreadable, NotHeeded."""
        told = json_objects(answer.body)
        orders = tuple(_order(each) for each in told if text(each, "status") not in _NOT_YET)
        after_ms, number = _place(since_ms, page)
        times = [each for each in (time_ms(one, "date_modified_gmt") for one in told) if each is not None]
        if times and max(times) < after_ms:
            raise NotHeeded  # WooCommerce before 5.8 knows no modified_after
        pages = answer.headers.get("x-wp-totalpages", "")
        knows_pages = pages.isascii() and pages.isdecimal()  # a cache before the shop may leave it out
        is_last = int(pages) <= number if knows_pages else len(told) < _PER_PAGE
        return Page(orders, None if is_last or not told else _next(after_ms, number, times))


def _place(since_ms: int, page: str | None) -> tuple[int, int]:
    """After which time orders are asked for, and which page of them. That time itself the shop leaves out."""
    if page is None:
        return since_ms - _SECOND_MS, 1
    after, _, number = page.partition(" ")
    return int(after), int(number)


def _next(after_ms: int, number: int, times: list[int]) -> str:
    """Where more begin: at the last order's time, so that none is missed that moves between pages meanwhile.

    A page of orders that were all changed in one second, as many at once are, leads to the one behind it.
    """
    last_ms = max(times, default=0) - _SECOND_MS
    if last_ms > after_ms and (len(set(times)) > 1 or number == 1):
        return f"{last_ms} {1 if len(set(times)) > 1 else 2}"
    return f"{after_ms} {number + 1}"


def _order(order: dict[str, Any]) -> ShopOrder:
    """Raises Unreadable."""
    billing, shipping = part(order, "billing"), part(order, "shipping")
    return ShopOrder(
        code=_code(text(order, "number"), text(order, "id")),
        name=texts(billing, "first_name", "last_name") or text(billing, "company"),
        phones=(text(billing, "phone"), text(shipping, "phone")),
        items=items(parts(order, "line_items"), "name"),
        closed=text(order, "status") in _CLOSED,
        changed_ms=time_ms(order, "date_modified_gmt"),
    )


def _code(number: str, id_: str) -> str:
    """The number that people see, or the id where a plug-in of the shop's has put letters into that."""
    return number if number.isascii() and number.isdecimal() else id_
