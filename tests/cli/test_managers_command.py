"""`call-bridge managers`: who may call, and that every change of it is on record."""

from __future__ import annotations

import json

from shop_command import ShopCommand

from bridge.cli.exits import Exit

TWO_ORDERS = "order,name,phone,manager\n1042,Harriet,+447700900123,101\n1043,Ivan,+447700900124,101\n"


def test_added_managers_are_listed(shop: ShopCommand) -> None:
    managers = json.loads(shop("managers", "list", "--json").out)["managers"]
    assert [(each["extension"], each["name"], each["role"], each["language"]) for each in managers] == [
        ("101", "Anna", "manager", None),
        ("102", "Boris", "manager", "ru"),
    ]
    table = shop("managers", "list").out
    assert "Anna" in table
    assert "Boris" in table


def test_an_extension_belongs_to_one_manager(shop: ShopCommand) -> None:
    ended = shop("managers", "add", "101", "--name", "Clara")
    assert ended.exit_code == Exit.REFUSED
    assert "101" in ended.err


def test_a_language_that_nobody_recorded_is_refused(shop: ShopCommand) -> None:
    assert shop("managers", "add", "103", "--name", "Clara", "--language", "de").exit_code == Exit.USAGE
    assert shop("managers", "add", "103", "--name", "Clara", "--role", "boss").exit_code == Exit.USAGE


def test_disabling_says_whom_the_manager_serves_and_wants_a_yes(shop: ShopCommand) -> None:
    shop("orders", "import", shop.spreadsheet(TWO_ORDERS))
    refused = shop("managers", "disable", "101", typed="n\n")
    assert refused.exit_code == Exit.INTERRUPTED
    assert "serves 2 customers" in refused.out + refused.err
    assert _may_call(shop, "101")
    assert shop("managers", "disable", "101", typed="y\n").exit_code == Exit.DONE
    assert not _may_call(shop, "101")


def test_disabling_without_a_question_is_possible_for_scripts(shop: ShopCommand) -> None:
    ended = shop("managers", "disable", "102", "--yes")
    assert ended.exit_code == Exit.DONE
    assert "0 customers" in ended.out
    assert not _may_call(shop, "102")


def test_nobody_to_ask_means_no(shop: ShopCommand) -> None:
    assert shop("managers", "disable", "101").exit_code == Exit.INTERRUPTED
    assert _may_call(shop, "101")


def test_who_is_unknown_or_disabled_already_is_not_disabled(shop: ShopCommand) -> None:
    assert shop("managers", "disable", "999", "--yes").exit_code == Exit.REFUSED
    shop("managers", "disable", "102", "--yes")
    assert shop("managers", "disable", "102", "--yes").exit_code == Exit.REFUSED


def test_changes_are_on_record(shop: ShopCommand) -> None:
    shop("managers", "disable", "102", "--yes")
    assert shop.audit()[1:] == [
        ("manager-add", "101", "role=manager"),
        ("manager-add", "102", "role=manager"),
        ("manager-disable", "102", ""),
    ]


def _may_call(shop: ShopCommand, extension: str) -> bool:
    managers = json.loads(shop("managers", "list", "--json").out)["managers"]
    return any(each["extension"] == extension and not each["disabled"] for each in managers)


def test_a_phones_password_goes_in_unseen_and_can_be_taken_back(shop: ShopCommand) -> None:
    ended = shop("managers", "phone", "101", typed="correct-horse-101\n")
    assert ended.exit_code == Exit.DONE
    assert "desk.phones.server" in ended.out, "which says where phones reach the PBX, and is not set here"
    assert "correct-horse" not in "".join(shop.printed)
    assert b"correct-horse" not in shop.database.read_bytes()
    assert shop("managers", "phone", "101", "--forget").exit_code == Exit.DONE
    assert shop("managers", "phone", "101", "--forget").exit_code == Exit.REFUSED
    assert [act for act, *_ in shop.audit()][-2:] == ["phone-password", "phone-forget"]


def test_what_no_phone_can_have_for_a_password_is_refused(shop: ShopCommand) -> None:
    for typed in ("", "short", "two words in it", "with;comment", "x" * 129):
        ended = shop("managers", "phone", "101", typed=f"{typed}\n")
        assert ended.exit_code == Exit.USAGE, typed
        assert not typed or typed not in ended.err
    assert shop("managers", "phone", "999", typed="correct-horse-101\n").exit_code == Exit.REFUSED
