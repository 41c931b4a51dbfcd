"""What calls make of the contacts that they went to, as `bridge.rules.worth` has it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, case, select, update

from bridge.rules.worklist import Came
from bridge.rules.worth import Standing, Worth, worth_after
from bridge.store.lanes import Runs
from bridge.store.schema import contacts

_this: Final = contacts.c.id == bindparam("contact_id")
_WORTH: Final = select(contacts.c.standing, contacts.c.invalid_in_a_row).where(_this)
_new_standing: Final = bindparam("new_standing", type_=contacts.c.standing.type)
_SET: Final = (
    update(contacts)
    .where(_this)
    .values(
        standing=_new_standing,
        invalid_in_a_row=bindparam("failed"),
        # Doubted again, it is doubted since now; while it is doubted, since it began.
        doubted_ms=case(
            (_new_standing != Standing.SUSPECT.value, contacts.c.doubted_ms),
            (contacts.c.standing == Standing.SUSPECT.value, contacts.c.doubted_ms),
            else_=bindparam("now_ms"),
        ),
    )
)


def let_call_tell(
    connection: Runs, contact_id: int, came: Came, now_ms: int, *, answered: bool = False
) -> Worth | None:
    """Let what came of a call count for its contact; returns what that was, None where it stays as it is."""
    row = connection.execute(_WORTH, {"contact_id": contact_id}).fetchone()
    if row is None:
        return None
    before = Worth(Standing(row[0]), row[1])
    after = worth_after(before, came, answered=answered)
    if after == before:
        return None
    set_worth(connection, contact_id, after, now_ms)
    return before


def set_worth(connection: Runs, contact_id: int, worth: Worth, now_ms: int) -> None:
    values = {
        "contact_id": contact_id,
        "new_standing": worth.standing.value,
        "failed": worth.invalid_in_a_row,
        "now_ms": now_ms,
    }
    connection.execute(_SET, values)
