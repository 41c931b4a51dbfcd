"""Shops' orders: what a plug-in is, for whoever writes one. docs/integrations.md, "Orders from a shop".

A plug-in turns what a shop sends, or answers, into orders. It is a class without arguments, named in the
entry points group `call_bridge.shops`; of call-bridge it imports this and `bridge.shops.reading`, no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

GROUP: Final = "call_bridge.shops"


class NotSigned(Exception):
    """It does not show that it is from this shop: no signature, or one that is wrong."""


class Unreadable(Exception):
    """It is from this shop, and is not of the form that the plug-in knows. A text would be lost."""


class NotHeeded(Exception):
    """The shop answers, and leaves out of account what it was asked for: its software is too old, say."""


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


@dataclass(frozen=True, slots=True)
class Login:
    """What a shop has given out for its API. `key` is empty where it gives out a single token."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A GET that a shop is to be asked. The login goes into headers: addresses are written into logs."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a shop has answered with 200. Names of headers are in small letters."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Orders, and where more of them begin: any text of the plug-in's own, None after the last page."""

    orders: Sequence[ShopOrder]
    more: str | None = None


@runtime_checkable
class PulledShop(Protocol):
    """A plug-in whose shops can be asked for their orders, too. It only says what to ask.

    call-bridge asks, of the shop's own site and nothing else, again and again: each time for what was changed
    at `since_ms` (milliseconds since the epoch) or later, the longest unchanged first where the shop can.
    `page` is None at first, then what the page before has said of where more begins.
    """

    def ask(self, site: str, login: Login, since_ms: int, page: str | None) -> Ask:
        """What to ask. `site` is the shop's address, without a slash at its end."""

    def page(self, answer: Answer, since_ms: int, page: str | None) -> Page:
        """What is in the answer. Raises Unreadable, NotHeeded. It runs in a thread of its own."""
