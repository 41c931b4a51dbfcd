"""Fixtures: the Asterisk of the session, and a client and its events for each test."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from ari_lab import APP, PASSWORD, USER, Ear, RunningAsterisk

from bridge.asterisk.ari import AriClient, Connected, NotFound


@pytest.fixture(scope="session")
def asterisk() -> Iterator[RunningAsterisk]:
    root = Path(os.environ.get("CALL_BRIDGE_ASTERISK_ROOT", "/"))
    if not (root / "usr/sbin/asterisk").exists():
        pytest.skip(f"no Asterisk under {root} (CALL_BRIDGE_ASTERISK_ROOT)")
    home = Path(
        tempfile.mkdtemp(prefix="cb-")
    )  # short: the console's socket is in it, and AF_UNIX ends at 108
    asterisk = RunningAsterisk(root, home)
    asterisk.start()
    yield asterisk
    asterisk.kill()
    shutil.rmtree(home)


@pytest_asyncio.fixture
async def client(asterisk: RunningAsterisk) -> AsyncIterator[AriClient]:
    async with AriClient(asterisk.url, USER, PASSWORD, app=APP) as client:
        yield client
        for channel in await client.channels.list():
            with contextlib.suppress(NotFound):  # the other half of a Local channel goes with the first
                await client.channels.handle(channel.id).hangup()
        for bridge in await client.bridges.list():
            await client.bridges.handle(bridge.id).destroy()


@pytest_asyncio.fixture
async def ear(client: AriClient) -> Ear:
    ear = Ear(client.events())
    assert await ear.next() == Connected()
    return ear
