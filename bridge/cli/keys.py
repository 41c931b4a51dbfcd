"""`call-bridge keys`: making a key ring, and telling whether it is the one of the database."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.key_rotation import print_ring, retire, rotate
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database, private_folder
from bridge.config import Config, Keys
from bridge.store.key_checks import enrol_keys, known_checks
from bridge.unlock import key_source
from bridge.vault import KeyRing, KeyUnusable, Vault, read_key_ring, write_key_file

app = typer.Typer(help="The keys that seal and open numbers. No command shows one.", no_args_is_help=True)
app.command("rotate")(rotate)
app.command("retire")(retire)


@app.command()
def new(
    context: typer.Context,
    to_stdout: Annotated[
        bool,
        typer.Option(
            "--stdout",
            help="Print the ring instead, to be piped into systemd-creds or a secret store.",
        ),
    ] = False,
) -> None:
    """Make a shop's first key ring, in the file that keys.file names. Nothing is ever overwritten.

    Keep a copy of it, apart from the copies of the database: without it no number can be read again.
    """
    if to_stdout:
        print_ring(KeyRing.new)
        return
    config = configuration(context)
    if config.keys.file is None:
        raise CommandFailed(Exit.KEYS, _how_to_store(config.keys))
    asyncio.run(_write_new_ring(config))
    typer.echo(
        f"The keys are in {config.keys.file}. Keep a copy of it, apart from the copies of the database."
    )


def _how_to_store(keys: Keys) -> str:
    if keys.credential is not None:
        return (
            f"keys.credential takes the keys from systemd. Make them as root, where they will be used:\n"
            f"  call-bridge keys new --stdout | systemd-creds encrypt --name={keys.credential} - "
            f"/etc/credstore.encrypted/{keys.credential}\n"
            f"and let the unit load them: LoadCredentialEncrypted={keys.credential}"
        )
    return (
        f"keys.environment takes the keys from ${keys.environment}: pipe `call-bridge keys new --stdout` "
        "into the secret store that sets this variable."
    )


async def _write_new_ring(config: Config) -> None:
    assert config.keys.file is not None  # noqa: S101 - `new` has told the other cases apart
    ring = KeyRing.new()
    async with database(config) as db:
        if await known_checks(db) and not config.keys.file.exists():
            raise KeyUnusable(
                "This database has been sealed with other keys, and new ones would not open it: "
                "restore the key ring from its copy."
            )
        private_folder(config.keys.file.parent)
        write_key_file(config.keys.file, ring)
        vault = Vault(ring)
        db.sign_audit_with(vault.audit_signer)
        await enrol_keys(db, vault.key_check(), ring.current.id, command_giver())


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the keys' ids, which one is current, and whether they are those of the database.

    Ends with the exit code for keys when one is not, or is missing.
    """
    config = configuration(context)
    ring = read_key_ring(key_source(config.keys))
    known = asyncio.run(_known(config))
    rows = _compared(ring, known)
    if as_json:
        print_json({"keys": [dict(zip(("key", "use", "database"), row, strict=True)) for row in rows]})
    else:
        print_table(("Key", "Use", "In this database"), rows)
    if any(verdict in ("different", "missing") for _, _, verdict in rows):
        raise CommandFailed(
            Exit.KEYS, "These are not the keys of this database: restore the right ring from its copy."
        )


async def _known(config: Config) -> dict[str, bytes]:
    async with database(config) as db:
        return await known_checks(db)


def _compared(ring: KeyRing, known: dict[str, bytes]) -> list[tuple[str, str, str]]:
    """Key, use, and how it stands to the database's check values: the same, different, new or missing."""
    checks = Vault(ring).key_check()
    rows = []
    for name, value in checks.items():
        verdict = "new" if name not in known else "the same" if known[name] == value else "different"
        rows.append((name, _use(name, ring), verdict))
    return rows + [(name, "unknown", "missing") for name in known if name not in checks]


def _use(name: str, ring: KeyRing) -> str:
    if not name.startswith("kek:"):
        return "fixed"
    return "current" if name == f"kek:{ring.current.id}" else "older"
