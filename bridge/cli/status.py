"""`call-bridge status`: whether a call could be placed now, and what a sysadmin asks next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime

import typer

from bridge.api.client import ApiClient, ConfigStatus, LoggedError, Status
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, shown
from bridge.cli.session import configuration
from bridge.config import Config


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say how the daemon is: ready or why not, since when, its calls, errors and configuration."""
    now = asyncio.run(_ask(configuration(context)))
    if as_json:
        print_json(now.model_dump())
    else:
        typer.echo(f"ready: {_readiness(now)}")
        for name, told in _facts(now):
            typer.echo(f"{name}: {shown(told)}")
    raise typer.Exit(Exit.DONE if now.ready else Exit.UNAVAILABLE)


async def _ask(config: Config) -> Status:
    async with ApiClient(config.api.socket) as api:
        return await api.status()


def _readiness(now: Status) -> str:
    hindrances = {
        "it has no link to Asterisk": not now.link,
        "it is sealed, as it has no usable keys": now.sealed,
        "somebody has stopped all calls (`call-bridge panic status`)": now.panic,
        "it is being stopped": now.stopping,
    }
    why_not = "; ".join(words for words, holds in hindrances.items() if holds)
    return f"no: {why_not}" if why_not else "yes"


def _facts(now: Status) -> Iterator[tuple[str, str]]:
    yield "version", f"{now.version}, running since {_moment(now.started_ms)}"
    yield (
        "Asterisk",
        f"connected since {_moment(now.link_since_ms)}" if now.link_since_ms else "not connected",
    )
    yield "carrier", "up" if now.carrier_up else "down"
    yield "calls", f"{now.calls}, of which conversations: {now.conversations}"
    yield "records not yet on disk", str(now.backlog)
    yield "last error", _error(now.last_error)
    yield from _configuration(now.config)


def _error(last: LoggedError | None) -> str:
    if last is None:
        return "none"
    kind = f" ({last.error})" if last.error else ""
    return f"{_moment(last.at_ms)} {last.event}{kind}"


def _configuration(config: ConfigStatus) -> Iterator[tuple[str, str]]:
    yield "configuration", f"{config.path}, loaded {_moment(config.loaded_ms)}"
    if config.changed_on_disk:
        yield "configuration on disk", "another since; check it with `call-bridge check-config`, then reload"
    for problem in config.problems:
        yield "last reload refused", problem
    for key in config.restart_for:
        yield "last reload refused", f"{key} changes at a restart alone"


def _moment(at_ms: int) -> str:
    """In local time, such as 2026-07-01 09:30:00+01:00."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(" ", "seconds")
