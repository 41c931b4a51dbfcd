"""The shop that tests of the desk's API ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from desk_shop import DeskShop, open_shop
from work_shop import Shop, open_work_shop

from bridge.api.desk import passwords


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 all the same, but hundreds of tries are not to take hundreds of times a tenth of a second."""
    quick = partial(PasswordHasher, time_cost=1, memory_cost=1024, parallelism=1)
    monkeypatch.setattr(passwords, "PasswordHasher", quick)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[DeskShop]:
    async with open_shop(tmp_path) as shop:
        yield shop


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop at work."""
    async with open_work_shop(tmp_path) as shop:
        yield shop
