"""A customer calls the shop: which order it is about, whose phone rings, and what the phone shows.

Pure, and without the number: a caller is the open orders of the customers who have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bridge.rules.dialling import Role

_LONGEST_NAME: Final = 20


class StandIns(StrEnum):
    """Who is rung when a customer's own manager can't be."""

    SUPERVISORS = "supervisors"
    EVERYBODY = "everybody"
    NOBODY = "nobody"


ROLES_OF: Final = {
    StandIns.SUPERVISORS: frozenset({Role.SUPERVISOR}),
    StandIns.EVERYBODY: frozenset(Role),
    StandIns.NOBODY: frozenset[Role](),
}
"""The roles whose managers stand in."""


class NotRung(StrEnum):
    """Why no manager's phone rings for somebody who calls. The caller hears the same of all of them."""

    WITHHELD = "withheld"  # the carrier says no number, or none that could be one
    UNKNOWN = "unknown"  # nobody with an open order has this number
    WRONG_CODE = "wrong-code"  # asked for an order's code, they have keyed in what is none of an open order
    TOO_MANY_CODES = "too-many-codes"  # more were keyed in within the hour than may be
    NOBODY = "nobody"  # there is no manager who may be rung for it
    PANIC = "panic"
    SEALED = "sealed"  # without keys no number can be looked up
    STOPPING = "stopping"  # the daemon is about to end
    FULL = "full"  # as many callers are waiting as there may be
    FAILED = "failed"  # the database or Asterisk did not do what it was asked for


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An open order of a customer who has the caller's number. Times are milliseconds since the epoch, UTC.

    `last_called_ms` is when somebody last called about it, None for never; `manager_id` who serves it.
    `contact_id` is the contact with the caller's number, None where they have keyed in the order's code.
    """

    code: str
    created_ms: int
    customer_name: str
    language: str | None
    contact_id: int | None
    manager_id: int | None
    last_called_ms: int | None


@dataclass(frozen=True, slots=True)
class Attendant:
    """An enabled manager who may be rung."""

    manager_id: int
    extension: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """The order that a call is about, and who is rung for it, in this order; nobody while the shop is closed.

    `manager_id` is whose call it is on record, until somebody is rung.
    """

    order: OpenOrder
    attendants: tuple[Attendant, ...]
    manager_id: int

    @property
    def confirmed(self) -> bool:
        """Whether the number is the customer's. A code proves nothing of who has keyed it in."""
        return self.order.contact_id is not None


def whom_to_ring(
    orders: Iterable[OpenOrder], attendants: Iterable[Attendant], *, panic: bool, shop_open: bool
) -> Ringing | NotRung:
    """Who is rung for a caller with these orders: who serves the customer, then the others by extension.

    While the shop is closed nobody is; that the customer has called is known all the same.
    """
    if panic:
        return NotRung.PANIC
    order = order_meant(orders)
    if order is None:
        return NotRung.UNKNOWN
    in_turn = sorted(attendants, key=lambda each: (each.manager_id != order.manager_id, each.extension))
    if not in_turn:
        return NotRung.NOBODY
    return Ringing(order, tuple(in_turn) if shop_open else (), in_turn[0].manager_id)


def order_meant(orders: Iterable[OpenOrder]) -> OpenOrder | None:
    """The one last called about, whoever of the people with this number it is; else the newest."""
    return max(orders, key=lambda order: (order.last_called_ms or 0, order.created_ms), default=None)


def next_to_ring(waiting: Sequence[Attendant], not_free: Set[str]) -> Attendant | None:
    """The first whose extension is free. Who is talking, or away, is not rung, and not waited for."""
    return next((attendant for attendant in waiting if attendant.extension not in not_free), None)


def first_name(customer_name: str) -> str:
    """What a manager's phone may show of a customer's name; empty where its first word is no name.

    Letters alone, with a hyphen or an apostrophe between them: names are what people type, numbers among it,
    and this one stands in a SIP header.
    """
    word = (customer_name.split() or [""])[0]
    letters = word.replace("-", "").replace("'", "").replace("’", "")
    return word[:_LONGEST_NAME] if letters.isalpha() else ""
