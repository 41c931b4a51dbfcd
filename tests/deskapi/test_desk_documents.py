"""The documents of the desk's API and of its security: what they name exists, and what exists is named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from fastapi.routing import APIRoute

from bridge.api.desk import access, contacts, disclosure, people, work

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PAGE = (ROOT / "docs" / "desk-api.md").read_text()
ASVS = (ROOT / "docs" / "asvs.md").read_text()


def test_every_request_that_is_served_is_documented() -> None:
    routes = [route for part in (access, work, people, contacts, disclosure) for route in part.router.routes]
    served = {
        (method, re.sub(r"\{\w+\}", "{}", route.path))
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    told = {
        (method, re.sub(r"\{\w+\}", "{}", path.partition("?")[0]))
        for methods, path in re.findall(r"^\| ([A-Z, ]+) \| `([^`]+)` \|", PAGE, re.M)
        for method in methods.split(", ")
    }
    assert served - told == set()


def test_every_reason_of_a_refusal_is_documented_with_its_status() -> None:
    told = {
        reason: {int(status) for status in statuses.split(", ")}
        for page in (OPERATIONS, PAGE)
        for reason, statuses in re.findall(r"^\| `([a-z-]+)` \| ([0-9, ]+) \|", page, re.M)
    }
    given = dict(_refusals())
    assert given
    for reason, status in given.items():
        assert reason in told, reason
        assert status is None or status in told[reason], reason


def _refusals() -> Iterator[tuple[str, int | None]]:
    """Each reason with its status, wherever the desk's API makes a problem; None for one handed on."""
    for path in (ROOT / "bridge" / "api" / "desk").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            parts: list[Any] = []
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                parts = node.args
            elif isinstance(node, ast.Tuple) and ast.unparse(node).startswith("(HTTPStatus."):
                parts = node.elts
            if len(parts) >= 2 and isinstance(parts[1], ast.Constant):
                named = getattr(parts[0], "attr", None)
                yield cast(str, parts[1].value), None if named is None else HTTPStatus[named].value


def test_every_test_and_file_that_the_table_of_asvs_names_exists() -> None:
    existing = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", ASVS))
    assert named
    assert named - existing == set()
    files = set(re.findall(r"`((?:bridge|tests|docs|scripts)/[\w./]+)`", ASVS))
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_row_of_the_table_of_asvs_says_how_it_is_met_or_why_not() -> None:
    rows = re.findall(r"^\| ([0-9][0-9., -]+) \| (.+?) \| (.+?) \|$", ASVS, re.M)
    assert len(rows) > 80
    for number, asked, answer in rows:
        assert asked.strip(), number
        assert re.match(r"`|not met|partly|not used|reason", answer), (number, answer)
