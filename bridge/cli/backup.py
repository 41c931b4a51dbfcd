"""`call-bridge backup` and `restore`: copies of the database, which never hold a key."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DatabaseError

from bridge.api.client import ApiClient
from bridge.api.errors import ApiUnavailable
from bridge.cli.audit import in_words
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json
from bridge.cli.session import command_giver, configuration, database, private_folder, put_on_record
from bridge.config import Config
from bridge.intake.masking import without_numbers
from bridge.store.audit import AuditEntry, last_row, write_entry
from bridge.store.backups import Contents, damaged, discard, examine, has_row, put_in_place, stage, sync
from bridge.store.database import Database, now_ms
from bridge.store.do_not_call import Request, all_requests, carry_over
from bridge.store.erasure import blank_customer, erased_customers
from bridge.store.errors import DatabaseUnusable
from bridge.unlock import unlock
from bridge.vault import AuditSigner, VaultError


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; nothing is overwritten.")],
    as_json: AsJson = False,
) -> None:
    """Copy the database while the daemon runs, and check the copy. The keys are not in it.

    Ends with the exit code for an altered audit where the audit is not whole; the copy is there all the same.
    """
    contents = asyncio.run(_backup(configuration(context), file))
    _print(file, contents, as_json=as_json)


async def _backup(config: Config, file: Path) -> Contents:
    async with database(config) as db:
        signer = await _signer(config, db)
        await put_on_record(db, "backup", without_numbers(file.name))
        await db.copy_to(file)
    try:
        async with await Database.open(file) as copy:
            contents = await examine(copy, signer)
        sync(file)
        sync(file.parent)
    except BaseException:
        discard(file)  # what can't be relied on is no backup
        raise
    return contents


async def _signer(config: Config, db: Database) -> AuditSigner | None:
    """What the audit is verified with; a database is worth copying without it, too."""
    with suppress(VaultError):
        return (await unlock(config.keys, db)).audit_signer
    return None


def _print(file: Path, contents: Contents, *, as_json: bool) -> None:
    """Tell what a copy holds. Ends the command where its audit is not whole."""
    if as_json:
        print_json(asdict(contents))
    else:
        typer.echo(_told(file, contents))
    if contents.audit is not None and contents.audit.fault is not None:
        raise typer.Exit(Exit.AUDIT_ALTERED)


def _told(file: Path, contents: Contents) -> str:
    newest = contents.newest_ms
    when = "nothing on record" if newest is None else f"on record until {_local(newest)}"
    held = f"{contents.customers} customers, {contents.orders} orders, {when}"
    checked = "The audit was not verified, for the keys can't be read."
    if contents.audit is not None:
        checked = in_words(contents.audit)
    return f"{without_numbers(str(file))} is sound: {held}.\n{checked}"


def _local(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(" ", "seconds")


@dataclass(frozen=True, slots=True)
class _Restored:
    kept: Path
    erased_again: list[int] | None
    """None where the replaced database could not tell who has been erased."""
    not_to_call: int
    """How many numbers were put on the do-not-call list again."""


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `call-bridge backup` has written.")],
    verify: Annotated[bool, typer.Option("--verify", help="Only check it; replace nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the database, which is kept beside it. The daemon must be stopped.

    Whoever was erased since the backup was made is erased from it. Needs the keys that it was sealed with.
    """
    config = configuration(context)
    private_folder(config.store.path.parent)
    if not verify:
        asyncio.run(_refuse_while_serving(config))
    staged = stage(file, config.store.path)
    try:
        contents = asyncio.run(_examine_staged(config, file, staged))
        if verify:
            _print(file, contents, as_json=as_json)
            return
        typer.echo(_told(file, contents), err=as_json)
        if not yes:
            typer.confirm(
                f"Put it in the place of {config.store.path}? What happened since is kept beside it.",
                abort=True,
                err=as_json,
            )
        restored = asyncio.run(_restore(config, file, staged))
    finally:
        discard(staged)
    if as_json:
        print_json(
            {
                "kept": str(restored.kept),
                "erased_again": restored.erased_again,
                "not_to_call_again": restored.not_to_call,
            }
        )
    else:
        typer.echo(_what_was_done(restored))


def _what_was_done(restored: _Restored) -> str:
    if restored.erased_again is None:
        erased = (
            "It could not be found out who was erased since the backup was made: "
            "erase them again, `audit show --act erase` of your records says whom. Nor could it be found out "
            "who has asked since not to be called."
        )
    else:
        erased = (
            f"Customers erased since, and erased again: {len(restored.erased_again)}.\n"
            f"Numbers not to be called since, and not to be called again: {restored.not_to_call}."
        )
    return f"Restored. What was there is kept as {restored.kept}.\n{erased}\nNow start the daemon."


async def _refuse_while_serving(config: Config) -> None:
    """The daemon would go on with the file that has been moved away."""
    with suppress(ApiUnavailable):
        async with ApiClient(config.api.socket) as api:
            await api.ready()
        raise CommandFailed(Exit.REFUSED, "The daemon is running: stop it first, and start it afterwards.")


async def _examine_staged(config: Config, file: Path, staged: Path) -> Contents:
    """Bring the copy's tables up to date, and check it and that the keys are its own."""
    try:
        async with await Database.open(staged, migrate=True) as db:
            vault = await unlock(config.keys, db)
            return await examine(db, vault.audit_signer)
    except DatabaseUnusable as unusable:
        trouble = DatabaseUnusable(file, unusable.trouble, unusable.remedy)
    except DatabaseError:
        trouble = damaged(file)
    raise trouble


async def _restore(config: Config, file: Path, staged: Path) -> _Restored:
    async with await Database.open(staged) as db:
        await unlock(config.keys, db)
        since = await _since(config, db)
        async with db.write() as connection:
            again = [each for each in since.erased if await blank_customer(connection, each)] if since else []
            not_to_call = await carry_over(connection, since.requests) if since else 0
            detail = f"erased again: {', '.join(map(str, again))}" if again else ""
            entry = AuditEntry(now_ms(), command_giver(), "restore", without_numbers(file.name), detail)
            await write_entry(connection, entry)
        await db.forget_old_pages()
    await _refuse_while_serving(config)
    path = config.store.path
    kept = path.with_name(f"{path.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    put_in_place(staged, path, kept)
    return _Restored(kept, None if since is None else again, not_to_call)


@dataclass(frozen=True, slots=True)
class _Since:
    """What people have asked for that a restored backup must not undo."""

    erased: list[int]
    requests: list[Request]


async def _since(config: Config, backup_of_it: Database) -> _Since | None:
    """Who is erased, and not to be called, in the database that is replaced.

    None where it can't be read, or doesn't continue the backup: the same id could be another customer's.
    """
    last = await last_row(backup_of_it)
    try:
        async with await Database.open(config.store.path, migrate=True) as db:
            if last is None or not await has_row(db, last):
                return None
            return _Since(await erased_customers(db), await all_requests(db))
    except (DatabaseUnusable, DatabaseError):
        return None
