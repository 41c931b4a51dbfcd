"""`call-bridge orders import`: a spreadsheet of orders goes in; what was not taken is told, row by row."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table, shown
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.intake.orders import ImportReport, import_orders
from bridge.unlock import unlock

_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000
"""About five batches of rows."""


def import_(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The spreadsheet, saved as CSV.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row, write the rejects file, and keep nothing.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            "--rejects",
            metavar="PATH",
            help="Where rejected rows go, numbers masked; by default FILE.rejects.csv beside FILE.csv.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import orders. Numbers are sealed at once; importing a file again changes nothing.

    The columns order, name and phone are needed; phone2, summary, manager and language may be there. Headings
    may be Russian. Ends with exit code 3 if rows were rejected; the others are in.
    """
    rejects = rejects or source.with_name(f"{source.stem}.rejects.csv")
    if rejects.resolve() == source.resolve():
        raise CommandFailed(Exit.USAGE, "--rejects names the spreadsheet itself, and would overwrite it.")
    config = configuration(context)
    report = asyncio.run(_import(config, source, rejects, dry_run=dry_run))
    if as_json:
        print_json(asdict(report) | {"dry_run": dry_run, "rejects_file": _made(report, rejects)})
    else:
        _print_report(report, rejects, dry_run=dry_run)
    if report.rejected:
        raise typer.Exit(Exit.SOME_REJECTED)


async def _import(config: Config, source: Path, rejects: Path, *, dry_run: bool) -> ImportReport:
    async with database(config) as db:
        vault = await unlock(config.keys, db)
        with _few_collections(), _progress_bar(source) as progress:
            return await import_orders(
                db,
                vault,
                source,
                home_region=config.shop.country,
                actor=command_giver(),
                rejects=rejects,
                dry_run=dry_run,
                progress=progress,
            )


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for cycles less often: rows make none, and it looked through each batch several times.

    It still does now and then, for what is rejected leaves exceptions behind, and these may be in cycles.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _progress_bar(source: Path) -> Iterator[Callable[[int, int], None]]:
    """Takes rows and bytes read. Shown on a terminal alone; standard output stays the report's."""
    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]} rows"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=source.stat().st_size, rows=0)
        yield lambda rows, size: bar.update(task, completed=size, rows=rows)


def _made(report: ImportReport, rejects: Path) -> str | None:
    """The rejects file, if one was needed."""
    return str(rejects) if report.rejected else None


def _print_report(report: ImportReport, rejects: Path, *, dry_run: bool) -> None:
    counts = (report.rows, report.added, report.updated, report.unchanged, report.rejected)
    print_table(("Rows", "Added", "Updated", "Unchanged", "Rejected"), [counts])
    if report.not_to_call:
        typer.echo(
            f"Rows with a number that is not to be called: {report.not_to_call}. Nobody can call it; "
            "`call-bridge do-not-call list` says since when."
        )
    if dry_run:
        typer.echo("This was a dry run: nothing was kept.")
    if report.unknown_columns:
        typer.echo(f"Columns that were not read: {shown(', '.join(report.unknown_columns))}")
    if report.doubtful:
        print_table(
            ("Row", "Column", "Taken, but"), [(each.row, each.column, each.reason) for each in report.doubts]
        )
        typer.echo(
            f"Numbers that may be mistyped: {report.doubtful}. They are in as suspect; mend them in the "
            "spreadsheet and import it again, or at the desk."
        )
    if report.rejected:
        print_table(
            ("Row", "Column", "Why"), [(each.row, each.column, each.reason) for each in report.rejects]
        )
        typer.echo(f"All rejected rows are in {rejects}, numbers masked.")
