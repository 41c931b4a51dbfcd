"""`call-bridge shops`: which shops send their orders by webhooks of their own."""

from __future__ import annotations

import asyncio
import secrets
import string
import sys
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.shops.plugins import kinds
from bridge.store.database import now_ms
from bridge.store.shops import ShopSource, add_shop, list_shops, remove_shop
from bridge.unlock import unlock

app = typer.Typer(help="Shops that send their orders by webhooks of their own.", no_args_is_help=True)

_SECRET_LENGTH: Final = 45
"""Letters, so that it can be part of an address: 256 bits."""

_LONGEST_SECRET: Final = 200

Name = Annotated[str, typer.Argument(help="What the shop is called: small letters and hyphens.")]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    kind: Annotated[str, typer.Option("--kind", help="woocommerce, insales, or a plug-in's own.")],
    managers: Annotated[
        str, typer.Option("--managers", help="Who is given its customers: extensions, with commas between.")
    ],
    own_secret: Annotated[
        bool,
        typer.Option("--own-secret", help="Ask for a secret that the shop has made, in place of making one."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let a shop send its orders, and print the secret that it signs them with, this once."""
    if kind not in kinds():
        raise typer.BadParameter(f"--kind is one of these: {', '.join(sorted(kinds()))}")
    extensions = [word.strip() for word in managers.split(",") if word.strip()]
    if not extensions:
        raise typer.BadParameter("--managers takes one extension or more, with commas between")
    config = configuration(context)
    secret = _typed_secret() if own_secret else _new_secret()
    shop = asyncio.run(_add(config, name, kind, secret, extensions))
    if as_json:
        print_json(_plain(shop) | ({} if own_secret else {"secret": secret}))
        return
    typer.echo(f"{shop.name} sends its orders to /v1/shops/{shop.name}/orders.")
    if not own_secret:
        typer.echo(f"Its secret is not shown again:\n{secret}")


def _new_secret() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(_SECRET_LENGTH))


def _typed_secret() -> str:
    """It is never an argument, which others could see."""
    if sys.stdin.isatty():
        secret = str(typer.prompt("The shop's secret (not shown)", hide_input=True))
    else:
        secret = sys.stdin.readline()
    secret = secret.strip()
    if not secret or len(secret) > _LONGEST_SECRET or not secret.isprintable():
        raise CommandFailed(
            Exit.USAGE, f"A secret is a text of 1 to {_LONGEST_SECRET} characters on one line."
        )
    return secret


async def _add(config: Config, name: str, kind: str, secret: str, extensions: list[str]) -> ShopSource:
    async with database(config) as db:
        sealer = (await unlock(config.keys, db)).program_secrets
        return await add_shop(
            db, sealer, name, kind, secret, extensions, actor=command_giver(), now_ms=now_ms()
        )


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all, and when each last sent something."""
    shops = asyncio.run(_list(configuration(context)))
    if as_json:
        print_json({"shops": [_plain(shop) for shop in shops]})
        return
    print_table(
        ("Name", "Kind", "Managers", "Last sent", "Plug-in"),
        [
            (
                each.name,
                each.kind,
                ", ".join(each.managers),
                _time(each.seen_ms),
                "yes" if each.kind in kinds() else "missing",
            )
            for each in shops
        ],
    )


async def _list(config: Config) -> list[ShopSource]:
    async with database(config) as db:
        return await list_shops(db)


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Take no more orders from a shop. Those that it has brought stay."""
    asyncio.run(_remove(configuration(context), name))
    typer.echo(f"{name} sends no more orders.")


async def _remove(config: Config, name: str) -> None:
    async with database(config) as db:
        await remove_shop(db, name, actor=command_giver(), now_ms=now_ms())


def _plain(shop: ShopSource) -> dict[str, Any]:
    return {
        "name": shop.name,
        "kind": shop.kind,
        "managers": list(shop.managers),
        "created_ms": shop.created_ms,
        "seen_ms": shop.seen_ms,
    }


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(sep=" ", timespec="minutes")
