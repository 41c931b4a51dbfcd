"""docs/cli.md and `--help` tell every command, option, argument and exit code there is, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from bridge.cli.exits import Exit, as_help
from bridge.cli.main import app

DOC = (Path(__file__).parents[3] / "docs" / "cli.md").read_text(encoding="utf-8")


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command by its full name; a group is one of its own only where it can be run without another."""
    for sub_name, sub in command.commands.items():
        full_name = f"{name} {sub_name}"
        if hasattr(sub, "commands"):
            yield from _commands(sub, full_name)
        if not hasattr(sub, "commands") or sub.invoke_without_command:
            yield full_name, sub


PROGRAM: Any = typer.main.get_command(app)
COMMANDS = {"call-bridge": PROGRAM, **dict(_commands(PROGRAM, "call-bridge"))}


def _section(command: str) -> str:
    found = re.search(rf"^##+ `{re.escape(command)}`\n(.*?)(?=^##|\Z)", DOC, re.MULTILINE | re.DOTALL)
    assert found, f"{command} is not in docs/cli.md"
    return found[1]


def _names(command: Any) -> set[str]:
    """Options by their long names, arguments by what `--help` calls them."""
    return {
        parameter.metavar or parameter.name.upper()
        if parameter.param_type_name == "argument"
        else max(parameter.opts, key=len)
        for parameter in command.params
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_documented_with_its_options_and_arguments(command: str) -> None:
    told = set(re.findall(r"^\| `([^`]+)`", _section(command), re.MULTILINE))
    assert told == _names(COMMANDS[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_a_command_and_each_option_is_for(command: str) -> None:
    assert COMMANDS[command].help
    assert [parameter.name for parameter in COMMANDS[command].params if not parameter.help] == []


def test_no_command_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^##+ `([^`]+)`", DOC, re.MULTILINE)) == set(COMMANDS)


def test_exit_codes_are_documented_as_they_are() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.+) \|$", DOC, re.MULTILINE))
    assert table == {str(code.value): code.meaning for code in Exit}
    assert all(f"{code.value} {code.meaning}" in as_help() for code in Exit)
    assert PROGRAM.epilog == as_help()


def test_no_error_can_show_local_variables() -> None:
    assert app.pretty_exceptions_enable is False
