"""What a command changes in the database is on record in the same commit: neither without the other."""

from __future__ import annotations

import sqlite3

import pytest
from shop_command import ShopCommand

ROWS = "order,name,phone,manager\n2001,Harriet Vane,+447700900123,101\n"

ACTS = {
    "manager-add": ("managers", "add", "103", "--name", "Clara"),
    "manager-disable": ("managers", "disable", "102", "--yes"),
    "phone-password": ("managers", "phone", "101"),
    "phone-forget": ("managers", "phone", "102", "--forget"),
    "order-add": ("orders", "add", "1050", "--name", "Ivan"),
    "orders-import": ("orders", "import", "orders.csv"),
    "assign": ("orders", "assign", "1042", "102"),
    "panic": ("panic", "--reason", "a stolen phone"),
    "erase": ("erase", "1042", "--yes"),
    "keys-rotate": ("keys", "rotate"),
    "token-add": ("tokens", "add", "another", "--scopes", "orders:read"),
    "token-revoke": ("tokens", "revoke", "crm"),
    "shop-add": ("shops", "add", "another", "--kind", "insales", "--managers", "101"),
    "shop-pull-from": ("shops", "pull-from", "main-shop", "https://shop.example/other"),
    "shop-pull-stop": ("shops", "pull-from", "pulled-shop", "--stop"),
    "shop-remove": ("shops", "remove", "main-shop"),
    "text-retry": ("texts", "retry", "1"),
    "webhook-add": ("webhooks", "add", "https://crm.example/other"),
    "webhook-enable": ("webhooks", "enable", "1"),
    "webhook-remove": ("webhooks", "remove", "1"),
}


@pytest.fixture
def busy_shop(shop: ShopCommand, monkeypatch: pytest.MonkeyPatch) -> ShopCommand:
    monkeypatch.chdir(shop.folder)
    shop.spreadsheet(ROWS)
    assert shop("orders", "add", "1042", "--name", "Harriet", typed="+447700900124\n").exit_code == 0
    assert shop("tokens", "add", "crm", "--scopes", "orders:write").exit_code == 0
    add_shop = ("shops", "add", "main-shop", "--kind", "woocommerce", "--managers", "101")
    assert shop(*add_shop).exit_code == 0
    pulled = ("shops", "add", "pulled-shop", *add_shop[3:], "--pull-from", "https://shop.example")
    assert shop(*pulled, typed="ck_1\ncs_1\n").exit_code == 0
    assert shop("webhooks", "add", "https://crm.example/hook").exit_code == 0
    assert shop("managers", "phone", "102", typed="correct-horse-102\n").exit_code == 0
    with sqlite3.connect(shop.database) as database:
        database.execute("UPDATE webhooks SET disabled_ms = 1")
        database.execute(
            "INSERT INTO texts (message_id, contact_id, order_code, template, at_ms, failed_ms)"
            " SELECT 'abc', id, '1042', 'ready', 1, 1 FROM contacts"
        )
    database.close()
    return shop


def kept(shop: ShopCommand) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the database by its table, the audit's left out."""
    with sqlite3.connect(shop.database) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    database.close()
    return {table: found for table, found in rows.items() if table not in ("audit", "audit_head")}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_on_record(busy_shop: ShopCommand, act: str) -> None:
    before = kept(busy_shop)
    assert busy_shop(*ACTS[act], typed="+447700900125\nsecret\n").exit_code == 0
    assert busy_shop.audit()[-1][0] == act
    assert kept(busy_shop) != before


@pytest.mark.parametrize("act", ACTS)
def test_what_can_not_be_put_on_record_is_not_done(busy_shop: ShopCommand, act: str) -> None:
    with sqlite3.connect(busy_shop.database) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(FAIL, 'disk full'); END"
        )
    database.close()
    before, keys = kept(busy_shop), busy_shop.key_file.read_bytes()
    assert busy_shop(*ACTS[act], typed="+447700900125\nsecret\n").exit_code != 0
    assert kept(busy_shop) == before
    assert busy_shop.key_file.read_bytes() == keys
