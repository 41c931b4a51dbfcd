"""Shops' own webhooks: what a plug-in is, for whoever writes one. docs/integrations.md, "Orders from a shop".

A plug-in turns what a shop sends into orders. It is a class without arguments, named in the entry points
group `call_bridge.shops`, and imports nothing of call-bridge but this and `bridge.shops.reading`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

GROUP: Final = "call_bridge.shops"


class NotSigned(Exception):
    """It does not show that it is from this shop: no signature, or one that is wrong."""


class Unreadable(Exception):
    """It is from this shop, and is not of the form that the plug-in knows. A text would be lost."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was sent. Names of headers are in small letters; of a name that came twice there is the last."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopOrder:
    """One order. `code`: what managers dial, 1 to 12 digits.

    `phones`: as customers wrote them, the one to be tried first on top; what can't be dialled among them is
    left out. `closed`: it is done with, or was cancelled, and waits for no call. `changed_ms`: when the shop
    last changed it, milliseconds since the epoch; what is older than what is known is left out. Without it a
    message that somebody has kept could be sent again.
    """

    code: str
    name: str
    phones: Sequence[str] = field(repr=False)
    items: Sequence[str] = ()
    language: str | None = None
    closed: bool = False
    changed_ms: int | None = None


class Shop(Protocol):
    """A plug-in."""

    def orders(self, delivery: Delivery, secret: str) -> Sequence[ShopOrder]:
        """The orders in what was sent, none where it is of something else.

        Raises NotSigned, before anything else is looked at; Unreadable. It runs in the process that has the
        keys, in its event loop: it waits for nothing, and logs and keeps nothing of what it reads.
        """
