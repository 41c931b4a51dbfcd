"""Answers of commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_WIDTH_OF_A_PIPE = 500


def print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))


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
