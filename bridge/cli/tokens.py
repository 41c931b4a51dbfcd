"""`call-bridge tokens`: which programs may use the API for integrators, and for what."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.rules.scopes import Scope
from bridge.store.api_tokens import ApiToken, add_token, list_tokens, revoke_token
from bridge.store.database import now_ms

app = typer.Typer(help="Tokens of programs that use the API for integrators.", no_args_is_help=True)

_DAY_MS: Final = 24 * 3_600_000

Name = Annotated[str, typer.Argument(help="What the program is called: small letters and hyphens.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    scopes: Annotated[
        str, typer.Option("--scopes", help=f"What it may do, with commas between: {', '.join(Scope)}.")
    ],
    days: Annotated[
        int, typer.Option("--days", min=1, max=730, help="For how many days it is good (1-730).")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print it this once: it is kept as a hash alone."""
    granted = _scopes(scopes)
    token, text = asyncio.run(_add(configuration(context), name, granted, days))
    if as_json:
        print_json(_plain(token) | {"token": text})
        return
    typer.echo(f"For {token.name}, until {_day(token.ends_ms)}; it is not shown again:\n{text}")


def _scopes(text: str) -> frozenset[Scope]:
    words = {word.strip() for word in text.split(",")} - {""}
    if not words or not words <= set(Scope):
        raise typer.BadParameter(
            f"--scopes takes one or more of these, with commas between: {', '.join(Scope)}"
        )
    return frozenset(map(Scope, words))


async def _add(config: Config, name: str, scopes: frozenset[Scope], days: int) -> tuple[ApiToken, str]:
    async with database(config) as db:
        now = now_ms()
        return await add_token(
            db, name, scopes, ends_ms=now + days * _DAY_MS, actor=command_giver(), now_ms=now
        )


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all tokens, revoked and ended ones too. The tokens themselves are known to nobody here."""
    tokens = asyncio.run(_list(configuration(context)))
    if as_json:
        print_json({"tokens": [_plain(token) for token in tokens]})
        return
    print_table(
        ("Name", "Scopes", "Until", "Last used", "Good"),
        [
            (
                each.name,
                ", ".join(sorted(each.scopes)),
                _day(each.ends_ms),
                None if each.seen_ms is None else _day(each.seen_ms),
                "yes" if each.is_good(now_ms()) else "no",
            )
            for each in tokens
        ],
    )


async def _list(config: Config) -> list[ApiToken]:
    async with database(config) as db:
        return await list_tokens(db)


@app.command()
def revoke(context: typer.Context, name: Name) -> None:
    """Let a token be good no more, from the next request on."""
    asyncio.run(_revoke(configuration(context), name))
    typer.echo(f"The token {name} is good for nothing any more.")


async def _revoke(config: Config, name: str) -> None:
    async with database(config) as db:
        await revoke_token(db, name, actor=command_giver(), now_ms=now_ms())


def _plain(token: ApiToken) -> dict[str, Any]:
    return asdict(token) | {"scopes": sorted(token.scopes)}


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().date().isoformat()
