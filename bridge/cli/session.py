"""What a command works with: the configuration, the open database, the keys, and who gave the command."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.config import Config, load_config
from bridge.store.audit import AuditEntry, write_entry
from bridge.store.database import Database, now_ms
from bridge.unlock import sign_audit

CONFIG_PLACES: Final = (Path("config.yaml"), Path("/etc/call-bridge/config.yaml"))
"""Where the configuration is looked for when neither --config nor $CALL_BRIDGE_CONFIG names one."""


def config_path(context: typer.Context) -> Path:
    """The configuration file: the one that was named, or the first in `CONFIG_PLACES`."""
    named: Path | None = context.obj
    if named is not None:
        return named
    for place in CONFIG_PLACES:
        if place.exists():
            return place
    raise CommandFailed(
        Exit.CONFIG,
        f"There is no configuration at {' or '.join(map(str, CONFIG_PLACES))}: "
        "name one with --config or $CALL_BRIDGE_CONFIG.",
    )


def configuration(context: typer.Context) -> Config:
    """Raises ConfigError."""
    return load_config(config_path(context))


def private_folder(folder: Path) -> None:
    """Make a folder for this user alone where there is none yet; one that exists stays as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@asynccontextmanager
async def database(config: Config) -> AsyncIterator[Database]:
    """The shop's database, made or brought up to date where it is not. Raises DatabaseUnusable."""
    private_folder(config.store.path.parent)
    async with await Database.open(config.store.path, migrate=True) as db:
        await sign_audit(config.keys, db)
        yield db


def typed_phone() -> str:
    """A number: asked for without being shown, or read from standard input. It is never an argument."""
    if sys.stdin.isatty():
        return str(typer.prompt("Phone (not shown)", hide_input=True))
    return sys.stdin.readline().strip()


async def put_on_record(db: Database, act: str, subject: str, detail: str = "") -> None:
    """Write to the audit what this command does outside the database, before it is done.

    What is done within the database goes on record in the same commit: the functions of the store see to it.
    """
    async with db.write() as connection:
        await write_entry(connection, AuditEntry(now_ms(), command_giver(), act, subject, detail))


def command_giver() -> str:
    """Who runs this command, as the audit names them: `cli:alice`."""
    return f"cli:{_unix_user()}"


def _unix_user() -> str:
    """The name of the process's user, or its number where it has none; $USER is only what someone says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
