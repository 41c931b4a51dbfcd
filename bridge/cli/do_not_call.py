"""`call-bridge do-not-call`: numbers that nobody may call. They go in here, and none comes out."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database, typed_phone
from bridge.config import Config
from bridge.intake.masking import without_numbers
from bridge.store.database import Database, now_ms
from bridge.store.do_not_call import RequestLine, allow_number, forbid_number, list_requests
from bridge.unlock import unlock
from bridge.vault import NumberRefused, read_number

app = typer.Typer(help="Numbers that are not to be called.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the requests not to be called: since when, at which order, and the label. Never the number."""
    lines = asyncio.run(_list(configuration(context)))
    if as_json:
        print_json({"requests": [asdict(line) for line in lines]})
        return
    rows = [(_day(line.since_ms), line.order_code, line.label) for line in lines]
    print_table(("Since", "Order", "Label"), rows)


async def _list(config: Config) -> list[RequestLine]:
    async with database(config) as db:
        return await list_requests(db)


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().isoformat(" ", "minutes")


@app.command()
def add(
    context: typer.Context,
    label: Annotated[
        str, typer.Option("--label", help="What `list` shows, such as whose letter asked for it. No number.")
    ] = "",
) -> None:
    """Let a number be called no more, whoever's it is and whatever is imported.

    It is asked for, or read from a pipe.
    """
    done_with = asyncio.run(_add(configuration(context), typed_phone(), label))
    if done_with is None:
        typer.echo("The number is on the list already.")
    else:
        typer.echo(f"The number is not called any more. Orders that are done with for it: {done_with}.")


async def _add(config: Config, phone: str, label: str) -> int | None:
    async with database(config) as db:
        index = await _index_of(config, db, phone)
        told = without_numbers(label) or None
        return await forbid_number(db, index, label=told, actor=command_giver(), now_ms=now_ms())


@app.command()
def remove(context: typer.Context) -> None:
    """Let a number be called again, and the customers whose it is. It is asked for, or read from a pipe."""
    if not asyncio.run(_remove(configuration(context), typed_phone())):
        raise CommandFailed(Exit.REFUSED, "This number is not on the list.")
    typer.echo("The number may be called again. Orders that were done with for it stay so.")


async def _remove(config: Config, phone: str) -> bool:
    async with database(config) as db:
        index = await _index_of(config, db, phone)
        return await allow_number(db, index, actor=command_giver(), now_ms=now_ms())


async def _index_of(config: Config, db: Database, phone: str) -> bytes:
    vault = await unlock(config.keys, db)
    try:
        return vault.blind_index(read_number(phone, config.shop.country).number)
    except NumberRefused as refused:
        trouble = f"This is no number to be called: {refused}."
    raise CommandFailed(Exit.REFUSED, trouble)
