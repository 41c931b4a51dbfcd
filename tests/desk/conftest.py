"""A desk for each test that wants one, before a daemon of examples."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from example_daemon import ExampleDaemon
from served import Browser, served_desk


@pytest.fixture
def daemon() -> ExampleDaemon:
    return ExampleDaemon()


@pytest.fixture
async def desk(daemon: ExampleDaemon, tmp_path: Path) -> AsyncIterator[Browser]:
    async with served_desk(daemon, tmp_path) as browser:
        yield browser
