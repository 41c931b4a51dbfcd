"""The queue as pages show it: on its own page, and beside an open order."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from bridge.api.desk.shapes import Queue, QueueCounts
from bridge.desk import words
from bridge.desk.visitor import Visitor

_PAGE: Final = 50
_MOST: Final = 200
"""Rows of the queue in one answer: a list that somebody has unrolled is refreshed as a whole."""

_LONGEST_SEARCH: Final = 100

_FIRST_FILTER: Final = "to-call"


async def queue_values(visitor: Visitor) -> dict[str, Any]:
    """What the list shows, by the request's own filter, search and place in it."""
    asked = visitor.request.query_params
    chosen = asked.get("filter", "")
    filter = chosen if chosen in words.FILTERS else _FIRST_FILTER
    search = asked.get("q", "").strip()[:_LONGEST_SEARCH]
    limit = asked.get("limit", "")
    queue = await visitor.api.queue(
        filter=filter,
        search=search,
        cursor=asked.get("cursor", ""),
        limit=min(max(int(limit), _PAGE), _MOST) if limit.isdecimal() else _PAGE,
    )
    return {
        "queue": queue,
        "filter": filter,
        "search": search,
        "counts": _counts(queue.counts),
        "view": _view(filter, search),
        "more": _more(filter, search, queue),
    }


def _counts(counts: QueueCounts) -> dict[str, int]:
    """How many rows each filter has."""
    to_call = counts.due + counts.new + counts.no_answer
    return {
        "to-call": to_call,
        "due": counts.due,
        "new": counts.new,
        "no-answer": counts.no_answer,
        "later": counts.later,
        "done": counts.done,
        "all": to_call + counts.later + counts.done,
    }


def _view(filter: str, search: str) -> str:
    """The end of an address that shows the same list; empty for the first one."""
    shown = {"filter": filter if filter != _FIRST_FILTER else "", "q": search}
    query = urlencode({name: value for name, value in shown.items() if value})
    return f"?{query}" if query else ""


def _more(filter: str, search: str, queue: Queue) -> str:
    """The query for the rows after these; empty on the last page."""
    return urlencode({"filter": filter, "q": search, "cursor": queue.cursor}) if queue.cursor else ""
