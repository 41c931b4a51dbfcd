"""`call-bridge panic`: stop all calls, now, whether or not the daemon runs."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final

import typer

from bridge.api.client import ApiClient
from bridge.api.errors import ApiProblem, ApiUnavailable
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, shown
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.intake.masking import without_numbers
from bridge.store.database import now_ms
from bridge.store.panic import Panic, begin_panic, current_panic, end_panic

app = typer.Typer(help="Stop all calls, and allow them again.", invoke_without_command=True)

_LONGEST_REASON: Final = 200


@app.callback()
def panic(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit and the others.")] = "",
    hang_up: Annotated[bool, typer.Option("--hang-up", help="End the calls in progress too.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Allow calls again.")] = False,
) -> None:
    """Stop all calls: from now on none is placed, until `panic --off`. Conversations go on."""
    if context.invoked_subcommand is not None:
        return
    config = configuration(context)
    if off:
        if reason or hang_up:
            raise typer.BadParameter("--off goes with no other option")
        asyncio.run(_end(config))
        typer.echo("Calls are placed again.")
        return
    typer.echo(f"No call is placed: {_told(asyncio.run(_begin(config, reason)))}")
    typer.echo("`call-bridge panic --off` allows calls again.")
    if hang_up:
        ended = asyncio.run(_hang_up_all(config))
        typer.echo(f"Calls that are being hung up: {ended}.")


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say whether all calls are stopped, by whom, since when and why."""
    panic = asyncio.run(_current(configuration(context)))
    if as_json:
        print_json({"panic": None if panic is None else asdict(panic)})
    else:
        typer.echo("Calls are placed." if panic is None else f"No call is placed: {_told(panic)}")


async def _begin(config: Config, reason: str) -> Panic:
    # Typed in a hurry, and kept in the clear: a number that somebody pasted into it stays out.
    kept = shown(without_numbers(reason))[:_LONGEST_REASON] if reason else ""
    async with database(config) as db:
        return await begin_panic(db, Panic(now_ms(), command_giver(), kept))


async def _end(config: Config) -> None:
    async with database(config) as db:
        if not await end_panic(db, command_giver(), now_ms()):
            raise CommandFailed(Exit.REFUSED, "There is no panic: calls are placed.")


async def _current(config: Config) -> Panic | None:
    async with database(config) as db:
        return await current_panic(db)


async def _hang_up_all(config: Config) -> int:
    try:
        async with ApiClient(config.api.socket) as api:
            return sum([await _hang_up(api, call.id) for call in await api.calls()])
    except ApiUnavailable as error:
        raise CommandFailed(
            Exit.UNAVAILABLE,
            f"No call is placed, but those in progress go on: {error}\n"
            'Without the daemon, this ends every call of the PBX: asterisk -rx "channel request hangup all"',
        ) from None


async def _hang_up(api: ApiClient, call_id: str) -> bool:
    try:
        await api.hang_up(call_id)
    except ApiProblem as problem:
        if problem.reason != "no-such-call":  # it has ended meanwhile
            raise
        return False
    return True


def _told(panic: Panic) -> str:
    since = datetime.fromtimestamp(panic.since_ms / 1000).astimezone().isoformat(" ", "seconds")
    why = f" ({panic.reason})" if panic.reason else ""
    return f"stopped by {panic.actor} at {since}{why}."
