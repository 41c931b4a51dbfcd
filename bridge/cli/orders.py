"""`call-bridge orders`: what is to be confirmed, and by whom. Numbers go in here, and none comes out."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.managers import Language
from bridge.cli.order_import import import_
from bridge.cli.printing import AsJson, print_json, print_table, shown
from bridge.cli.session import command_giver, configuration, database, typed_phone
from bridge.config import Config
from bridge.intake.orders import add_order
from bridge.intake.rows import Column, RowRefused
from bridge.rules import dialled_as
from bridge.store.errors import UnknownManager
from bridge.store.managers import manager_by_extension
from bridge.store.orders import OrderLine, OrderView, assign_customer, list_orders, show_order
from bridge.unlock import unlock

app = typer.Typer(help="Orders and their customers, without the numbers.", no_args_is_help=True)
app.command("import")(import_)

Code = Annotated[str, typer.Argument(help="The order code: 1 to 12 digits; leading zeros matter.")]


def _only_from_stdin(value: str) -> str:
    if value != "-":
        raise typer.BadParameter(
            "a number is never an argument, for everybody on this machine can read those, and the shell "
            "keeps them in its history. Leave --phone out, and be asked for it or pipe it in"
        )
    return value


@app.command()
def add(
    context: typer.Context,
    code: Code,
    name: Annotated[str, typer.Option("--name", help="The customer's name, as managers see it.")],
    summary: Annotated[str, typer.Option("--summary", help="What was ordered.")] = "",
    manager: Annotated[
        str, typer.Option("--manager", help="The extension of the manager who will serve the customer.")
    ] = "",
    language: Annotated[
        Language | None, typer.Option("--language", help="The language the customer speaks.")
    ] = None,
    _phone: Annotated[
        str,
        typer.Option(
            "--phone",
            metavar="-",
            callback=_only_from_stdin,
            help="Always -, which is the default: the number is asked for without being shown, or read from "
            "standard input. It is no argument, for those are in the process list and the shell's history.",
        ),
    ] = "-",
    as_json: AsJson = False,
) -> None:
    """Add one order, or change it if its code is known. The number is asked for, or read from a pipe."""
    config = configuration(context)
    cells = {
        Column.ORDER: code,
        Column.NAME: name,
        Column.PHONE: typed_phone(),
        Column.SUMMARY: summary,
        Column.MANAGER: manager,
        Column.LANGUAGE: language.value if language else "",
    }
    outcome = asyncio.run(_add(config, cells))
    if as_json:
        print_json({"order": code, "outcome": outcome})
    else:
        typer.echo(f"Order {code}: {outcome}.")


async def _add(config: Config, cells: dict[Column, str]) -> str:
    """What became of it: added, updated or unchanged."""
    async with database(config) as db:
        vault = await unlock(config.keys, db)
        try:
            report = await add_order(db, vault, cells, home_region=config.shop.country, actor=command_giver())
        except RowRefused as refused:
            trouble = f"{refused.column.value}: {refused.reason}."
        else:
            return report.outcome
    raise CommandFailed(Exit.REFUSED, trouble)


@app.command("list")
def list_(
    context: typer.Context,
    manager: Annotated[
        str | None, typer.Option("--manager", help="Only those of this extension's customers.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 50,
    after: Annotated[str | None, typer.Option("--after", help="Only codes that sort after this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List orders by code."""
    lines = asyncio.run(_list(configuration(context), after, limit, manager))
    if as_json:
        print_json({"orders": [asdict(line) for line in lines]})
        return
    print_table(
        ("Order", "Customer", "Summary", "State", "Manager"),
        [(line.code, line.customer_name, line.summary, line.state, line.manager) for line in lines],
    )
    if len(lines) == limit:
        typer.echo(f"There may be more: --after {lines[-1].code}", err=True)


async def _list(config: Config, after: str | None, limit: int, manager: str | None) -> list[OrderLine]:
    async with database(config) as db:
        if manager is not None and await manager_by_extension(db, manager) is None:
            raise UnknownManager(manager)
        return await list_orders(db, after, limit, manager)


@app.command()
def show(context: typer.Context, code: Code, as_json: AsJson = False) -> None:
    """Show an order, and what is known of its customer's contacts: all but their values."""
    order = asyncio.run(_show(configuration(context), code))
    if as_json:
        print_json(asdict(order))
        return
    for heading, value in (
        ("Order", order.code),
        ("Customer", order.customer_name),
        ("Summary", order.summary),
        ("State", order.state),
        ("Manager", order.manager),
    ):
        typer.echo(f"{heading + ':':<10}{shown(value)}")
    print_table(
        ("Dialled as", "Contact", "Label", "Standing", "Country", "Line"),
        [
            (
                dialled_as(order.code, each.place),
                each.kind,
                each.label,
                each.standing,
                each.region,
                each.line_type,
            )
            for each in order.contacts
        ],
    )


async def _show(config: Config, code: str) -> OrderView:
    async with database(config) as db:
        return await show_order(db, code)


@app.command()
def assign(
    context: typer.Context,
    code: Code,
    extension: Annotated[str, typer.Argument(help="The extension of the manager who will serve them.")],
) -> None:
    """Let a manager serve an order's customer, with all the customer's orders."""
    asyncio.run(_assign(configuration(context), code, extension))
    typer.echo(f"The customer of order {code} is now served by extension {extension}.")


async def _assign(config: Config, code: str, extension: str) -> None:
    async with database(config) as db:
        await assign_customer(db, code, extension, command_giver())
