"""Pages, and the cursors between them: where the last one ended, in a form that is nobody's business."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Query

from bridge.api.problems import Fault, Problem
from bridge.api.v1.faults import unacceptable

RowT = TypeVar("RowT")

_LARGEST: Final = 2**62

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
CursorText = Annotated[
    str | None,
    Query(max_length=200, description="The `next_cursor` of the page before. Else the first page."),
]


def written(place: Sequence[int | str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(place)).encode()).decode().rstrip("=")


def read(cursor: str | None, *kinds: type) -> list[Any] | None:
    """The place that a cursor stands for, of values of these kinds. Raises Problem for what is no cursor."""
    if cursor is None:
        return None
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or [type(value) for value in place] != list(kinds):
        raise _unusable()
    if any(isinstance(value, int) and not -_LARGEST < value < _LARGEST for value in place):
        raise _unusable()
    if any(isinstance(value, str) and not value.isascii() for value in place):
        raise _unusable()
    return place


def _unusable() -> Problem:
    return unacceptable(Fault("cursor", "is none that a page has given"))


def page(
    rows: Sequence[RowT], limit: int, place: Callable[[RowT], Sequence[int | str]]
) -> tuple[Sequence[RowT], str | None]:
    """Of one row more than is wanted: those of the page, and the cursor of the next."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], written(place(rows[limit - 1]))
