"""What whoever has a password of ARI's hears: every event of Asterisk."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from labkit.lab import Lab


@asynccontextmanager
async def all_events(lab: Lab, user: dict[str, str] | None = None) -> AsyncIterator[list[str]]:
    """Every event of Asterisk, as an application sees it that subscribes to everything."""
    heard: list[str] = []
    async with (
        aiohttp.ClientSession(headers=user or login(lab)) as session,
        session.ws_connect(f"{lab.ari_url}/events?app=eavesdropper&subscribeAll=true") as socket,
    ):

        async def listen() -> None:
            async for message in socket:
                heard.append(str(message.data))

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            yield heard
            listening.cancel()


def login(lab: Lab) -> dict[str, str]:
    """The daemon's own, as a header."""
    return basic_login(lab.ari_user, lab.ari_password)


def basic_login(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
