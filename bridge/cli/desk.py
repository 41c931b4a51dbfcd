"""`call-bridge desk`: the web desk, and how people come to it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from bridge.api.desk.shapes import INVITATION_PATH
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config, Desk
from bridge.desk.settings import DeskSettings
from bridge.logs import set_up_logs
from bridge.store.accounts import Invited
from bridge.store.accounts import invite as invite_manager
from bridge.store.database import now_ms

app = typer.Typer(help="The web desk, on which managers work.", no_args_is_help=True)


@app.command()
def serve(context: typer.Context) -> None:
    """Run the desk's web server, as a user who may open api.desk_socket and nothing else. SIGTERM ends it.

    It needs no keys and opens no database. Without a daemon it runs, and its pages say so.
    """
    from bridge.desk.server import AddressUnusable, run  # noqa: PLC0415 - no other command needs the pages

    config = configuration(context)
    set_up_logs(config.log.level, config.log.format)
    try:
        run(_settings(config))
    except AddressUnusable as error:
        message = f"The desk did not start: desk.listen: {config.desk.listen} can't be used ({error})."
        raise CommandFailed(Exit.NOT_STARTED, message) from None
    except OSError as error:
        raise CommandFailed(Exit.NOT_STARTED, f"The desk did not start: desk.tls: {error}.") from None


def _settings(config: Config) -> DeskSettings:
    host, _, port = config.desk.listen.rpartition(":")
    return DeskSettings(
        socket=config.api.desk_socket,
        origin=origin(config.desk),
        timezone=config.shop.timezone,
        language=config.shop.language,
        host=host.strip("[]"),
        port=int(port),
        certificate=config.desk.tls.certificate,
        key=config.desk.tls.key,
        websocket=config.desk.phones.websocket,
    )


@app.command()
def invite(
    context: typer.Context,
    extension: Annotated[str, typer.Argument(help="The extension of a manager who is known already.")],
    as_json: AsJson = False,
) -> None:
    """Print a link by which somebody sets a password, once, within a day. What they had before is void."""
    config = configuration(context)
    invited = asyncio.run(_invite(config, extension))
    link = origin(config.desk) + INVITATION_PATH.format(token=invited.token)
    if as_json:
        print_json({"link": link, "ends_ms": invited.ends_ms})
        return
    ends = datetime.fromtimestamp(invited.ends_ms / 1000).astimezone().isoformat(" ", "minutes")
    typer.echo(f"For {extension} alone, once, until {ends}:\n{link}")


async def _invite(config: Config, extension: str) -> Invited:
    async with database(config) as db:
        return await invite_manager(db, extension, actor=command_giver(), now_ms=now_ms())


def origin(desk: Desk) -> str:
    """How the desk's addresses begin in a browser."""
    if desk.url is not None:
        return desk.url
    return f"{'http' if desk.tls.certificate is None else 'https'}://{desk.listen}"
