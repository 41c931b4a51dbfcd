"""Each promise about a crowd can be broken, by the figure that it is about and by no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labkit.crowd.ordeals import Passage, Takeover
from labkit.crowd.sound import Heard
from labkit.crowd.verdict import Ending, Story
from labkit.machine import Machine

CALLS = 500
HEARD = Heard(60.0, 300_000, 0, 0, 0, longest_wait=40.0, transit=(0.2, 5.0, 20.0))
MACHINE = Machine(2, 1.5, "22.10.1", "3.11.7", "2026-01-31")
KILL = Passage("kill", HEARD, CALLS, CALLS, Takeover(from_start=2.5, from_link=0.8, limits_from_link=2.4))
UNDISTURBED = replace(KILL, name="undisturbed", takeover=None)
GOOD = Story(
    CALLS,
    5,
    replace(KILL, name="undisturbed", takeover=None),
    [KILL],
    Ending(0, {"talked": CALLS}),
    MACHINE,
    {},
)


def broken(story: Story) -> list[str]:
    return [promise.text for promise in story.promises() if not promise.kept]


def test_a_good_story_breaks_none() -> None:
    assert broken(GOOD) == []
    assert GOOD.kept
    assert GOOD.to_json()["kept"] is True
    assert len(GOOD.lines()) == 3 + 1 + 2 + 1 + len(GOOD.promises())


@pytest.mark.parametrize(
    ("passage", "text"),
    [
        (replace(KILL, conversations=499), "conversations dropped"),
        (replace(KILL, on_board=499), "lost sight of"),
        (replace(KILL, heard=replace(HEARD, missing=1)), "packets missing"),
        (replace(KILL, heard=replace(HEARD, foreign=1)), "wrong ear"),
        (replace(KILL, heard=replace(HEARD, silent=1)), "hear nothing"),
        (replace(KILL, heard=replace(HEARD, longest_wait=141.0)), "longest wait"),
        (replace(KILL, takeover=Takeover(from_start=4.0, from_link=2.1, limits_from_link=2.4)), "taken over"),
    ],
)
def test_what_befell_a_crowd_breaks_its_own_promise(passage: Passage, text: str) -> None:
    found = broken(replace(GOOD, passages=[KILL, passage]))
    assert len(found) == 1
    assert text in found[0]


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (Ending(1, {"talked": CALLS}), "orphans"),
        (Ending(0, {"talked": CALLS - 1, "": 1}), "on record"),
        (Ending(0, {"talked": CALLS - 1, "failed": 1}), "on record"),
    ],
)
def test_a_bad_end_breaks_its_own_promise(ending: Ending, text: str) -> None:
    found = broken(replace(GOOD, ending=ending))
    assert len(found) == 1
    assert text in found[0]
