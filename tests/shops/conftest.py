"""The shop that asks others for their orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pulling_shop import PullingShop, open_pulling_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[PullingShop]:
    async with open_pulling_shop(tmp_path) as shop:
        yield shop
