"""`call-bridge orders`: what goes in, what is told of it, and the exit codes that scripts rely on."""

from __future__ import annotations

import csv
import json

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit

GOOD = """\
order,name,phone,summary,manager,language
1042,Harriet Vane,+44 7700 900123,Two bookshelves,101,en
0071,Иван Котов,+44 7700 900124,Лампа,102,ru
"""
ONE_BAD = GOOD + "1044,Amelia Lamb,+44 20 7946,A rug,101,en\n"


def test_a_file_without_faults_goes_in_whole(shop: ShopCommand) -> None:
    ended = shop("orders", "import", shop.spreadsheet(GOOD), "--json")
    assert ended.exit_code == Exit.DONE
    report = json.loads(ended.out)
    assert (report["rows"], report["added"], report["rejected"]) == (2, 2, 0)
    assert report["rejects_file"] is None
    assert not (shop.folder / "orders.rejects.csv").exists()


def test_rejected_rows_are_told_by_exit_code_table_and_file(shop: ShopCommand) -> None:
    ended = shop("orders", "import", shop.spreadsheet(ONE_BAD))
    assert ended.exit_code == Exit.SOME_REJECTED
    assert "orders.rejects.csv" in ended.out
    assert "phone" in ended.out
    with (shop.folder / "orders.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [row["order"] for row in rejected] == ["1044"]
    assert [line["code"] for line in _listed(shop)] == ["0071", "1042"]


def test_rejects_go_where_they_are_wanted_but_never_over_the_spreadsheet(shop: ShopCommand) -> None:
    source = shop.spreadsheet(ONE_BAD)
    elsewhere = shop.folder / "elsewhere.csv"
    assert shop("orders", "import", source, "--rejects", elsewhere).exit_code == Exit.SOME_REJECTED
    assert elsewhere.exists()
    assert shop("orders", "import", source, "--rejects", source).exit_code == Exit.USAGE
    assert source.read_text(encoding="utf-8") == ONE_BAD


def test_a_dry_run_keeps_nothing(shop: ShopCommand) -> None:
    before = shop.audit()
    ended = shop("orders", "import", shop.spreadsheet(GOOD), "--dry-run")
    assert ended.exit_code == Exit.DONE
    assert "nothing was kept" in ended.out
    assert _listed(shop) == []
    assert shop.audit() == before


def test_an_import_is_on_record_by_counts(shop: ShopCommand) -> None:
    shop("orders", "import", shop.spreadsheet(ONE_BAD))
    assert shop.audit()[3:] == [
        (
            "orders-import",
            "orders.csv",
            "rows=3 added=2 updated=0 unchanged=0 rejected=1 not_to_call=0 doubtful=0",
        ),
    ]


@pytest.mark.parametrize(
    "text", ["", "nonsense\n1\n", "order,name\n1042,Harriet\n", 'order,name,phone\n"1042']
)
def test_what_is_no_list_of_orders_is_refused_in_words(shop: ShopCommand, text: str) -> None:
    ended = shop("orders", "import", shop.spreadsheet(text))
    assert ended.exit_code == Exit.FILE
    assert "orders.csv" in ended.err
    assert ended.out == ""


def test_a_file_that_is_not_there_is_named(shop: ShopCommand) -> None:
    ended = shop("orders", "import", shop.folder / "nowhere.csv")
    assert ended.exit_code == Exit.FILE
    assert "nowhere.csv" in ended.err


def test_one_order_is_added_with_its_number_from_standard_input(shop: ShopCommand) -> None:
    ended = shop("orders", "add", "1050", "--name", "Olive", "--manager", "101", typed="07700 900129\n")
    assert (ended.exit_code, ended.out) == (Exit.DONE, "Order 1050: added.\n")
    contact = json.loads(shop("orders", "show", "1050", "--json").out)["contacts"][0]
    assert (contact["region"], contact["line_type"], contact["standing"]) == ("GB", "mobile", "usable")
    assert shop.audit()[-1] == ("order-add", "1050", "added")


def test_a_number_in_the_arguments_is_refused_with_the_reason(shop: ShopCommand) -> None:
    ended = shop("orders", "add", "1050", "--name", "Olive", "--phone", "+447700900129")
    assert ended.exit_code == Exit.USAGE
    assert "history" in ended.err
    assert _listed(shop) == []


def test_an_order_without_a_usable_number_is_refused(shop: ShopCommand) -> None:
    for typed in ("", "\n", "+44 20 7946\n", "call me\n"):
        ended = shop("orders", "add", "1050", "--name", "Olive", typed=typed)
        assert ended.exit_code == Exit.REFUSED
        assert ended.err.startswith("phone: ")


def test_a_list_can_be_read_page_by_page_and_by_manager(shop: ShopCommand) -> None:
    shop("orders", "import", shop.spreadsheet(GOOD))
    assert [line["code"] for line in _listed(shop, "--manager", "101")] == ["1042"]
    assert [line["code"] for line in _listed(shop, "--limit", "1")] == ["0071"]
    assert [line["code"] for line in _listed(shop, "--after", "0071")] == ["1042"]
    assert "--after 0071" in shop("orders", "list", "--limit", "1").err
    assert shop("orders", "list", "--manager", "999").exit_code == Exit.REFUSED


def test_an_order_is_shown_with_contacts_by_standing_alone(shop: ShopCommand) -> None:
    shop("orders", "import", shop.spreadsheet(GOOD))
    shown = shop("orders", "show", "1042").out
    assert all(word in shown for word in ("Harriet Vane", "Two bookshelves", "101", "usable", "mobile"))
    assert "Dialled as" in shown
    contacts = json.loads(shop("orders", "show", "1042", "--json").out)["contacts"]
    assert set(contacts[0]) == {
        "contact_id", "kind", "label", "standing", "position", "region", "line_type", "place"
    }  # fmt: skip


def test_a_customer_is_handed_to_another_manager(shop: ShopCommand) -> None:
    shop("orders", "import", shop.spreadsheet(GOOD))
    assert shop("orders", "assign", "1042", "102").exit_code == Exit.DONE
    assert [line["code"] for line in _listed(shop, "--manager", "102")] == ["0071", "1042"]
    assert shop.audit()[-1] == ("assign", "1042", "extension=102")


def test_customers_are_not_handed_to_nobody(shop: ShopCommand) -> None:
    shop("orders", "import", shop.spreadsheet(GOOD))
    shop("managers", "disable", "102", "--yes")
    for code, extension in (("1042", "999"), ("9999", "101"), ("1042", "102")):
        assert shop("orders", "assign", code, extension).exit_code == Exit.REFUSED
    assert shop("orders", "show", "9999").exit_code == Exit.REFUSED


def _listed(shop: ShopCommand, *options: str) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = json.loads(shop("orders", "list", "--json", *options).out)["orders"]
    return lines
