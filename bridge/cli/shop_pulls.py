"""`call-bridge shops pull-from` and `shops pull`: shops that are asked for their orders."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console

from bridge.api.client import ApiClient, PulledPage
from bridge.api.errors import ApiUnavailable
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.shops import Login, PulledShop
from bridge.shops.plugins import load_shops
from bridge.store.database import Database, now_ms
from bridge.store.records import DAY_MS
from bridge.store.shop_pulls import pull_from, pull_no_more, pull_of
from bridge.store.shops import shop_named
from bridge.unlock import unlock
from bridge.webhooks.targets import UrlRefused, checked_site

_LONGEST: Final = 500

Name = Annotated[str, typer.Argument(help="The shop's name, as `shops list` has it.")]


def pull_from_(
    context: typer.Context,
    name: Name,
    site: Annotated[
        str | None, typer.Argument(metavar="URL", help="The shop's address, such as https://shop.example.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Ask it no more, and forget its login.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a shop for its orders, by a login for its API; and look once whether that works."""
    if stop == (site is not None):
        raise typer.BadParameter("Give the shop's address, or --stop.")
    config = configuration(context)
    if site is None:
        asyncio.run(_stop(config, name))
        typer.echo(f"{name} is asked for its orders no more.")
        return
    wanted = site_of(config, site)
    asyncio.run(_check_kind(config, name))
    found = asyncio.run(_pull_from(config, name, wanted, typed_login()))
    if as_json:
        print_json({"name": name, "pull_from": wanted, "found": found and found.model_dump()})
    else:
        tell_found(name, found)
    end_unless_it_works(name, found)


def pull(context: typer.Context, name: Name, as_json: AsJson = False) -> None:
    """Let the daemon ask a shop now for what has changed, and say what came of it."""
    config = configuration(context)
    asyncio.run(_look_up(config, name))
    with _progress() as progress:
        last, counted, pages = asyncio.run(_pull(config, name, progress))
    if as_json:
        told = {"said": last.said, "arrived": last.arrived, "pages": pages, "orders": dict(counted)}
        print_json(told)
    else:
        typer.echo(f"Pages: {pages}; orders: {_counted(counted)}.")
    if not last.arrived:
        raise CommandFailed(Exit.REFUSED, f"{name} gives no orders: {_meaning(last)}")


def site_of(config: Config, url: str) -> str:
    try:
        return checked_site(url, config.shops.private_networks)
    except UrlRefused as refused:
        raise typer.BadParameter(str(refused)) from None


def check_pullable(kind: str) -> None:
    plugin = load_shops().get(kind)
    if plugin is not None and not isinstance(plugin, PulledShop):
        raise typer.BadParameter(f"Shops of the kind {kind} can't be asked: its plug-in does not know how.")


def typed_login() -> Login:
    """Asked for, or the next two lines of standard input; never arguments, which others could see."""
    key = _typed("The key of the shop's API, or nothing where it gives out a token alone")
    secret = _typed("The secret, password or token of the shop's API")
    if not secret:
        raise CommandFailed(Exit.USAGE, "The secret of the shop's API is the second line, and is missing.")
    return Login(key, secret)


def _typed(what: str) -> str:
    if sys.stdin.isatty():
        text = str(typer.prompt(f"{what} (not shown)", hide_input=True, default="", show_default=False))
    else:
        text = sys.stdin.readline()
    text = text.strip()
    if len(text) > _LONGEST or not text.isprintable():
        raise CommandFailed(
            Exit.USAGE, f"What an API gives out is at most {_LONGEST} characters on one line."
        )
    return text


async def begin_pulling(config: Config, db: Database, name: str, site: str, login: Login) -> None:
    """On record. Raises UnknownShop."""
    sealer = (await unlock(config.keys, db)).program_secrets
    at_ms = now_ms()
    since_ms = at_ms - config.shops.first_days * DAY_MS
    await pull_from(db, sealer, name, site, login, since_ms=since_ms, actor=command_giver(), now_ms=at_ms)


async def try_out(config: Config, name: str) -> PulledPage | None:
    """What the daemon gets to see, which alone has to reach the shop; None where no daemon answers."""
    try:
        async with ApiClient(config.api.socket) as api:
            return await api.pull(name, take=False)
    except ApiUnavailable:
        return None


def tell_found(name: str, found: PulledPage | None) -> None:
    if found is None:
        typer.echo(
            f"{name} is asked for its orders as soon as the daemon runs: none answers now."
            f" `call-bridge shops pull {name}` then says how that goes."
        )
    elif found.arrived:
        more = ", and there are more pages" if found.more else ""
        typer.echo(f"{name} gives its orders. On the first page: {_counted(found.orders)}{more}.")


def end_unless_it_works(name: str, found: PulledPage | None) -> None:
    """Raises CommandFailed."""
    if found is not None and not found.arrived:
        raise CommandFailed(
            Exit.REFUSED,
            f"{name} gives no orders yet: {_meaning(found)} The daemon goes on asking;"
            f" `call-bridge shops pull-from {name} URL` gives it another address or login.",
        )


def _meaning(page: PulledPage) -> str:
    return f"{page.said}. docs/integrations.md says what that means."


def _counted(orders: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(orders.items())) or "none"


async def _pull_from(config: Config, name: str, site: str, login: Login) -> PulledPage | None:
    async with database(config) as db:
        await begin_pulling(config, db, name, site, login)
    return await try_out(config, name)


async def _check_kind(config: Config, name: str) -> None:
    async with database(config) as db:
        check_pullable((await shop_named(db, name)).kind)


async def _stop(config: Config, name: str) -> None:
    async with database(config) as db:
        await pull_no_more(db, name, actor=command_giver(), now_ms=now_ms())


async def _look_up(config: Config, name: str) -> None:
    """Raises UnknownShop, ShopNotPulled."""
    async with database(config) as db:
        await pull_of(db, name)


async def _pull(
    config: Config, name: str, progress: Callable[[int, Mapping[str, int]], None]
) -> tuple[PulledPage, Counter[str], int]:
    """Page by page, to the last. Returns that, how many orders by outcome, and how many pages."""
    counted: Counter[str] = Counter()
    pages = 0
    async with ApiClient(config.api.socket) as api:
        while True:
            page = await api.pull(name)
            counted.update(page.orders)
            pages += page.arrived
            progress(pages, counted)
            if not page.more:
                return page, counted, pages


@contextmanager
def _progress() -> Iterator[Callable[[int, Mapping[str, int]], None]]:
    """Takes pages and orders so far. Shown on a terminal alone; standard output stays the result's."""
    console = Console(stderr=True)
    with console.status("Asking the shop") as status:
        yield lambda pages, orders: status.update(f"Pages: {pages}; orders: {_counted(orders)}")
