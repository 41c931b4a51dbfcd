"""`call-bridge apply`: what has changed in config.yaml and the PBX's files comes to whoever is running."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bridge.api.client import ApiClient, ConfigStatus
from bridge.api.errors import ApiUnavailable
from bridge.asterisk.ari import AriError
from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.pbx_files import (
    AsteriskEtc,
    Root,
    finish_what_was_interrupted,
    refuse_all_but_root,
    show_plan,
)
from bridge.cli.printing import shown
from bridge.cli.session import CONFIG_PLACES
from bridge.config import Config
from bridge.install.found import Found
from bridge.install.journal import Journal
from bridge.install.look import look
from bridge.install.plan import Plan, Secrets, answers_wanted, plan
from bridge.install.reload import reload_modules


def apply(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Write what is to be written without asking.")] = False,
    root: Root = Path("/"),
    asterisk_etc: AsteriskEtc = Path("/etc/asterisk"),
) -> None:
    """Let the running Asterisk and the daemon go by their files: calls in progress go on.

    What config.yaml wants in Asterisk's files and is not there yet is shown, and written after a question.
    Then Asterisk reads its dialplan and its SIP settings again, and the daemon config.yaml. What changes at a
    restart alone is said.
    """
    refuse_all_but_root(root)
    root = root.absolute()
    journal = Journal(root)
    finish_what_was_interrupted(journal)
    found = look(root, asterisk_etc, context.obj or CONFIG_PLACES[-1])
    config = found.config
    if config is None or answers_wanted(found):
        raise CommandFailed(
            Exit.REFUSED, "call-bridge is not set up on this PBX yet: `call-bridge init` does that."
        )
    made = plan(found, None, Secrets.fresh())
    if made.changes:
        show_plan(made, found)
        if not yes and not typer.confirm("Write this?"):
            raise typer.Abort
        journal.write(made, found.files)
    troubles = [*_reload_asterisk(found, config), *_reload_daemon(config)]
    for words in _restarts(made):
        typer.echo(words)
    for words in troubles:
        typer.echo(words, err=True)
    if troubles:
        raise typer.Exit(Exit.UNAVAILABLE)


def _reload_asterisk(found: Found, config: Config) -> Iterator[str]:
    """By ARI, whose user may do so anyway: whoever may by AMI may read passwords and list calls, too."""
    asterisk = config.asterisk
    try:
        password = found.places.ari_password.read_text(encoding="ascii").strip()
        asyncio.run(reload_modules(asterisk.ari_url, asterisk.ari_user, password))
    except (AriError, TimeoutError):
        yield f"Asterisk does not answer at {asterisk.ari_url}, so it was not reloaded: restart it."
    else:
        typer.echo("Asterisk has read its dialplan and its SIP settings again.")


def _reload_daemon(config: Config) -> Iterator[str]:
    try:
        now = asyncio.run(_ask_daemon(config))
    except ApiUnavailable as error:
        yield f"The daemon was not reloaded: {error}"
        return
    for problem in now.problems:
        yield f"The daemon goes on by its old configuration: {shown(problem)}"
    if now.restart_for:
        yield (
            f"The daemon goes on by its old configuration, as these change at a restart alone: "
            f"{', '.join(now.restart_for)}. `systemctl restart call-bridge`; conversations go on meanwhile."
        )
    if not (now.problems or now.restart_for):
        typer.echo(f"The daemon goes by {shown(now.path)}.")


async def _ask_daemon(config: Config) -> ConfigStatus:
    async with ApiClient(config.api.socket) as api:
        return await api.reload()


def _restarts(made: Plan) -> Iterator[str]:
    names = {change.path.name for change in made.changes}
    if "manager.conf" in names:
        yield "AMI has another user now: `asterisk -rx 'manager reload'`."
    if names & {"http.conf", "ari.conf"}:
        yield "ARI has changed: restart Asterisk when there is no call."
    if any(name.startswith("call-bridge") and name.endswith(".service") for name in names):
        yield "Units have changed: `systemctl daemon-reload`."
