"""`call-bridge shops`: which shops send their orders by webhooks of their own, or are asked for them."""

from __future__ import annotations

import asyncio
import secrets
import string
import sys
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from bridge.api.client import PulledPage
from bridge.cli import shop_pulls
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.shops import Login
from bridge.shops.plugins import kinds
from bridge.store.database import now_ms
from bridge.store.shop_pulls import Pull, list_pulls
from bridge.store.shops import ShopSource, add_shop, list_shops, remove_shop
from bridge.unlock import unlock

app = typer.Typer(help="Shops that send their orders, or are asked for them.", no_args_is_help=True)
app.command("pull-from")(shop_pulls.pull_from_)
app.command("pull")(shop_pulls.pull)

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
    pull_from: Annotated[
        str | None,
        typer.Option(
            "--pull-from",
            metavar="URL",
            help="Ask the shop there for its orders, by a login for its API, which is asked for.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a shop send its orders, and print the secret that it signs them with, this once."""
    if kind not in kinds():
        raise typer.BadParameter(f"--kind is one of these: {', '.join(sorted(kinds()))}")
    extensions = [word.strip() for word in managers.split(",") if word.strip()]
    if not extensions:
        raise typer.BadParameter("--managers takes one extension or more, with commas between")
    config = configuration(context)
    site = None if pull_from is None else shop_pulls.site_of(config, pull_from)
    if site is not None:
        shop_pulls.check_pullable(kind)
    secret = _typed_secret() if own_secret else _new_secret()
    login = None if site is None else shop_pulls.typed_login()
    shop = asyncio.run(_add(config, name, kind, secret, extensions, site, login))
    found = None if site is None else asyncio.run(shop_pulls.try_out(config, name))
    if as_json:
        print_json(_plain_added(shop, None if own_secret else secret, site, found))
    else:
        _tell_added(shop, None if own_secret else secret, site, found)
    shop_pulls.end_unless_it_works(name, found)


def _plain_added(
    shop: ShopSource, secret: str | None, site: str | None, found: PulledPage | None
) -> dict[str, Any]:
    told = _plain(shop, None) | ({} if secret is None else {"secret": secret})
    return told if site is None else told | {"pull_from": site, "found": found and found.model_dump()}


def _tell_added(shop: ShopSource, secret: str | None, site: str | None, found: PulledPage | None) -> None:
    if site is not None:
        shop_pulls.tell_found(shop.name, found)
    may = "sends" if site is None else "may send as well, with no need to,"
    typer.echo(f"{shop.name} {may} its orders to /v1/shops/{shop.name}/orders.")
    if secret is not None:
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


async def _add(
    config: Config,
    name: str,
    kind: str,
    secret: str,
    extensions: list[str],
    site: str | None,
    login: Login | None,
) -> ShopSource:
    async with database(config) as db:
        sealer = (await unlock(config.keys, db)).program_secrets
        added = await add_shop(
            db, sealer, name, kind, secret, extensions, actor=command_giver(), now_ms=now_ms()
        )
        if site is not None and login is not None:
            await shop_pulls.begin_pulling(config, db, name, site, login)
    return added


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all, when each last sent something or was asked, and what was wrong last."""
    shops, pulls = asyncio.run(_list(configuration(context)))
    if as_json:
        print_json({"shops": [_plain(shop, pulls.get(shop.id)) for shop in shops]})
        return
    print_table(
        ("Name", "Kind", "Managers", "Last sent", "Last pulled", "What is wrong", "Plug-in"),
        [
            (
                each.name,
                each.kind,
                ", ".join(each.managers),
                _time(each.seen_ms),
                _last_pulled(pulls.get(each.id)),
                _wrong(pulls.get(each.id)),
                "yes" if each.kind in kinds() else "missing",
            )
            for each in shops
        ],
    )


async def _list(config: Config) -> tuple[list[ShopSource], dict[int, Pull]]:
    async with database(config) as db:
        return await list_shops(db), {pull.shop_id: pull for pull in await list_pulls(db)}


def _last_pulled(pull: Pull | None) -> str | None:
    """Empty for a shop that is not asked."""
    if pull is None:
        return None
    return _time(pull.pulled_ms) or "not yet"


def _wrong(pull: Pull | None) -> str | None:
    if pull is None or pull.failing_since_ms is None:
        return None
    return f"{pull.said}, since {_time(pull.failing_since_ms)}"


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Take no more orders from a shop. Those that it has brought stay."""
    asyncio.run(_remove(configuration(context), name))
    typer.echo(f"No more orders are taken from {name}.")


async def _remove(config: Config, name: str) -> None:
    async with database(config) as db:
        await remove_shop(db, name, actor=command_giver(), now_ms=now_ms())


def _plain(shop: ShopSource, pull: Pull | None) -> dict[str, Any]:
    told = {
        "name": shop.name,
        "kind": shop.kind,
        "managers": list(shop.managers),
        "created_ms": shop.created_ms,
        "seen_ms": shop.seen_ms,
    }
    if pull is None:
        return told
    return told | {
        "pull_from": pull.site,
        "pulled_ms": pull.pulled_ms,
        "said": pull.said,
        "failing_since_ms": pull.failing_since_ms,
    }


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(sep=" ", timespec="minutes")
