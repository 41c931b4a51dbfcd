"""Answers of commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_WIDTH_OF_A_PIPE: Final = 500
_C1_CONTROLS: Final = re.compile("[\x7f-\x9f]")


def print_json(answer: Any) -> None:
    text = json.dumps(answer, ensure_ascii=False, indent=2)
    # JSON lets these through, and terminals take some of them for commands.
    typer.echo(_C1_CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", text))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table that fits the terminal, or one with whole lines where there is none."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_A_PIPE)
    console.print(table(headings, rows))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    made = Table(*headings, box=box.SIMPLE_HEAD)
    for row in rows:
        made.add_row(*(Text(shown(cell)) for cell in row))
    return made


def shown(cell: object) -> str:
    """The cell's text, without the characters by which data could command a terminal."""
    text = "-" if cell is None else str(cell)
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
