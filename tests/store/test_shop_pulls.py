"""How far a shop is read, and its login: each of one shop at one address, and of nothing that came later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.shops import Login
from bridge.store.alarms import newest_alarms
from bridge.store.database import Database, now_ms
from bridge.store.errors import ShopNotPulled, UnknownShop
from bridge.store.managers import add_manager
from bridge.store.shop_pulls import (
    Place,
    list_pulls,
    note_no_page,
    note_page,
    pull_from,
    pull_no_more,
    pull_of,
)
from bridge.store.shops import add_shop
from bridge.vault import KeyRing, SealBroken, Vault

SITE = "https://shop.example"
LOGIN = Login("ck_1", "cs_1, ключ")


@pytest.fixture
def vault() -> Vault:
    return Vault(KeyRing.new())


@pytest.fixture
async def database(tmp_path: Path, vault: Vault) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "shop.db", migrate=True) as database:
        await add_manager(database, "Anna", "101", actor="cli:test")
        sealer = vault.program_secrets
        for name in ("one", "two"):
            await add_shop(
                database, sealer, name, "woocommerce", "x", ["101"], actor="cli:test", now_ms=now_ms()
            )
        yield database


async def begin(database: Database, vault: Vault, name: str = "one", login: Login = LOGIN) -> None:
    sealer = vault.program_secrets
    await pull_from(database, sealer, name, SITE, login, since_ms=7, actor="cli:test", now_ms=now_ms())


async def test_a_login_opens_for_its_shop_at_its_address_alone(database: Database, vault: Vault) -> None:
    await begin(database, vault)
    await begin(database, vault, "two")
    one, two = await list_pulls(database)
    assert one.open_login(vault.program_secrets) == LOGIN
    for altered in (
        replace(one, site="https://thief.example"),
        replace(one, shop_id=two.shop_id),
        replace(one, login_sealed=two.login_sealed),
        replace(one, login_sealed=b""),
    ):
        with pytest.raises(SealBroken):
            altered.open_login(vault.program_secrets)


async def test_what_was_read_by_an_old_login_moves_no_new_one(database: Database, vault: Vault) -> None:
    await begin(database, vault)
    old = await pull_of(database, "one")
    assert await note_page(database, old, Place(9, "2", 11), "arrived", 12)
    assert (await pull_of(database, "one")).place == Place(9, "2", 11)
    await begin(database, vault)
    assert not await note_page(database, old, Place(99), "arrived", 13)
    await note_no_page(database, old, "failed 500", 13, place=Place(9), alarm_after_ms=0)
    new = await pull_of(database, "one")
    assert (new.place, new.said, new.failing_since_ms) == (Place(7), None, None)
    assert await newest_alarms(database, 9) == []
    await pull_no_more(database, "one", actor="cli:test", now_ms=14)
    assert not await note_page(database, new, Place(99), "arrived", 15)


async def test_supervisors_are_told_once_and_again_after_it_has_worked(
    database: Database, vault: Vault
) -> None:
    await begin(database, vault)
    for at_ms in (1000, 2000, 3000, 9000):
        pull = await pull_of(database, "one")
        await note_no_page(database, pull, "busy 503", at_ms, place=pull.place, alarm_after_ms=2000)
    assert len(await newest_alarms(database, 9)) == 1
    await note_page(database, await pull_of(database, "one"), Place(9), "arrived", 9500)
    for at_ms in (10_000, 12_000):
        pull = await pull_of(database, "one")
        await note_no_page(database, pull, "busy 503", at_ms, place=pull.place, alarm_after_ms=2000)
    assert len(await newest_alarms(database, 9)) == 2


async def test_a_shop_that_there_is_not_is_told_from_one_that_is_not_asked(
    database: Database, vault: Vault
) -> None:
    with pytest.raises(UnknownShop):
        await pull_of(database, "three")
    with pytest.raises(ShopNotPulled):
        await pull_of(database, "two")
    with pytest.raises(UnknownShop):
        await begin(database, vault, "three")
    with pytest.raises(UnknownShop):
        await pull_no_more(database, "three", actor="cli:test", now_ms=1)
