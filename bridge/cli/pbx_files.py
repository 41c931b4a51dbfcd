"""What `init` and `apply` share: who may write Asterisk's files, and how is shown what would be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import shown
from bridge.config import config_of
from bridge.install.diff import diff_of
from bridge.install.found import Found
from bridge.install.journal import Journal
from bridge.install.plan import Plan

Root = Annotated[
    Path, typer.Option("--root", help="A copy of a configuration tree to try it on; / is this machine.")
]
AsteriskEtc = Annotated[
    Path, typer.Option("--asterisk-etc", help="Asterisk's configuration folder, within the root.")
]


def refuse_all_but_root(root: Path) -> None:
    """Raises CommandFailed for whoever may not write there."""
    if root == Path("/") and os.geteuid() != 0:
        raise CommandFailed(
            Exit.REFUSED, "Asterisk's files are root's to change: run it with sudo, or try it with --root."
        )


def finish_what_was_interrupted(journal: Journal) -> None:
    if journal.unfinished:
        journal.finish()
        typer.echo("An earlier run was interrupted. What it had begun is finished now.", err=True)


def show_plan(made: Plan, found: Found) -> None:
    """Show what would be written. Raises ConfigError where the daemon could not use what it is to have."""
    for change in made.changes:
        if change.path == found.places.config:
            config_of(change.content.decode(), change.path)
    for line in diff_of(made.changes, found.files).splitlines():
        typer.echo(shown(line))
    for remark in made.remarks:
        typer.echo(f"\n{remark}")
