"""`call-bridge texts`: what became of text messages, and one that was given up, sent after all."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from bridge.cli.printing import AsJson, print_json, print_table
from bridge.cli.session import command_giver, configuration, database
from bridge.config import Config
from bridge.store.database import now_ms
from bridge.store.texts import TextLine, newest_texts, retry_text

app = typer.Typer(help="Text messages to customers.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many (1-1000).")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the newest, and what became of each."""
    texts = asyncio.run(_list(configuration(context), limit))
    if as_json:
        print_json({"texts": [asdict(text) for text in texts]})
        return
    print_table(
        ("Id", "Order", "Template", "Asked for", "State", "Attempts", "Last answer"),
        [
            (
                str(each.id),
                each.order_code,
                each.template,
                _time(each.at_ms),
                each.outcome,
                str(each.attempts),
                each.answer,
            )
            for each in texts
        ],
    )


async def _list(config: Config, limit: int) -> list[TextLine]:
    async with database(config) as db:
        return await newest_texts(db, limit)


@app.command()
def retry(
    context: typer.Context,
    text_id: Annotated[int, typer.Argument(metavar="ID", help="Its number, as `texts list` has it.")],
) -> None:
    """Send one after all that was given up, with the same id."""
    asyncio.run(_retry(configuration(context), text_id))
    typer.echo(f"Text message {text_id} is sent again.")


async def _retry(config: Config, text_id: int) -> None:
    async with database(config) as db:
        await retry_text(db, text_id, actor=command_giver(), now_ms=now_ms())


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(sep=" ", timespec="minutes")
