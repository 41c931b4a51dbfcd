"""`call-bridge shops`: a secret shown once or brought along, sealed; and what is refused says what to do."""

from __future__ import annotations

import json
import re

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit

ADD = ("shops", "add", "main-shop", "--kind", "woocommerce", "--managers", "101,102")


def listed(shop: ShopCommand) -> list[dict[str, object]]:
    shops: list[dict[str, object]] = json.loads(shop("shops", "list", "--json").out)["shops"]
    return shops


def test_a_secret_is_shown_once_and_is_in_no_file(shop: ShopCommand) -> None:
    ended = shop(*ADD)
    assert ended.exit_code == Exit.DONE, ended.err
    assert "/v1/shops/main-shop/orders" in ended.out
    (secret,) = re.findall(r"^[A-Za-z]{45}$", ended.out, re.M)
    for path in shop.database.parent.glob("call-bridge.db*"):
        assert secret.encode() not in path.read_bytes()
    assert shop.audit()[-1] == ("shop-add", "main-shop", "kind=woocommerce, extension=101, extension=102")
    (kept,) = listed(shop)
    assert (kept["name"], kept["kind"], kept["managers"]) == ("main-shop", "woocommerce", ["101", "102"])
    assert secret not in shop("shops", "list").out


def test_a_secret_of_the_shops_own_is_asked_for_and_not_shown(shop: ShopCommand) -> None:
    ended = shop(*ADD, "--own-secret", typed="an own secret\n")
    assert ended.exit_code == Exit.DONE
    assert "an own secret" not in ended.out + ended.err
    assert shop("shops", "add", "two", *ADD[3:], "--own-secret", typed="\n").exit_code == Exit.USAGE


def test_a_shop_is_removed_and_its_name_is_free(shop: ShopCommand) -> None:
    shop(*ADD)
    again = shop(*ADD)
    assert (again.exit_code, "choose another name" in again.err) == (Exit.REFUSED, True)
    assert shop("shops", "remove", "main-shop").exit_code == Exit.DONE
    assert shop.audit()[-1] == ("shop-remove", "main-shop", "")
    assert shop("shops", "remove", "main-shop").exit_code == Exit.REFUSED
    assert shop(*ADD).exit_code == Exit.DONE


@pytest.mark.parametrize("name", ["", "Shop", "shop2", "-shop", "a" * 33, "магазин"])
def test_a_name_is_of_small_letters(shop: ShopCommand, name: str) -> None:
    ended = shop("shops", "add", "--kind", "woocommerce", "--managers", "101", "--", name)
    assert (ended.exit_code, "small letters and hyphens" in ended.err) == (Exit.REFUSED, True)


@pytest.mark.parametrize("managers", ["", ",", "103", "101,103"])
def test_its_managers_are_managers(shop: ShopCommand, managers: str) -> None:
    ended = shop("shops", "add", "main-shop", "--kind", "woocommerce", "--managers", managers)
    assert ended.exit_code in (Exit.USAGE, Exit.REFUSED)
    assert listed(shop) == []


def test_a_kind_that_there_is_not_is_told_with_those_that_there_are(shop: ShopCommand) -> None:
    ended = shop("shops", "add", "main-shop", "--kind", "shopware", "--managers", "101")
    assert ended.exit_code == Exit.USAGE
    assert "insales, woocommerce" in ended.err
