"""What a command works with: the configuration, the open database, the keys, and who gave the command."""

from __future__ import annotations

import os
import pwd
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
        yield db


async def put_on_record(db: Database, act: str, subject: str, detail: str = "") -> None:
    """Write what this command has done to the audit, in the name of the Unix user who gave it."""
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
