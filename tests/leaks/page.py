"""Writes docs/leaks.md from the ways that the suite tries: python tests/leaks/page.py"""

from __future__ import annotations

from pathlib import Path

from ways import HEADERS, OWN_SDP, PLACES, SDP_LINES, Ways

PAGE = Path(__file__).parents[2] / "docs" / "leaks.md"

HEAD = """\
# Ways for a number to reach the manager's phone

Made from the leak suite itself by `python tests/leaks/page.py`; don't edit. Each way is tried on a real
Asterisk, with a number of its own, in a call that really takes place: `tests/leaks/test_managers_leg.py`
looks for all of them in every byte that the manager's phone receives.

{count} ways in all: each header on each of {places}, and what else a carrier can say.

| way | closed by |
| --- | --- |
"""


def page() -> str:
    ways = Ways()
    rows = [(f"`{header}` ({name})", closed_by) for name, (header, _, closed_by) in HEADERS.items()]
    rows += [(f"an SDP line `{line[:2]}` ({name})", OWN_SDP) for name, line in SDP_LINES.items()]
    in_many_places = {*ways.headers.values(), *ways.sdp.values()}
    rows += [(way.name, way.closed_by) for way in ways.all() if way not in in_many_places]
    head = HEAD.format(count=len(ways.all()), places=", ".join(PLACES))
    return head + "".join(f"| {way} | {closed_by} |\n" for way, closed_by in rows)


if __name__ == "__main__":
    PAGE.write_text(page())
