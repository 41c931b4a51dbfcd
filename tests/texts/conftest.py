"""The shop that sends texts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from text_shop import TextShop, open_text_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[TextShop]:
    async with open_text_shop(tmp_path) as shop:
        yield shop
