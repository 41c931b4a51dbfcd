"""`call-bridge call`, `calls` and `hang-up`: live calls, through the running daemon."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from bridge.api.client import ApiClient, LiveCall
from bridge.cli.printing import AsJson, print_json, print_table, table
from bridge.cli.session import configuration
from bridge.config import Config
from bridge.rules import LAST_PLACE
from bridge.store.database import now_ms

_SECONDS_BETWEEN_LOOKS: Final = 1.0
_HEADINGS: Final = ("Call", "Order", "Extension", "State", "Begun", "Talking")


def call(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="The order code of the customer to be called.")],
    extension: Annotated[str, typer.Option("--as", help="The extension of the manager who will talk.")],
    contact: Annotated[
        int,
        typer.Option(
            "--contact",
            min=1,
            max=LAST_PLACE,
            help="Which of the customer's numbers: its place in `orders show`.",
        ),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Call an order's customer: the manager's phone rings first, then the customer's."""
    placed = asyncio.run(_call(configuration(context), code, extension, contact))
    if as_json:
        print_json(placed.model_dump())
    else:
        typer.echo(f"Extension {placed.extension} is rung for order {placed.order}: call {placed.id}.")


async def _call(config: Config, code: str, extension: str, contact: int) -> LiveCall:
    async with ApiClient(config.api.socket) as api:
        return await api.place_call(code, extension, contact)


def calls(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Stay and follow them; Ctrl-C ends it.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the live calls; with --json, those of this moment."""
    config = configuration(context)
    if watch and not as_json:
        with suppress(KeyboardInterrupt):
            asyncio.run(_watch(config))
        return
    live = asyncio.run(_calls(config))
    if as_json:
        print_json({"calls": [each.model_dump() for each in live]})
    else:
        print_table(_HEADINGS, _rows(live))


async def _calls(config: Config) -> list[LiveCall]:
    async with ApiClient(config.api.socket) as api:
        return await api.calls()


async def _watch(config: Config) -> None:
    async with ApiClient(config.api.socket) as api:
        with Live(table(_HEADINGS, _rows(await api.calls())), console=Console(), auto_refresh=False) as live:
            while True:
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
                live.update(table(_HEADINGS, _rows(await api.calls())), refresh=True)


def _rows(live: list[LiveCall]) -> list[tuple[str, ...]]:
    now = now_ms()
    return [
        (
            each.id,
            each.order,
            each.extension,
            each.state,
            _ago(now, each.started_ms),
            "-" if each.answered_ms is None else _ago(now, each.answered_ms),
        )
        for each in live
    ]


def _ago(now: int, at_ms: int) -> str:
    """Minutes and seconds since then, such as 2:05."""
    minutes, seconds = divmod(max(0, now - at_ms) // 1000, 60)
    return f"{minutes}:{seconds:02}"


def hang_up(
    context: typer.Context,
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="The call's id, as `calls` lists it.")],
) -> None:
    """End a call, whatever its state."""
    asyncio.run(_hang_up(configuration(context), call_id))
    typer.echo(f"Call {call_id} is being hung up.")


async def _hang_up(config: Config, call_id: str) -> None:
    async with ApiClient(config.api.socket) as api:
        await api.hang_up(call_id)
