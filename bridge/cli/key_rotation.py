"""`call-bridge keys rotate` and `keys retire`: a new key comes, an old one goes, and calls go on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json
from bridge.cli.session import command_giver, configuration, database, put_on_record
from bridge.config import Config
from bridge.rotation import NothingToContinue, Rotated
from bridge.rotation import Progress as Hears
from bridge.rotation import retire as retire_from
from bridge.rotation import rotate as rotate_ring
from bridge.store.data_keys import count_others
from bridge.unlock import key_source, unlock
from bridge.vault import KeyFile, KeyRing, read_key_ring

ToStdout = Annotated[
    bool,
    typer.Option(
        "--stdout", help="Print the new ring, to be piped to where systemd or a secret store has it."
    ),
]


def rotate(context: typer.Context, to_stdout: ToStdout = False, as_json: AsJson = False) -> None:
    """Put a new key into the ring and wrap every customer's data key by it; calls go on meanwhile.

    Interrupted, it is run again and goes on where it was. The old key stays in the ring until `keys retire`.
    Copy the key file again afterwards.
    """
    config = configuration(context)
    if to_stdout:
        print_ring(lambda: asyncio.run(_rotated_ring(config)))
        return
    rotated = asyncio.run(_rotate(config))
    if as_json:
        print_json(asdict(rotated))
    else:
        typer.echo(_told(rotated))
    if rotated.broken:
        raise CommandFailed(
            Exit.KEYS,
            f"The data keys of these customers open with no key of the ring: {_listed(rotated.broken)}. "
            "Restore them from a backup, or erase them: nobody can call them.",
        )


def _told(rotated: Rotated) -> str:
    begun = "Continued" if rotated.continued else "Done"
    return (
        f"{begun}: {rotated.current} is the current key; {rotated.rewrapped} data keys were wrapped by it.\n"
        "Copy the key ring again, apart from the copies of the database."
    )


def _listed(ids: tuple[int, ...]) -> str:
    shown = ", ".join(str(each) for each in ids[:20])
    return shown if len(ids) <= 20 else f"{shown} and {len(ids) - 20} more"


async def _rotate(config: Config) -> Rotated:
    async with database(config) as db:
        vault = await unlock(config.keys, db)
        source = key_source(config.keys)
        with _progress_bar() as progress:
            try:
                return await rotate_ring(source, db, vault, command_giver(), progress)
            except NothingToContinue:
                pass
    raise CommandFailed(
        Exit.REFUSED,
        "Every data key is wrapped by the current key, and call-bridge can't write to where this ring comes "
        "from. Pipe `call-bridge keys rotate --stdout` there, restart the daemon, and run this again.",
    )


@contextmanager
def _progress_bar() -> Iterator[Hears]:
    """Shown on a terminal alone; standard output stays the answer's."""
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


async def _rotated_ring(config: Config) -> KeyRing:
    async with database(config) as db:
        await unlock(config.keys, db)
        ring = read_key_ring(key_source(config.keys))
        async with db.read() as connection:
            unfinished = await count_others(connection, ring.current.id)
        if unfinished:
            raise CommandFailed(
                Exit.REFUSED, f"{unfinished} data keys wait for the last rotation: `call-bridge keys rotate`."
            )
        await put_on_record(db, "keys-rotate", ring.current.id, "printed a new ring")
        return ring.rotated()


def retire(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key, as `keys status` lists it.")],
    to_stdout: ToStdout = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Take a key out of the ring that wraps nothing any more. Backups made before the rotation need it.

    The daemon forgets it when it is restarted.
    """
    config = configuration(context)
    key_id = key_id.removeprefix("kek:")
    if not yes:
        typer.confirm(
            f"Backups of the database from before the rotation can't be read without {key_id}. Retire it?",
            abort=True,
            err=True,
        )
    in_file = isinstance(key_source(config.keys), KeyFile)
    if not in_file and not to_stdout:
        raise CommandFailed(
            Exit.REFUSED, "The ring is not in a file: pipe the output of --stdout to where it comes from."
        )
    if to_stdout:
        print_ring(lambda: asyncio.run(_retire(config, key_id)))
        return
    asyncio.run(_retire(config, key_id))
    typer.echo(
        f"{key_id} is retired. Restart the daemon, and delete old copies of the ring once no backup needs "
        "them any more."
    )


async def _retire(config: Config, key_id: str) -> KeyRing:
    async with database(config) as db:
        await unlock(config.keys, db)
        return await retire_from(key_source(config.keys), db, key_id, command_giver())


def print_ring(make: Callable[[], KeyRing]) -> None:
    """Make a ring and print it, into a pipe; on a terminal nothing is made."""
    if sys.stdout.isatty():
        raise CommandFailed(
            Exit.KEYS, "Keys don't belong on a terminal, which remembers them: pipe the output of --stdout."
        )
    typer.echo(make().dump(), nl=False)
