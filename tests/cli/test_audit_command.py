"""`call-bridge audit`: what was done is shown, and what was done to that record is found."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit
from bridge.vault import KeyRing


def tamper(shop: ShopCommand, statement: str) -> None:
    with sqlite3.connect(shop.database) as connection:
        connection.execute(statement)
    connection.close()


def test_a_shop_whose_commands_had_the_keys_has_a_signed_audit(shop: ShopCommand) -> None:
    found = json.loads(shop("audit", "verify", "--json").out)
    assert found == {"ok": True, "rows": 3, "unsigned": 0, "unvouched": 0, "fault": None}
    assert shop("audit", "verify").out == "The audit is whole: 3 rows.\n"


@pytest.mark.parametrize(
    ("statement", "wrong", "row"),
    [
        ("UPDATE audit SET actor = 'cli:mallory' WHERE id = 2", "altered", 2),
        ("DELETE FROM audit WHERE id = 1", "missing", 1),
        ("DELETE FROM audit WHERE id = 3", "missing", 3),
        ("DELETE FROM audit_head", "head", None),
    ],
)
def test_what_was_done_to_the_audit_is_told_with_an_exit_code_of_its_own(
    shop: ShopCommand, statement: str, wrong: str, row: int | None
) -> None:
    tamper(shop, statement)
    ended = shop("audit", "verify", "--json")
    assert ended.exit_code == Exit.AUDIT_ALTERED
    assert json.loads(ended.out)["fault"] == {"wrong": wrong, "row_id": row}
    told = shop("audit", "verify")
    assert told.exit_code == Exit.AUDIT_ALTERED
    assert "NOT WHOLE" in told.out
    assert row is None or f"row {row} " in told.out


def test_what_a_command_does_without_the_keys_is_on_record_and_counted(shop: ShopCommand) -> None:
    hidden = shop.key_file.rename(shop.key_file.with_name("elsewhere"))
    assert shop("panic").exit_code == Exit.DONE
    hidden.rename(shop.key_file)
    assert "1 written without the keys, the last 1 of them" in shop("audit", "verify").out
    shop("panic", "--off")
    assert "1 written without the keys, all of them vouched for" in shop("audit", "verify").out
    signed = [row["signed"] for row in json.loads(shop("audit", "show", "--json").out)["rows"]]
    assert signed == [True, True, True, False, True]


def test_nothing_is_signed_with_another_shops_keys(shop: ShopCommand) -> None:
    right = shop.key_file.read_text()
    shop.key_file.write_text(KeyRing.new().dump())
    shop("panic")
    assert shop("audit", "verify").exit_code == Exit.KEYS
    shop.key_file.write_text(right)
    assert "1 written without the keys" in shop("audit", "verify").out


def test_rows_are_shown_by_who_what_whom_and_when(shop: ShopCommand) -> None:
    def shown(*options: str) -> list[int]:
        return [row["id"] for row in json.loads(shop("audit", "show", *options, "--json").out)["rows"]]

    shop("orders", "add", "1042", "--name", "Anna", typed="+447700900123\n")
    assert shown() == [1, 2, 3, 4]
    assert shown("--act", "manager-add") == [2, 3]
    assert shown("--order", "1042") == [4]
    assert shown("--actor", "nobody") == []
    assert shown("--since", "2h") == [1, 2, 3, 4]
    assert shown("--since", "2999-01-01") == []
    assert shown("--limit", "1") == [4]
    assert "order-add" in shop("audit", "show").out


@pytest.mark.parametrize(
    "options", [("show", "--since", "yesterday"), ("verify", "--head", "12"), ("verify", "--head", "1:zz")]
)
def test_what_is_neither_a_time_nor_a_head_is_told(shop: ShopCommand, options: tuple[str, ...]) -> None:
    assert shop("audit", *options).exit_code == Exit.USAGE


def test_a_head_kept_elsewhere_finds_an_older_database_put_back(shop: ShopCommand) -> None:
    older = shop.database.read_bytes()
    shop("managers", "add", "103", "--name", "Clara")
    head = shop("audit", "head").out.strip()
    assert re.fullmatch(r"4:[0-9a-f]{64}", head)
    assert shop("audit", "verify", "--head", head).exit_code == Exit.DONE
    for file in shop.database.parent.glob("call-bridge.db-*"):
        file.unlink()
    shop.database.write_bytes(older)
    assert shop("audit", "verify").exit_code == Exit.DONE
    ended = shop("audit", "verify", "--head", head)
    assert ended.exit_code == Exit.AUDIT_ALTERED
    assert "row 4 is missing" in ended.out


def test_before_anything_is_on_record_there_is_no_head(empty_shop: ShopCommand) -> None:
    assert empty_shop("audit", "head").exit_code == Exit.REFUSED
