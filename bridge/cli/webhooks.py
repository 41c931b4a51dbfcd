"""`call-bridge webhooks`: which programs are told what came of calls."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from bridge.cli.errors import CommandFailed
from bridge.cli.exits import Exit
from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.intake.masking import without_numbers
from bridge.store.database import now_ms
from bridge.store.webhook_outbox import CHOSEN, HookEvent, Sent, replay, tell_test, what_became_of
from bridge.store.webhooks import (
    Webhook,
    add_webhook,
    enable_webhook,
    list_webhooks,
    remove_webhook,
    webhook_of,
)
from bridge.unlock import unlock
from bridge.webhooks.courier import SECONDS
from bridge.webhooks.sender import SECONDS_BETWEEN_LOOKS
from bridge.webhooks.signing import new_secret, secret_as_shown
from bridge.webhooks.targets import UrlRefused, checked_url

app = typer.Typer(help="Programs that are told what came of calls.", no_args_is_help=True)

_HOUR_MS: Final = 3_600_000
_SECONDS_TO_WAIT: Final = SECONDS + 5 * SECONDS_BETWEEN_LOOKS
_SECONDS_BETWEEN_LOOKS: Final = 0.1

Id = Annotated[
    int, typer.Argument(metavar="ID", help="Its number, as `webhooks list` has it.", min=1, max=2**53)
]


@app.command()
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Where it is told, by POST: an https address.")],
    events: Annotated[
        str, typer.Option("--events", help=f"What of, with commas between: {', '.join(CHOSEN)}.")
    ] = ",".join(CHOSEN),
    as_json: AsJson = False,
) -> None:
    """Let a program be told, and print the secret that signs its messages, this once."""
    config, wanted = configuration(context), _events(events)
    try:
        checked_url(url, config.webhooks.private_networks)
    except UrlRefused as refused:
        raise typer.BadParameter(str(refused)) from None
    secret = new_secret()
    webhook = asyncio.run(_add(config, url, wanted, secret))
    if as_json:
        print_json(_plain(webhook) | {"secret": secret_as_shown(secret)})
        return
    typer.echo(f"Webhook {webhook.id}. Its secret is not shown again:\n{secret_as_shown(secret)}")


def _events(text: str) -> frozenset[HookEvent]:
    words = {word.strip() for word in text.split(",")} - {""}
    if not words or not words <= set(CHOSEN):
        raise typer.BadParameter(
            f"--events takes one or more of these, with commas between: {', '.join(CHOSEN)}"
        )
    return frozenset(map(HookEvent, words))


async def _add(config: Config, url: str, events: frozenset[HookEvent], secret: bytes) -> Webhook:
    async with database(config) as db:
        sealer = (await unlock(config.keys, db)).program_secrets
        return await add_webhook(db, sealer, url, events, secret, actor=command_giver(), now_ms=now_ms())


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List all, and whether what they are told arrives."""
    webhooks = asyncio.run(_list(configuration(context)))
    if as_json:
        print_json({"webhooks": [_plain(webhook) for webhook in webhooks]})
        return
    print_table(
        ("Id", "Address", "Events", "Last arrived", "Failing since", "Told"),
        [
            (
                each.id,
                _shown(each.url),
                ", ".join(each.events),
                _time(each.delivered_ms),
                _time(each.failing_since_ms),
                "yes" if each.disabled_ms is None else f"no, since {_time(each.disabled_ms)}",
            )
            for each in webhooks
        ],
    )


async def _list(config: Config) -> list[Webhook]:
    async with database(config) as db:
        return await list_webhooks(db)


@app.command()
def remove(context: typer.Context, webhook_id: Id) -> None:
    """Tell a program nothing any more, nor what it has not been told yet."""
    asyncio.run(_remove(configuration(context), webhook_id))
    typer.echo(f"Webhook {webhook_id} is removed.")


async def _remove(config: Config, webhook_id: int) -> None:
    async with database(config) as db:
        await remove_webhook(db, webhook_id, actor=command_giver(), now_ms=now_ms())


@app.command()
def enable(context: typer.Context, webhook_id: Id) -> None:
    """Tell a program again that was disabled, as nothing arrived there.

    What it has missed meanwhile is not told: its own look at the API is for that.
    """
    asyncio.run(_enable(configuration(context), webhook_id))
    typer.echo(f"Webhook {webhook_id} is told what happens from now on.")


async def _enable(config: Config, webhook_id: int) -> None:
    async with database(config) as db:
        await enable_webhook(db, webhook_id, actor=command_giver(), now_ms=now_ms())


@app.command()
def test(context: typer.Context, webhook_id: Id) -> None:
    """Let the daemon send a message of the type `test`, and say what came of it."""
    sent = asyncio.run(_test(configuration(context), webhook_id))
    if sent is None or sent.attempts == 0:
        raise CommandFailed(
            Exit.UNAVAILABLE,
            "Nothing was sent yet. Is the daemon running? `call-bridge status` says. A webhook that fails is "
            "tried once a minute: wait, and look at `call-bridge webhooks list`.",
        )
    if sent.delivered_ms is None:
        raise CommandFailed(
            Exit.REFUSED, f"It has not arrived: {sent.answer}. docs/integrations.md says what that means."
        )
    typer.echo(f"It has arrived: {sent.answer}.")


async def _test(config: Config, webhook_id: int) -> Sent | None:
    async with database(config) as db:
        await webhook_of(db, webhook_id)
        event_id = await tell_test(db, webhook_id, now_ms())
        clock = asyncio.get_running_loop().time
        deadline = clock() + _SECONDS_TO_WAIT
        sent = await what_became_of(db, webhook_id, event_id)
        while sent is not None and sent.attempts == 0 and clock() < deadline:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)  # the daemon is another process: it tells nobody here
            sent = await what_became_of(db, webhook_id, event_id)
        return sent


@app.command("replay")
def replay_(
    context: typer.Context,
    webhook_id: Id,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=168, help="What of so many hours (1-168).")
    ] = 24,
    arrived_too: Annotated[
        bool, typer.Option("--arrived-too", help="What has arrived, too, for a program that has lost it.")
    ] = False,
) -> None:
    """Tell a program again what has not arrived there, with the same ids."""
    count = asyncio.run(_replay(configuration(context), webhook_id, hours, arrived_too))
    typer.echo(f"Messages that are told again: {count}.")


async def _replay(config: Config, webhook_id: int, hours: int, arrived_too: bool) -> int:
    async with database(config) as db:
        await webhook_of(db, webhook_id)
        now = now_ms()
        return await replay(
            db, webhook_id, since_ms=now - hours * _HOUR_MS, arrived_too=arrived_too, now_ms=now
        )


def _plain(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": _shown(webhook.url),
        "events": list(webhook.events),
        "created_ms": webhook.created_ms,
        "delivered_ms": webhook.delivered_ms,
        "failing_since_ms": webhook.failing_since_ms,
        "disabled_ms": webhook.disabled_ms,
    }


def _shown(url: str) -> str:
    """Behind the host a number may have been typed."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{without_numbers(parts._replace(scheme='', netloc='').geturl())}"


def _time(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(sep=" ", timespec="minutes")
