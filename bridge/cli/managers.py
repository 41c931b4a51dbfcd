"""`call-bridge managers`: who may call."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Final

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.rules import Role
from bridge.store.database import now_ms
from bridge.store.errors import UnknownManager
from bridge.store.managers import (
    Manager,
    add_manager,
    count_customers,
    disable_manager,
    list_managers,
    manager_by_extension,
)
from bridge.store.phones import forget_password, keep_password
from bridge.unlock import unlock

app = typer.Typer(
    help="The people who call, known by the extension of their phone on the PBX.", no_args_is_help=True
)

Extension = Annotated[str, typer.Argument(help="The extension: the name of their PJSIP endpoint.")]


_SIP_PASSWORD: Final = re.compile(r"[!-:<-~]{8,128}")
"""What pjsip.conf can hold: a semicolon begins a comment there. Guessed, it costs the shop money."""


class Language(StrEnum):
    """What a manager hears and sees exists in these."""

    EN = "en"
    RU = "ru"


@app.command()
def add(
    context: typer.Context,
    extension: Extension,
    name: Annotated[str, typer.Option("--name", help="Their name, for lists and the audit.")],
    role: Annotated[
        Role,
        typer.Option(
            "--role", help="A manager calls the customers assigned to them; the others call every customer."
        ),
    ] = Role.MANAGER,
    language: Annotated[
        Language | None, typer.Option("--language", help="What they hear and see; by default shop.language.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody call customers."""
    manager = asyncio.run(_add(configuration(context), extension, name, role, language))
    if as_json:
        print_json(asdict(manager))
    else:
        typer.echo(f"{manager.name} may call from extension {manager.extension}, as {manager.role}.")


async def _add(config: Config, extension: str, name: str, role: Role, language: Language | None) -> Manager:
    async with database(config) as db:
        spoken = language.value if language else None
        return await add_manager(db, name, extension, role.value, spoken, actor=command_giver())


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all managers, disabled ones too."""
    managers = asyncio.run(_list(configuration(context)))
    if as_json:
        print_json({"managers": [asdict(manager) for manager in managers]})
        return
    print_table(
        ("Extension", "Name", "Role", "Language", "May call"),
        [
            (each.extension, each.name, each.role, each.language, "no" if each.disabled else "yes")
            for each in managers
        ],
    )


async def _list(config: Config) -> list[Manager]:
    async with database(config) as db:
        return await list_managers(db)


@app.command()
def disable(
    context: typer.Context,
    extension: Extension,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Let a manager call no more. Their customers stay theirs until `orders assign` says otherwise."""
    config = configuration(context)
    manager, customers = asyncio.run(_look_up(config, extension))
    if manager.disabled:
        raise CommandFailed(Exit.REFUSED, f"{manager.name} ({extension}) is disabled already.")
    serves = f"{manager.name} ({extension}) serves {_counted(customers)}"
    if not yes:
        typer.confirm(f"{serves}. Disable them?", abort=True)
    asyncio.run(_disable(config, extension))
    typer.echo(f"{serves}, and can call no more." if yes else "They can call no more.")


def _counted(customers: int) -> str:
    return "one customer" if customers == 1 else f"{customers} customers"


async def _look_up(config: Config, extension: str) -> tuple[Manager, int]:
    async with database(config) as db:
        manager = await manager_by_extension(db, extension)
        if manager is None:
            raise UnknownManager(extension)
        return manager, await count_customers(db, extension)


async def _disable(config: Config, extension: str) -> None:
    async with database(config) as db:
        await disable_manager(db, extension, command_giver())


@app.command()
def phone(
    context: typer.Context,
    extension: Extension,
    forget: Annotated[
        bool, typer.Option("--forget", help="Take it back: their phone is set up from the desk no more.")
    ] = False,
) -> None:
    """Hand over the password of a manager's phone, so that they set it up themselves, from the desk.

    It is asked for without being shown, or read from standard input, and kept sealed.
    """
    config = configuration(context)
    if forget:
        if not asyncio.run(_forget_phone(config, extension)):
            raise CommandFailed(Exit.REFUSED, f"The phone of {extension} is not set up from the desk.")
        typer.echo(f"The phone of {extension} is set up from the desk no more.")
        return
    asyncio.run(_keep_phone(config, extension, _typed_password()))
    typer.echo(f"{extension} may set their phone up from the desk.")
    if config.desk.phones.server is None:
        typer.echo("desk.phones.server is null in config.yaml: say there where phones reach the PBX.")


def _typed_password() -> str:
    """It is never an argument, which others could see."""
    if sys.stdin.isatty():
        password = str(typer.prompt("The phone's SIP password (not shown)", hide_input=True))
    else:
        password = sys.stdin.readline()
    password = password.strip()
    if _SIP_PASSWORD.fullmatch(password) is None:
        raise CommandFailed(
            Exit.USAGE,
            "A phone's password is 8 to 128 letters, digits and signs, without spaces and ;.",
        )
    return password


async def _keep_phone(config: Config, extension: str, password: str) -> None:
    async with database(config) as db:
        sealer = (await unlock(config.keys, db)).program_secrets
        await keep_password(db, sealer, extension, password, actor=command_giver(), now_ms=now_ms())


async def _forget_phone(config: Config, extension: str) -> bool:
    async with database(config) as db:
        return await forget_password(db, extension, actor=command_giver(), now_ms=now_ms())
