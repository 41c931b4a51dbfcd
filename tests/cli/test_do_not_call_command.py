"""`call-bridge do-not-call`: a number goes in, nobody calls it, and nothing ever shows it."""

from __future__ import annotations

import json
import sqlite3

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit

NUMBER, ANOTHER = "+447700900123", "+442079460101"
SPREADSHEET = (
    "order,name,phone,phone2\n"
    f"1042,Harriet Vane,{NUMBER},\n"
    f"1043,Peter Wimsey,{ANOTHER},{NUMBER}\n"
    "1044,Clara,+447700900125,\n"
)


@pytest.fixture
def sold(shop: ShopCommand) -> ShopCommand:
    assert shop("orders", "import", shop.spreadsheet(SPREADSHEET)).exit_code == Exit.DONE
    return shop


def why(shop: ShopCommand) -> dict[str, str]:
    with sqlite3.connect(shop.database) as connection:
        rows = connection.execute("SELECT code, why FROM orders").fetchall()
    connection.close()
    return dict(rows)


def dialled_as(shop: ShopCommand, code: str) -> list[int | None]:
    shown = json.loads(shop("orders", "show", code, "--json").out)
    return [contact["place"] for contact in shown["contacts"]]


def test_a_number_is_called_no_more_and_then_again(sold: ShopCommand) -> None:
    added = sold("do-not-call", "add", "--label", "a letter of March", typed="07700 900123\n")
    assert added.exit_code == Exit.DONE
    assert "done with for it: 1." in added.out
    assert why(sold) == {"1042": "done", "1043": "new", "1044": "new"}
    assert dialled_as(sold, "1042") == [None]
    assert dialled_as(sold, "1043") == [1, None]
    assert "already" in sold("do-not-call", "add", typed=f"{NUMBER}\n").out
    (listed,) = json.loads(sold("do-not-call", "list", "--json").out)["requests"]
    assert set(listed) == {"since_ms", "order_code", "label"}
    assert listed["label"] == "a letter of March"
    assert "a letter of March" in sold("do-not-call", "list").out
    assert sold("do-not-call", "remove", typed=f"{NUMBER}\n").exit_code == Exit.DONE
    assert dialled_as(sold, "1043") == [1, 2]
    assert json.loads(sold("do-not-call", "list", "--json").out) == {"requests": []}
    assert sold("do-not-call", "remove", typed=f"{NUMBER}\n").exit_code == Exit.REFUSED
    assert [entry[0] for entry in sold.audit()[-2:]] == ["do-not-call-add", "do-not-call-remove"]


def test_the_number_is_no_argument_and_in_nothing_that_is_printed_or_stored(sold: ShopCommand) -> None:
    assert sold("do-not-call", "add", NUMBER).exit_code == Exit.USAGE
    assert sold("do-not-call", "add", "--label", f"of {NUMBER}", typed="nonsense\n").exit_code == Exit.REFUSED
    assert sold("do-not-call", "add", "--label", f"of {NUMBER}", typed=f"{NUMBER}\n").exit_code == Exit.DONE
    told = sold("do-not-call", "list").out + sold("do-not-call", "list", "--json").out
    stored = b"".join(file.read_bytes() for file in sold.database.parent.glob("call-bridge.db*"))
    assert "7700900123" not in told
    assert b"7700900123" not in stored


def test_an_import_says_how_many_rows_have_such_numbers_and_calls_none(sold: ShopCommand) -> None:
    sold("do-not-call", "add", typed=f"{NUMBER}\n")
    rows = f"2001,Someone,{NUMBER},\n2002,Other,{ANOTHER},{NUMBER}\n2003,Third,07700900126,\n"
    later = f"order,name,phone,phone2\n{rows}"
    ended = sold("orders", "import", sold.spreadsheet(later))
    assert "not to be called: 2." in ended.out
    again = json.loads(sold("orders", "import", sold.spreadsheet(later), "--json").out)
    assert again["not_to_call"] == 2
    assert {code: why(sold)[code] for code in ("2001", "2002", "2003")} == {
        "2001": "done", "2002": "new", "2003": "new"
    }  # fmt: skip
    assert "not_to_call=2" in sold.audit()[-1][2]


def test_a_request_outlives_rotation_erasure_and_an_older_backup(sold: ShopCommand) -> None:
    copy = sold.folder / "copy.db"
    assert sold("backup", copy).exit_code == Exit.DONE
    sold("do-not-call", "add", typed=f"{NUMBER}\n")
    assert sold("keys", "rotate").exit_code == Exit.DONE
    assert sold("erase", "1042", "--yes").exit_code == Exit.DONE
    later = f"order,name,phone\n2001,Harriet Vane,{NUMBER}\n"
    assert json.loads(sold("orders", "import", sold.spreadsheet(later), "--json").out)["not_to_call"] == 1
    answer = json.loads(sold("restore", copy, "--yes", "--json").out)
    assert answer["not_to_call_again"] == 1
    assert dialled_as(sold, "1043") == [1, None]
    assert json.loads(sold("orders", "import", sold.spreadsheet(later), "--json").out)["not_to_call"] == 1
