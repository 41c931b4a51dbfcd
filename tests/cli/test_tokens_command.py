"""`call-bridge tokens`: shown once, kept as a hash, good for a while, revoked for good."""

from __future__ import annotations

import json
import re
import sqlite3
import time

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit
from bridge.rules.scopes import Scope

DAY_MS = 24 * 3_600_000


def listed(shop: ShopCommand) -> list[dict[str, object]]:
    tokens: list[dict[str, object]] = json.loads(shop("tokens", "list", "--json").out)["tokens"]
    return tokens


def test_a_token_is_shown_once_and_is_in_no_file(shop: ShopCommand) -> None:
    ended = shop("tokens", "add", "shop-crm", "--scopes", "orders:write, orders:read", "--days", "30")
    assert ended.exit_code == Exit.DONE
    (token,) = re.findall(r"^callbridge-[A-Za-z]{45}$", ended.out, re.M)
    assert all(
        token.encode() not in path.read_bytes() for path in shop.database.parent.glob("call-bridge.db*")
    )
    assert shop.audit()[-1] == ("token-add", "shop-crm", "orders:read orders:write")
    (kept,) = listed(shop)
    assert (kept["name"], kept["scopes"]) == ("shop-crm", ["orders:read", "orders:write"])
    assert abs(int(str(kept["ends_ms"])) - time.time() * 1000 - 30 * DAY_MS) < 60_000
    assert token not in shop("tokens", "list").out


def test_a_revoked_token_stays_in_the_list_and_its_name_is_free(shop: ShopCommand) -> None:
    add = ("tokens", "add", "shop-crm", "--scopes", "events:read")
    assert shop(*add).exit_code == Exit.DONE
    again = shop(*add)
    assert again.exit_code == Exit.REFUSED
    assert "revoke it, or choose another name" in again.err
    assert shop("tokens", "revoke", "shop-crm").exit_code == Exit.DONE
    assert shop.audit()[-1] == ("token-revoke", "shop-crm", "")
    assert shop("tokens", "revoke", "shop-crm").exit_code == Exit.REFUSED
    assert shop(*add).exit_code == Exit.DONE
    assert [token["revoked_ms"] is None for token in listed(shop)] == [False, True]


@pytest.mark.parametrize("scopes", ["", "orders", "orders:read,orders:erase", ",", "ORDERS:READ"])
def test_a_scope_that_does_not_exist_is_told_with_those_that_do(shop: ShopCommand, scopes: str) -> None:
    ended = shop("tokens", "add", "crm", "--scopes", scopes)
    assert ended.exit_code == Exit.USAGE
    assert all(scope in ended.err for scope in Scope)
    assert listed(shop) == []


@pytest.mark.parametrize("name", ["", "Crm", "crm2", "-crm", "a" * 33, "crm crm", "срм"])
def test_a_name_is_of_small_letters(shop: ShopCommand, name: str) -> None:
    ended = shop("tokens", "add", "--scopes", "orders:read", "--", name)
    assert ended.exit_code == Exit.REFUSED
    assert "small letters and hyphens" in ended.err


def test_a_token_is_good_for_two_years_at_most(shop: ShopCommand) -> None:
    for days in ("0", "731", "-1"):
        assert shop("tokens", "add", "crm", "--scopes", "orders:read", "--days", days).exit_code == Exit.USAGE


def test_what_the_database_keeps_is_no_text_that_opens_anything(shop: ShopCommand) -> None:
    shop("tokens", "add", "crm", "--scopes", "orders:read")
    with sqlite3.connect(shop.database) as connection:
        ((kept,),) = connection.execute("SELECT token_hash FROM api_tokens").fetchall()
    connection.close()
    assert isinstance(kept, bytes)
    assert len(kept) == 32
