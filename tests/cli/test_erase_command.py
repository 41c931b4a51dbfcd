"""`call-bridge erase`: nothing of the customer is left, neither in the rows nor in any byte of the files."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit

SPREADSHEET = (
    "order,name,phone,phone2,summary\n"
    "1042,Harriet Vane,+447700900123,+442079460101,Two shelves\n"
    "1043,Harriet Vane,+447700900123,,A lamp\n"
    "1044,Lord Peter,+447700900124,,A monocle\n"
)


@pytest.fixture
def sold(shop: ShopCommand) -> ShopCommand:
    """Harriet with orders 1042 and 1043, Peter with 1044."""
    assert shop("orders", "import", shop.spreadsheet(SPREADSHEET)).exit_code == Exit.DONE
    return shop


def stored(shop: ShopCommand, query: str) -> list[Any]:
    with sqlite3.connect(shop.database) as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def secrets_of(shop: ShopCommand, customer: int) -> list[bytes]:
    """The customer's wrapped key, and all that was sealed and indexed with it."""
    keys = stored(shop, f"SELECT data_key FROM customers WHERE id = {customer}")
    values = stored(shop, f"SELECT sealed, blind_index FROM contacts WHERE customer_id = {customer}")
    return [value for row in (*keys, *values) for value in row]


def bytes_on_disk(shop: ShopCommand) -> bytes:
    return b"".join(file.read_bytes() for file in shop.database.parent.glob("call-bridge.db*"))


def test_no_byte_of_the_customer_is_left_in_any_file_of_the_database(sold: ShopCommand) -> None:
    reader = sqlite3.connect(sold.database)  # as the daemon: the log outlives the commands
    reader.execute("SELECT count(*) FROM customers").fetchone()
    gone = [*secrets_of(sold, 1), b"Harriet", b"Two shelves"]
    assert len(gone) == 7
    assert all(value in bytes_on_disk(sold) for value in gone)
    assert sold("erase", "1042", "--yes").exit_code == Exit.DONE
    left = bytes_on_disk(sold)
    assert sold.database.with_name("call-bridge.db-wal").stat().st_size == 0
    reader.close()
    assert not [value for value in gone if value in left]
    assert all(value in left for value in secrets_of(sold, 2))


def test_it_says_what_it_means_and_asks(sold: ShopCommand) -> None:
    ended = sold("erase", "1042", typed="n\n")
    assert ended.exit_code == Exit.INTERRUPTED
    for told in (
        "Harriet Vane",
        "1042, 1043",
        "contacts (2)",
        "backups made before now",
        "and the keys can read",
    ):
        assert told in ended.out
    assert secrets_of(sold, 1)
    assert sold("erase", "1042", typed="y\n").exit_code == Exit.DONE
    assert stored(sold, "SELECT name, language, data_key FROM customers WHERE id = 1") == [("", None, None)]


def test_an_erased_customer_is_not_found_by_number_and_not_called(sold: ShopCommand) -> None:
    assert sold("erase", "--customer", "1", "--yes").exit_code == Exit.DONE
    contacts = stored(
        sold, "SELECT sealed, blind_index, standing, region FROM contacts WHERE customer_id = 1"
    )
    assert contacts == [(b"", b"", "wrong", "GB")] * 2
    order = json.loads(sold("orders", "show", "1042", "--json").out)
    assert (order["customer_name"], order["summary"], order["state"]) == ("", "", "closed")


def test_calls_of_an_erased_customer_stay_on_record(sold: ShopCommand) -> None:
    with sqlite3.connect(sold.database) as connection:
        connection.execute(
            "INSERT INTO calls (id, kind, order_code, manager_id, contact_id, started_ms, ended_ms, result)"
            " VALUES ('a', 'dial-order', '1042', 1, 1, 1, 2, 'talked')"
        )
    connection.close()
    ended = sold("erase", "1042", "--yes")
    assert "how they ended (1)" in ended.out
    assert stored(sold, "SELECT order_code, contact_id, result FROM calls") == [("1042", 1, "talked")]


def test_the_file_that_brought_them_does_not_bring_them_back(sold: ShopCommand) -> None:
    sold("erase", "1042", "--yes")
    report = json.loads(sold("orders", "import", sold.spreadsheet(SPREADSHEET), "--json").out)
    assert (report["added"], report["updated"], report["unchanged"]) == (0, 0, 3)
    assert stored(sold, "SELECT name FROM customers ORDER BY id") == [("",), ("Lord Peter",)]
    assert stored(sold, "SELECT summary FROM orders WHERE code = '1042'") == [("",)]


def test_an_erasure_is_on_record_without_a_name(sold: ShopCommand) -> None:
    sold("erase", "1042", "--yes")
    assert sold.audit()[-1] == ("erase", "customer 1", "")
    assert sold("audit", "verify").exit_code == Exit.DONE


@pytest.mark.parametrize("arguments", [("9999",), ("--customer", "9"), ("--customer", "1")])
def test_who_is_not_there_or_erased_already_is_told_so(sold: ShopCommand, arguments: tuple[str, ...]) -> None:
    sold("erase", "--customer", "1", "--yes")
    ended = sold("erase", *arguments, "--yes")
    assert ended.exit_code == Exit.REFUSED
    assert "is no" in ended.err or "erased already" in ended.err


@pytest.mark.parametrize("arguments", [(), ("1042", "--customer", "1")])
def test_one_customer_is_named_in_one_way(sold: ShopCommand, arguments: tuple[str, ...]) -> None:
    assert sold("erase", *arguments, "--yes").exit_code == Exit.USAGE
