"""The shop whose webhooks are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hook_shop import HookShop, open_hook_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[HookShop]:
    async with open_hook_shop(tmp_path) as shop:
        yield shop
