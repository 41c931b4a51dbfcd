"""The desk's socket: who may open it, and what is on it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from desk_shop import DeskShop, open_shop

from bridge.rules import Role


async def test_it_is_for_the_daemons_user_and_the_sockets_group(shop: DeskShop) -> None:
    assert stat.S_IMODE((shop.folder / "desk.sock").stat().st_mode) == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to a group that it is not in")
async def test_its_group_is_that_of_a_folder_with_the_set_group_id_bit(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    os.chown(folder, 0, 4321)
    folder.chmod(0o2750)
    async with open_shop(folder) as shop:
        assert (shop.folder / "desk.sock").stat().st_gid == 4321


@pytest.mark.parametrize(
    "path", ["/v1/calls", "/v1/proofs", "/metrics", "/readyz", "/v1/status", "/openapi.json", "/docs"]
)
async def test_nothing_of_the_daemons_own_api_is_on_it(shop: DeskShop, path: str) -> None:
    owner = await shop.hire("100", "Olga", Role.OWNER)
    for method in ("GET", "POST"):
        assert (await shop.ask(method, path, {"order": "1042", "extension": "101"}, of=owner)).status == 404
