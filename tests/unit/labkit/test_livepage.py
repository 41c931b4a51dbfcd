"""The page of live calls has what the scripts printed, word for word."""

from __future__ import annotations

import pytest

from labkit.livepage import PAGE, filled


def test_a_place_is_filled_and_filled_again() -> None:
    page = "before\n<!-- crowd -->\n<!-- /crowd -->\nafter\n"
    once = filled(page, "crowd", ["kept  \\1", "BROKEN"])
    assert once == "before\n<!-- crowd -->\n```\nkept  \\1\nBROKEN\n```\n<!-- /crowd -->\nafter\n"
    assert filled(once, "crowd", ["other"]).count("```") == 2


def test_a_page_without_the_place_is_refused() -> None:
    with pytest.raises(LookupError, match="soak"):
        filled("<!-- crowd -->\n<!-- /crowd -->", "soak", [])


@pytest.mark.parametrize("name", ["crowd", "soak"])
def test_the_page_has_been_filled(name: str) -> None:
    place = PAGE.read_text().partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
    assert "cores" in place, f"run scripts/{name}, then python -m labkit.livepage"
