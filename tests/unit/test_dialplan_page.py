"""docs/dialplan.md has every name that the files bring into a PBX, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "dialplan.md"
EXTENSIONS: Final = ROOT / "dialplan" / "extensions-call-bridge.conf"
MOST_DIGITS: Final = 12


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without backquotes where a cell is nothing but code."""
    section = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[2:]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell) for cell in line.split(" | ")] for line in lines]


def contexts() -> dict[str, list[str]]:
    """The extensions of each context, by its name."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^\[", EXTENSIONS.read_text(), flags=re.MULTILINE)[1:]:
        name, _, lines = part.partition("]")
        found[name] = re.findall(r"^exten => ([^,]+),1,", lines, re.MULTILINE)
    del found["globals"]
    return found


def _any_length(pattern: str) -> str:
    return re.sub(r"X+(\*Z)?$", r"X\1", pattern)


def test_every_context_is_told() -> None:
    assert [row[0] for row in rows("Contexts")] == list(contexts())


def test_every_extension_is_told_in_its_context() -> None:
    written = [(name, _any_length(each)) for name, patterns in contexts().items() for each in patterns]
    assert [(row[0], row[1]) for row in rows("Extensions")] == list(dict.fromkeys(written))


def test_a_code_may_be_as_long_as_the_page_says() -> None:
    for name in ("call-bridge-managers", "call-bridge-order"):
        for ending in ("", r"\*Z"):
            of_digits = re.compile(rf"(X+){ending}$")
            lengths = [len(found[1]) for found in map(of_digits.search, contexts()[name]) if found]
            assert lengths == list(range(1, MOST_DIGITS + 1)), (name, ending)


def test_every_variable_is_told_with_its_default() -> None:
    kept = re.findall(
        r'^(CALLBRIDGE_\w+)=\$\["\$\{\1\}" : "\(\.\+\)" \| "([^"]*)" : "\(\.\+\)"\]$',
        EXTENSIONS.read_text(),
        re.MULTILINE,
    )
    assert [(row[0], row[1]) for row in rows("Variables")] == kept
    assert {name for name, _ in kept} == set(re.findall(r"CALLBRIDGE_\w+", EXTENSIONS.read_text()))


def test_what_patterns_are_made_of_can_not_be_set_for_one_call() -> None:
    """Asterisk reads patterns when it loads the file; what an application is given, when a call is there."""
    patterns = " ".join(pattern for each in contexts().values() for pattern in each)
    for name, _, on_a_channel, _ in rows("Variables"):
        assert on_a_channel == ("no" if f"${{{name}}}" in patterns else "yes"), name


def test_every_template_is_told_with_its_file() -> None:
    written = {
        (name, path.name)
        for path in sorted((ROOT / "dialplan").glob("pjsip-*.conf"))
        for name in re.findall(r"^\[([\w-]+)\]\(!", path.read_text(), re.MULTILINE)
    }
    assert {(row[0], row[1]) for row in rows("Templates")} == written


def test_the_readme_of_the_dialplan_tells_the_same_of_variables() -> None:
    readme = (ROOT / "dialplan" / "README.md").read_text()
    told = dict(re.findall(r"^\| `(CALLBRIDGE_\w+)` \| `([^`]*)` \|", readme, re.MULTILINE))
    assert told == {row[0]: row[1] for row in rows("Variables")}
