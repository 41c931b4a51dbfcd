"""What programs say and are told. Times are milliseconds since the epoch, UTC; names end in `_ms`.

Phones go in as secrets, which mask themselves wherever they are printed. No field of an answer can hold one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from bridge.api.desk.shapes import Asked, OrderCode, Told
from bridge.calls.model import Kind, Result, State
from bridge.intake.rows import LONGEST_TEXT
from bridge.rules.worklist import Outcome, Why
from bridge.rules.worth import Standing
from bridge.store.schema import OrderState

Line = Annotated[
    str, StringConstraints(max_length=LONGEST_TEXT, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"), Field(title="Line")
]
"""Without control characters, line ends among them. Nothing that looks like a phone number is taken in it."""

Name = Annotated[
    str, StringConstraints(max_length=LONGEST_TEXT, pattern=r"^[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f-\x9f]*$")
]
Phone = Annotated[
    SecretStr,
    Field(
        strict=False,
        min_length=1,
        max_length=64,
        description="With its country's code, or as it is dialled in the shop's country. It never comes out.",
        json_schema_extra={"format": "phone", "writeOnly": True},
    ),
]
Phones = Annotated[
    list[Phone],
    Field(min_length=1, max_length=2, description="In the order in which they are to be tried."),
]
Items = Annotated[list[Name], Field(max_length=100, description="What is ordered. 4000 characters in all.")]
Priority = Annotated[int, Field(ge=0, le=99, description="Higher is called first.")]
Manager = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(
        description="Who serves the customer: an extension, or a name that only one manager has.",
        json_schema_extra={"format": "manager"},
    ),
]
Language = Literal["en", "ru"]
Live = Literal["ended"] | State


class NewCustomer(Asked):
    """A customer is their name and their first number; who has both is the same one."""

    name: Name
    phones: Phones
    language: Language | None = None
    manager: Manager | None = None


class ChangedCustomer(Asked):
    """What is left out, or null, stays. A second number stays until another takes its place."""

    name: Name | None = None
    phones: Phones | None = None
    language: Language | None = None
    manager: Manager | None = None


class OrdersCustomer(Asked):
    name: Name
    phones: Phones
    language: Language | None = None


class NewOrder(Asked):
    """An order by the shop's own code. What is left out, or null, stays in one that is known."""

    code: OrderCode
    customer: OrdersCustomer
    manager: Manager | None = None
    summary: Line | None = None
    items: Items | None = None
    priority: Priority | None = None


class ChangedOrder(Asked):
    """What is left out, or null, stays. `state`: closed, it waits for no call; open, it waits anew."""

    manager: Manager | None = None
    summary: Line | None = None
    items: Items | None = None
    priority: Priority | None = None
    state: OrderState | None = Field(default=None, strict=False)


class CallWanted(Asked):
    """The phone of the manager who serves the order's customer rings first, then the customer's."""

    order: OrderCode


class Order(Told):
    """`manager` is an extension. `why` it waits, after how many unanswered calls, until when."""

    code: str
    customer_id: int
    customer_name: str
    manager: str | None
    summary: str
    items: list[str]
    priority: int
    state: OrderState
    why: Why
    attempts: int
    due_ms: int | None
    created_ms: int


class Contact(Told):
    """A number, without its digits: of which country it is, of what kind, and what is known of its worth."""

    id: int
    position: int
    standing: Standing
    region: str
    line_type: str


class Customer(Told):
    """Of an erased customer nothing is left but the id."""

    id: int
    name: str
    language: str | None
    manager: str | None
    do_not_call: bool
    erased: bool
    contacts: list[Contact]
    created_ms: int


class Call(Told):
    """`order` is empty for a caller whom nobody knows; `cause` is a Q.850 cause of the customer's phone."""

    id: str
    kind: Kind
    order: str
    extension: str | None
    state: Live
    started_ms: int
    answered_ms: int | None
    ended_ms: int | None
    result: Result | None
    cause: int | None


class CallResult(Told):
    """What a manager said came of a call, or, `by_result`, what the call's own result came to."""

    id: int
    order: str
    call_id: str | None
    extension: str
    outcome: Outcome | Result
    by_result: bool
    undone: bool
    call_back_ms: int | None
    at_ms: int


class ShopOrderTaken(Told):
    """What has become of an order that a shop has sent; `part` of one that is refused is why."""

    order: str | None
    outcome: str
    part: str | None = None
    reason: str | None = None


class ShopTaken(Told):
    orders: list[ShopOrderTaken]


NextCursor = Annotated[
    str | None, Field(description="For `cursor`, to get the next page. null: this was the last one.")
]


class Orders(Told):
    orders: list[Order]
    next_cursor: NextCursor


class Customers(Told):
    customers: list[Customer]
    next_cursor: NextCursor


class Calls(Told):
    calls: list[Call]
    next_cursor: NextCursor


class Results(Told):
    results: list[CallResult]
    next_cursor: NextCursor


class FaultTold(Told):
    pointer: str
    detail: str


class ProblemTold(Told):
    """Problem details (RFC 9457). Go by `reason`, which is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    errors: list[FaultTold] = Field(default_factory=list)
