"""No setting is shipped on trust: each is opened by a test that sees a leak, or it is told why none does."""

from __future__ import annotations

import ast
from collections import Counter

from shipped import UNOPENED, explained, opened, shipped, tried

from bridge.doctor.checks import BY_ID
from labkit.places import CHECKOUT


def test_each_shipped_setting_is_opened_or_it_is_told_why_not() -> None:
    told = Counter([*opened(), *tried(), *explained()])
    assert [item for item in shipped() if item not in told] == [], "neither"
    assert [item for item, times in told.items() if times > 1] == [], "both"


def test_nothing_is_told_of_what_is_not_shipped() -> None:
    assert set(explained()) <= set(shipped())


def test_most_of_what_keeps_numbers_in_is_opened() -> None:
    """So that a reader who finds nothing does not go unnoticed."""
    assert len(opened()) > 60
    assert len(shipped()) > 150


def test_what_is_not_opened_is_seen_elsewhere_by_checks_and_tests_that_exist() -> None:
    assert {check for each in UNOPENED for check in each.checks} <= set(BY_ID)
    missing = [test for each in UNOPENED for test in each.tests if not exists(test)]
    assert missing == []
    assert [each.because for each in UNOPENED if not each.checks and not each.tests] == []


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse((CHECKOUT / path).read_text())
    return any(isinstance(node, functions) and node.name == name for node in tree.body)
