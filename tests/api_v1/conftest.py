"""The shop that tests of the API for integrators ask. No answer that they get has a number in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from program_shop import ProgramShop, found_in, open_program_shop


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ProgramShop]:
    async with open_program_shop(tmp_path) as shop:
        yield shop
        assert found_in(bytes(shop.received)) == [], "a number is in what the API answered"
