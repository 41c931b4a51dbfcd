"""Writes docs/leaks.md from the ways that the suite tries.

PYTHONPATH=.:scripts:tests/pbx python tests/leaks/page.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from families import FAMILIES, Family
from left_open import LEFT_OPEN, SHUT
from openings import whose
from shipped import MODULES_LEFT_OUT, UNOPENED, Unopened, opened, shipped
from ways import (
    ALONE,
    FORKED,
    HEADERS,
    LOUD,
    OWN_SDP,
    PLACES,
    PLACES_ALONE,
    REDIRECTED,
    REFUSALS,
    REFUSED,
    SAID_ALONE,
    SDP_LINES,
    TOO_LATE,
    Ways,
)

PAGE = Path(__file__).parents[2] / "docs" / "leaks.md"

HEAD = """\
# Ways for a number to reach the manager's phone

Made from the leak suite itself by `PYTHONPATH=.:scripts:tests/pbx python tests/leaks/page.py`; don't edit.
Each way is tried on a real Asterisk, with a number of its own, with sealed dialling and with direct.
`tests/leaks/test_managers_leg.py` looks for all of them in every byte that the manager's phone receives,
having made sure that the carrier said them and that it would find them.

{count} ways in all. A header counts once for each message that carries it:
{places}, and {refusals}.
Of identities, and of diversions, Asterisk takes one a message: each stands alone in one besides.

The tests:

{tests}

| way | closed by | test |
| --- | --- | --- |
"""

TESTS = {
    LOUD: "loud",
    SAID_ALONE: "alone",
    REFUSED: "refused",
    REDIRECTED: "redirected",
    FORKED: "forked",
    TOO_LATE: "late",
}
"""What a test is called in the table."""

CLOSINGS = """
## What closes them, and what happens without it

`tests/leaks/test_openings.py` takes things away from an Asterisk and a daemon that run, and tries again.
Without anything of what is listed for them, these ways are open, and the suite sees the number come out
(`test_without_all_that_closes_it_a_way_is_open`). With any one of the things listed they are closed again:
each holds alone (`test_each_thing_that_closes_a_way_closes_it_alone`).

| ways | closed by each of |
| --- | --- |
"""

INSIDE = """
## What stays open inside Asterisk

Dialled sealed, the number is in no channel, event, variable or log of Asterisk's. But PJSIP has it: the
redirect's 302 brings it, and the INVITE takes it to the carrier. Each of these ways shows it, and
`test_what_is_said_to_be_open_shows_the_number` sees it do so. What takes a module shows nothing without it
(`test_as_shipped_the_number_is_not_shown`).

| way | open to | what helps |
| --- | --- | --- |
"""

INSIDE_SHUT = """
These show none (`test_what_is_said_to_be_closed_shows_no_number`), though their reader has Asterisk's console
or password. `test_what_sealed_dialling_closes_is_open_without_it` looks at the same with direct dialling; for
AMI that is done among the ways above. The daemon's own user of AMI, where there is [one](ami.md), does not
read all: it hears no number and no key
(`test_while_calls_go_on_no_number_and_no_key_comes_over_the_link`).

| way | of whom | dialled direct |
| --- | --- | --- |
"""

SHIPPED = """
## What nothing leaks without

`dialplan/pjsip-managers.conf`, `dialplan/pjsip-trunk.conf` and `dialplan/asterisk/` have {shipped} settings,
the modules left out on purpose included. {opened} of them have an opening above, which turns a test red. The
others are here, all of them: `tests/leaks/test_shipped.py` counts. These were taken away as those above were,
together with all that might close the same, and nothing was found to leak on Asterisk 22. They stay, for
other versions.

| ways | tried without | nothing leaks because |
| --- | --- | --- |
"""

UNOPENED_HEAD = """
These have no opening. In the last column are tests, and checks of [`call-bridge doctor`](doctor.md): for each
a test breaks the setting, and the doctor finds it.

| settings | why they have none | seen by |
| --- | --- | --- |
"""

TAIL = """
Not closed, because it is the conversation itself: what the customer says, and tones that are sound (a phone
that plays keys into its microphone). A customer who reads out their own number has told it.
"""


def page() -> str:
    head = HEAD.format(
        count=len(Ways().all()),
        places=", ".join(PLACES),
        refusals=REFUSALS,
        tests="\n".join(f"- *{name}*: `{test}`" for test, name in TESTS.items()),
    )
    return (
        head
        + table(rows())
        + CLOSINGS
        + table((family.name, closings_of(family)) for family in FAMILIES if not family.idle)
        + INSIDE
        + table((way.name, way.who, way.helps) for way in LEFT_OPEN)
        + INSIDE_SHUT
        + table((way.name, way.who, "no number" if way.shut_direct else "the number") for way in SHUT)
        + SHIPPED.format(shipped=len(shipped()), opened=len(opened()))
        + table((family.name, closings_of(family), family.idle) for family in FAMILIES if family.idle)
        + UNOPENED_HEAD
        + table(map(explanation, UNOPENED))
        + TAIL
    )


def closings_of(family: Family) -> str:
    closings = "; ".join(map(str, family.closings))
    besides = "; ".join(map(str, family.besides))
    return f"{closings} (all tried without {besides})" if besides else closings


def explanation(unopened: Unopened) -> tuple[str, str, str]:
    settings = "; ".join(
        f"`{'`, `'.join(items)}` {'not loaded' if file == MODULES_LEFT_OUT else whose(file)}"
        for file, items in unopened.items.items()
    )
    checks = [f"[{check}](doctor.md#{check})" for check in unopened.checks]
    tests = [f"`{test.partition('::')[2]}`" for test in unopened.tests]
    return settings, unopened.because, ", ".join([*checks, *tests])


def table(lines: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def rows() -> Iterator[tuple[str, str, str]]:
    """A row for each way, but for those that differ in the message alone."""
    ways = Ways()
    for name, (header, _, closed_by) in HEADERS.items():
        yield f"`{header}` ({name})", closed_by, f"{TESTS[LOUD]}, {TESTS[REFUSED]}"
    for name, (header, _, closed_by) in ALONE.items():
        place = f"alone in its message, on {', '.join(PLACES_ALONE)}"
        yield f"`{header}` ({name}), {place}", closed_by, TESTS[SAID_ALONE]
    for name, line in SDP_LINES.items():
        yield f"SDP `{line[:2]}` ({name}) on 183, 200, INVITE", OWN_SDP, TESTS[LOUD]
    told = {*ways.headers.values(), *ways.alone.values(), *ways.sdp.values()}
    for way in ways.all():
        if way not in told:
            yield way.name, way.closed_by, TESTS[way.test]


if __name__ == "__main__":
    PAGE.write_text(page())
