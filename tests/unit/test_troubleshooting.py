"""docs/troubleshooting.md quotes the program: what it has the log say is written somewhere in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bridge.calls.model import Result
from bridge.logs import ALLOWED_FIELDS
from bridge.rules import Reason, Untold

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "troubleshooting.md"
REASONS: Final = {*Reason, *Untold}


def rows() -> list[list[str]]:
    """The cells of every table that tells of the log."""
    tables = re.findall(
        r"^\| [^|]* \| the log[^|]*says \| .*\n\| --- .*\n((?:\|.*\n)+)", PAGE.read_text(), re.M
    )
    return [line.strip("| \n").split(" | ") for table in tables for line in table.splitlines()]


def quoted() -> list[str]:
    """Every text in code in the column of what the log says."""
    return [text for row in rows() for text in re.findall(r"`([^`]+)`", row[1])]


def texts_of_the_program() -> Iterator[str]:
    """Every text in the code, those parts of texts included that stand between values."""
    for path in (ROOT / "bridge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_there_is_something_to_hold_against_the_code() -> None:
    assert len(rows()) > 30
    assert len(quoted()) > 40


def test_what_the_log_says_is_written_in_the_code() -> None:
    written = "\n".join(texts_of_the_program())
    known = {*REASONS, *Result, *ALLOWED_FIELDS}
    assert [text for text in quoted() if text not in known and text not in written] == []


def test_a_reason_that_is_named_is_one_and_a_result_too() -> None:
    for row in rows():
        for field, values in (("reason", REASONS), ("result", set(Result))):
            if (told := re.search(rf"`{field}` ((?:`[a-z_-]+`(?:, | or )?)+)", row[1])) is not None:
                assert set(re.findall(r"`([a-z_-]+)`", told[1])) <= values, row[1]


def test_every_refusal_of_the_rules_has_its_symptom() -> None:
    """Those by which nothing can be dialled at all are told by a line of their own."""
    of_its_own = {Reason.NOT_YOURS, Reason.PANIC, Reason.SEALED, Untold.LOCKED_OUT}
    assert {reason for reason in REASONS - of_its_own if f"`{reason}`" not in PAGE.read_text()} == set()
