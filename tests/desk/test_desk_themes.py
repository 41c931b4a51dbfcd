"""A theme changes colours and nothing else: a page is judged whole in one, by its colours in the other."""

from __future__ import annotations

import re

from bridge.desk.assets import FOLDER

LIGHT, DARK, SYSTEMS = ":root", ':root[data-theme="dark"]', ':root[data-theme="auto"]'


def style_sheet() -> str:
    return (FOLDER / "desk.css").read_text()


def settings(selector: str) -> dict[str, str]:
    """What the only block of this selector sets."""
    (block,) = re.findall(rf"^ *{re.escape(selector)} {{([^}}]*)}}", style_sheet(), re.M)
    return dict(re.findall(r"([\w-]+): ([^;]+);", block))


def test_a_dark_theme_sets_the_colours_of_the_light_one_and_nothing_else() -> None:
    light, dark = settings(LIGHT), settings(DARK)
    assert list(dark) == list(light)
    assert [name for name in dark if not name.startswith("--")] == ["color-scheme"]
    assert (light["color-scheme"], dark["color-scheme"]) == ("light", "dark")


def test_the_systems_dark_theme_is_the_dark_one() -> None:
    assert settings(SYSTEMS) == settings(DARK)


def test_nothing_else_in_the_style_sheet_goes_by_the_theme() -> None:
    assert re.findall(r".*(?:data-theme|prefers-color-scheme|light-dark).*", style_sheet()) == [
        f"{DARK} {{",
        "@media (prefers-color-scheme: dark) {",
        f"  {SYSTEMS} {{",
    ]
