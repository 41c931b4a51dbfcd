"""The drawing of the states, as scripts/draw-states makes it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "draw-states"))
with_drawings = SCRIPT["with_drawings"]
DRAWINGS = SCRIPT["DRAWINGS"]

FIRST = "<!-- states -->\nan earlier one\n<!-- /states -->\n"
SECOND = "<!-- callback-states -->\n<!-- /callback-states -->\n"
THIRD = "<!-- capture-states -->\n<!-- /capture-states -->\n"


def test_a_drawing_takes_the_place_of_an_older_one_and_of_nothing_else() -> None:
    drawn = with_drawings(f"above\n{FIRST}between\n{SECOND}below\n{THIRD}")
    assert drawn.startswith("above\n<!-- states -->\n```mermaid\n")
    assert "```\n<!-- /states -->\nbetween\n<!-- callback-states -->\n```mermaid\n" in drawn
    assert drawn.endswith("```\n<!-- /capture-states -->\n")
    assert "an earlier one" not in drawn
    assert with_drawings(drawn) == drawn


@pytest.mark.parametrize("place", DRAWINGS)
def test_every_move_to_another_state_is_drawn(place: str) -> None:
    drawn = SCRIPT["drawing"](DRAWINGS[place])
    for state, rows in DRAWINGS[place].items():
        for key, row in rows.items():
            for target in set(row.to) - {state}:
                arrow = f"{SCRIPT['name'](state)} --> {SCRIPT['name'](target)}: "
                (line,) = [line for line in drawn.splitlines() if arrow in line]
                assert SCRIPT["name_of"](key) in line


@pytest.mark.parametrize(
    "page",
    ["", "<!-- states -->\nno end\n", "no beginning\n<!-- /states -->\n", FIRST, SECOND, FIRST + SECOND],
)
def test_a_page_without_a_place_for_the_drawing_is_left_alone(page: str) -> None:
    with pytest.raises(SystemExit, match="no place"):
        with_drawings(page)
