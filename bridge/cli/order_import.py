"""`call-bridge orders import`: a spreadsheet of orders goes in; what was not taken is told, row by row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table, shown
from bridge.cli.session import configuration, database, put_on_record
from bridge.config import Config
from bridge.intake.masking import without_numbers
from bridge.intake.orders import ImportReport, import_orders
from bridge.unlock import unlock


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
        name = without_numbers(source.name)
        if (
            not dry_run
        ):  # before and after: a file may turn out unreadable halfway, with its first rows stored
            await put_on_record(db, "orders-import", name, "begun")
        with _progress_bar(source) as progress:
            report = await import_orders(
                db,
                vault,
                source,
                home_region=config.shop.country,
                rejects=rejects,
                dry_run=dry_run,
                progress=progress,
            )
        if not dry_run:
            await put_on_record(db, "orders-import", name, _counts(report))
        return report


@contextmanager
def _progress_bar(source: Path) -> Iterator[Callable[[int, int], None]]:
    """Takes rows and bytes read. Shown on a terminal alone; standard output stays the report's."""
    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]} rows"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=source.stat().st_size, rows=0)
        yield lambda rows, size: bar.update(task, completed=size, rows=rows)


def _counts(report: ImportReport) -> str:
    return (
        f"rows={report.rows} added={report.added} updated={report.updated} "
        f"unchanged={report.unchanged} rejected={report.rejected}"
    )


def _made(report: ImportReport, rejects: Path) -> str | None:
    """The rejects file, if one was needed."""
    return str(rejects) if report.rejected else None


def _print_report(report: ImportReport, rejects: Path, *, dry_run: bool) -> None:
    counts = (report.rows, report.added, report.updated, report.unchanged, report.rejected)
    print_table(("Rows", "Added", "Updated", "Unchanged", "Rejected"), [counts])
    if dry_run:
        typer.echo("This was a dry run: nothing was kept.")
    if report.unknown_columns:
        typer.echo(f"Columns that were not read: {shown(', '.join(report.unknown_columns))}")
    if report.rejected:
        print_table(
            ("Row", "Column", "Why"), [(each.row, each.column, each.reason) for each in report.rejects]
        )
        typer.echo(f"All rejected rows are in {rejects}, numbers masked.")
