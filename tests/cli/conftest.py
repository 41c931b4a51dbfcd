"""Shops to run commands on."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop_command import ShopCommand


@pytest.fixture
def empty_shop(tmp_path: Path) -> ShopCommand:
    """A configuration and nothing else."""
    return ShopCommand(tmp_path)


@pytest.fixture
def shop(empty_shop: ShopCommand) -> ShopCommand:
    """Keys, and managers 101 and 102."""
    assert empty_shop("keys", "new").exit_code == 0
    assert empty_shop("managers", "add", "101", "--name", "Anna").exit_code == 0
    assert empty_shop("managers", "add", "102", "--name", "Boris", "--language", "ru").exit_code == 0
    return empty_shop
