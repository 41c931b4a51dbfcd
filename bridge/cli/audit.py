"""`call-bridge audit`: who did what, and whether that record is whole."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import configuration, database
from bridge.config import Config
from bridge.store.audit import AuditRow, Wanted, find_rows, last_row
from bridge.store.audit_chain import Head
from bridge.store.audit_check import Fault, Finding, Wrong, verify_audit
from bridge.unlock import unlock

app = typer.Typer(
    help="Who did what, and when: each call, refusal and change. Numbers are never in it.",
    no_args_is_help=True,
)

_HEAD: Final = re.compile(r"([1-9]\d{0,17}):([0-9a-f]{64})")
_AGO: Final = re.compile(r"(\d{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}


def _head(text: str) -> Head:
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter("it is what `audit head` printed, such as 1042:5d1f...")
    return Head(int(found[1]), bytes.fromhex(found[2]))


def _moment(text: str) -> datetime:
    """A time, local where it says no zone, or so long ago: 30m, 12h, 7d."""
    if (ago := _AGO.fullmatch(text)) is not None:
        return datetime.now().astimezone() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter("it is 30m, 12h or 7d, or a time such as 2026-11-24T09:30") from None


@app.command()
def verify(
    context: typer.Context,
    head: Annotated[
        Head | None,
        typer.Option("--head", parser=_head, metavar="HEAD", help="What `audit head` printed once."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every row is there, in its place, as it was written. Needs the keys.

    Names the first row that is not, and ends with the exit code for an altered audit.
    """
    found = asyncio.run(_verify(configuration(context), head))
    if as_json:
        print_json(as_answer(found))
    else:
        typer.echo(in_words(found))
    if found.fault is not None:
        raise typer.Exit(Exit.AUDIT_ALTERED)


async def _verify(config: Config, head: Head | None) -> Finding:
    async with database(config) as db:
        vault = await unlock(config.keys, db)
        return await verify_audit(db, vault.audit_signer, head)


def as_answer(found: Finding) -> dict[str, object]:
    """A finding for programs."""
    return asdict(found) | {"ok": found.fault is None}


def in_words(found: Finding) -> str:
    """A finding for people."""
    if found.fault is not None:
        return f"THE AUDIT IS NOT WHOLE: {_told(found.fault)} The {found.rows} rows before are sound."
    if found.unsigned == 0:
        return f"The audit is whole: {found.rows} rows."
    vouched = (
        "all of them vouched for by signed ones"
        if found.unvouched == 0
        else (f"the last {found.unvouched} of them vouched for by no signed one yet")
    )
    return f"The audit is whole: {found.rows} rows, {found.unsigned} written without the keys, {vouched}."


def _told(fault: Fault) -> str:
    match fault.wrong:
        case Wrong.ALTERED:
            return f"row {fault.row_id} was altered, or does not belong there."
        case Wrong.MISSING:
            return f"row {fault.row_id} is missing."
        case Wrong.HEAD:
            return (
                "the signed note of its last row was altered or taken away: rows may be missing at the end."
            )
        case Wrong.ELSEWHERE:
            return f"row {fault.row_id} is not the one that was there when --head was printed."


@app.command()
def show(
    context: typer.Context,
    since: Annotated[
        datetime | None,
        typer.Option("--since", parser=_moment, metavar="WHEN", help="Not before: 30m, 12h, 7d, or a time."),
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only by: extension 101, cli:alice.")] = None,
    act: Annotated[str | None, typer.Option("--act", help="Only this: dial, refuse, erase.")] = None,
    order: Annotated[
        str | None, typer.Option("--order", metavar="CODE", help="Only about this order.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the newest rows, the last one at the end."""
    wanted = Wanted(None if since is None else int(since.timestamp() * 1000), actor, act, order)
    rows = asyncio.run(_find(configuration(context), wanted, limit))
    if as_json:
        print_json({"rows": [asdict(row) for row in rows]})
        return
    print_table(
        ("Row", "When", "Who", "What", "Whom", "Detail", "Signed"),
        [
            (row.id, _when(row), row.actor, row.act, row.subject, row.detail, "yes" if row.signed else "no")
            for row in rows
        ],
    )


async def _find(config: Config, wanted: Wanted, limit: int) -> list[AuditRow]:
    async with database(config) as db:
        return await find_rows(db, wanted, limit)


def _when(row: AuditRow) -> str:
    return datetime.fromtimestamp(row.at_ms / 1000).astimezone().isoformat(" ", "seconds")


@app.command()
def head(context: typer.Context) -> None:
    """Print the newest row's number and link, to be kept elsewhere and given to `audit verify --head`.

    Who exchanges the whole database for an older copy is found by that alone.
    """
    last = asyncio.run(_last(configuration(context)))
    if last is None:
        raise CommandFailed(Exit.REFUSED, "Nothing is on record yet.")
    typer.echo(f"{last.row_id}:{last.link.hex()}")


async def _last(config: Config) -> Head | None:
    async with database(config) as db:
        return await last_row(db)
