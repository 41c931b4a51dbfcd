"""docs/doctor.md is what the checks say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bridge.cli.exits import Exit
from bridge.doctor.checks import CHECKS
from bridge.doctor.model import Check
from bridge.doctor.page import page
from bridge.doctor.report import anchor

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "doctor.md").read_text() == page(), (
        "python -m bridge.doctor.page > docs/doctor.md"
    )


def test_the_page_tells_the_exit_codes_that_the_command_ends_with() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page(), re.MULTILINE)}
    assert told == {Exit.DONE, Exit.FOUND_WARNING, Exit.FOUND_CRITICAL}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_has_its_place_in_the_page_and_speaks_in_sentences(check: Check) -> None:
    file, _, heading = anchor(check).partition("#")
    assert re.fullmatch(r"[a-z0-9-]+", heading)
    assert f"\n### {heading}\n" in (ROOT / file).read_text()
    assert re.fullmatch(r"[A-Z*].*\.", check.meaning)
    assert check.remedy.endswith(".")
