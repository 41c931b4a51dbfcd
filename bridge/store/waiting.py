"""How an order waits to be called: as columns, and as bridge.rules.worklist reckons with it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import bindparam, update

from bridge.rules.worklist import Why, Work
from bridge.store.lanes import Runs
from bridge.store.schema import orders

WORK_COLUMNS: Final = (orders.c.state, orders.c.why, orders.c.attempts, orders.c.due_ms, orders.c.priority)

_SET_WORK: Final = (
    update(orders)
    .where(orders.c.code == bindparam("of_code"))
    .values({name: bindparam(f"new_{name}") for name in ("state", "why", "attempts", "due_ms")})
)


def set_work(connection: Runs, works: dict[str, Work]) -> None:
    """Let orders wait as they are to."""
    for code, work in works.items():
        values = {
            "of_code": code,
            "new_state": work.state,
            "new_why": work.why.value,
            "new_attempts": work.attempts,
            "new_due_ms": work.due_ms,
        }
        connection.execute(_SET_WORK, values)


def as_work(columns: Any) -> Work:
    state, why, attempts, due_ms, priority = columns
    return Work(state, Why(why), attempts, due_ms, priority)
