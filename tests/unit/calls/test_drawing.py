"""The drawing of the states, as scripts/draw-states makes it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from bridge.calls.table import TABLE

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "draw-states"))
with_drawing = SCRIPT["with_drawing"]


def test_a_drawing_takes_the_place_of_an_older_one_and_of_nothing_else() -> None:
    page = "above\n<!-- states -->\nan earlier one\n<!-- /states -->\nbelow\n"
    drawn = with_drawing(page)
    assert drawn.startswith("above\n<!-- states -->\n```mermaid\n")
    assert drawn.endswith("```\n<!-- /states -->\nbelow\n")
    assert "an earlier one" not in drawn
    assert with_drawing(drawn) == drawn


def test_every_move_to_another_state_is_drawn() -> None:
    drawn = SCRIPT["drawing"]()
    for state, rows in TABLE.items():
        for key, row in rows.items():
            for target in set(row.to) - {state}:
                arrow = f"{SCRIPT['name'](state)} --> {SCRIPT['name'](target)}: "
                (line,) = [line for line in drawn.splitlines() if arrow in line]
                assert SCRIPT["name_of"](key) in line


@pytest.mark.parametrize("page", ["", "<!-- states -->\nno end\n", "no beginning\n<!-- /states -->\n"])
def test_a_page_without_a_place_for_the_drawing_is_left_alone(page: str) -> None:
    with pytest.raises(SystemExit, match="no place"):
        with_drawing(page)
