"""`call-bridge doctor`: looks at the PBX and says what in it would show a number."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, shown
from bridge.cli.session import CONFIG_PLACES, config_path
from bridge.doctor.examine import examine, worst
from bridge.doctor.gather import gather
from bridge.doctor.model import Finding, Gravity
from bridge.doctor.patch import elsewhere, patch_of
from bridge.doctor.report import (
    UnknownCheck,
    advice,
    anchor,
    as_json,
    check_of,
    unasked,
)

_EXITS = {Gravity.CRITICAL: Exit.FOUND_CRITICAL, Gravity.WARNING: Exit.FOUND_WARNING}


def doctor(
    context: typer.Context,
    asterisk_etc: Annotated[
        Path, typer.Option("--asterisk-etc", help="Asterisk's configuration folder.")
    ] = Path("/etc/asterisk"),
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at files only; ask neither Asterisk nor the daemon.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Print a patch to read and then apply; nothing is edited.")
    ] = False,
    patch: Annotated[
        Path | None, typer.Option("--patch", help="Write that patch to this new file.", metavar="FILE")
    ] = None,
    explain: Annotated[
        str | None, typer.Option("--explain", help="Say what a check means and what to do.", metavar="ID")
    ] = None,
    as_json_wanted: AsJson = False,
) -> None:
    """Look at the PBX, the daemon and the machine: what would show a number, and which line to change."""
    if explain is not None:
        _explain(explain)
        return
    facts = gather(asterisk_etc.absolute(), _config_path(context).absolute(), running=not offline)
    findings = examine(facts)
    if fix or patch is not None:
        _propose(findings, patch)
    elif as_json_wanted:
        print_json({"findings": as_json(findings)})
    else:
        _show(findings, unasked(facts))
    gravest = worst(findings)
    raise typer.Exit(_EXITS.get(gravest, Exit.DONE) if gravest else Exit.DONE)


def _config_path(context: typer.Context) -> Path:
    """Without any configuration there is still a PBX to look at, and one more finding."""
    try:
        return config_path(context)
    except CommandFailed:
        return CONFIG_PLACES[-1]


def _explain(check_id: str) -> None:
    try:
        check = check_of(check_id)
    except UnknownCheck as error:
        raise CommandFailed(Exit.USAGE, str(error)) from None
    for line in (f"{check.id} ({check.gravity.word})", check.meaning, check.remedy, anchor(check)):
        typer.echo(line)


def _show(findings: list[Finding], remark: str | None) -> None:
    console = Console()
    for gravity, group in groupby(findings, key=lambda finding: finding.check.gravity):
        if console.is_terminal:
            console.print(_table(gravity, group))
        else:
            typer.echo("\n".join(map(_paragraph, group)))
    if remark is not None:
        typer.echo(remark, err=True)
    tell_more = f"{len(findings)} found; `call-bridge doctor --explain CHECK` tells more."
    typer.echo(tell_more if findings else "Nothing found.")


def _table(gravity: Gravity, findings: Iterable[Finding]) -> Table:
    """Whole paths and lines, over as many rows as they need: they are there to be copied."""
    made = Table("Check", box=box.SIMPLE_HEAD, title=gravity.word.capitalize(), title_justify="left")
    made.add_column("What, where, and what to do", overflow="fold")
    for finding in findings:
        made.add_row(Text(finding.check.id), Text("\n".join((*_lines(finding), ""))))
    return made


def _paragraph(finding: Finding) -> str:
    """For a pipe: nothing is cut off or padded."""
    check = finding.check
    return "\n    ".join((f"{check.gravity.word} {check.id}", *_lines(finding)))


def _lines(finding: Finding) -> list[str]:
    spot = finding.spot
    place = [f"{spot.place}"] if spot.place else []
    return [shown(line) for line in (*place, spot.what, finding.check.meaning, f"-> {advice(finding)}")]


def _propose(findings: list[Finding], path: Path | None) -> None:
    text = patch_of(findings)
    if path is None:
        typer.echo(text, nl=False)
    else:
        _write_new(path, text)
    for other in elsewhere(findings):
        typer.echo(f"{shown(other.generated)} is written by a program. Write into {other.file}:", err=True)
        typer.echo("\n".join(f"  {shown(line)}" for line in other.lines), err=True)
    without = sum(each.spot.change is None for each in findings)
    if without:
        typer.echo(f"{without} findings can't be put right by a patch: see them without --fix.", err=True)


def _write_new(path: Path, text: str) -> None:
    """For its owner alone: it tells where a PBX is weak. Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
