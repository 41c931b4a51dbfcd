"""What data can do to a terminal: nothing."""

from __future__ import annotations

import json

import pytest

from bridge.cli.printing import print_json, print_table, shown

HOSTILE = "Anna\x1b]0;owned\x07\x9b2J\u202e[bold]x[/bold]"


def test_data_cannot_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Name",), [(HOSTILE,)])
    printed = capsys.readouterr().out
    assert not [char for char in printed if not char.isprintable() and char != "\n"]
    assert "[bold]x[/bold]" in printed


def test_json_holds_the_data_as_it_is_without_a_raw_control_character(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"name": HOSTILE})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": HOSTILE}
    assert not [char for char in printed if "\x7f" <= char <= "\x9f" or (char < " " and char != "\n")]


def test_a_pipe_gets_whole_cells(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("Summary",), [("x" * 300,)])
    assert "x" * 300 in capsys.readouterr().out


def test_nothing_is_shown_as_a_dash() -> None:
    assert shown(None) == "-"
    assert shown(0) == "0"
