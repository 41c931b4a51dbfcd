"""No command prints a hidden number: whatever goes in, in the right place or a wrong one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from daemon_stub import ScriptedDaemon, serving
from shop_command import ShopCommand

from bridge.cli.errors import explain
from bridge.cli.exits import Exit
from bridge.proof.scan import Scanner

NUMBERS = ("+447700900123", "+447700900124", "+447700900125", "+442079460101", "+12025550123")

SPREADSHEETS = {
    "good.csv": "order,name,phone,phone2\n1042,Anna,+447700900123,020 7946 0101\n1043,Ivan,07700 900124,\n",
    "broken.csv": "order,name,phone,summary,manager,language\n"
    "+447700900123,Anna,1042,,,\n"
    "07700900123,Anna,+44 7700 900123,,,\n"
    "1044,Anna +44 7700 900124,+447700900124,,,\n"
    "1045,Anna,+447700900125x,,,\n"
    "1046,Anna,+447700900125 / +442079460101,,,\n"
    "1047,Anna,07700900123,call 07700900123,,\n"
    "1048,Anna,07700900123,,07700900123,\n"
    "1049,Anna,07700900123,,,07700900123\n"
    "1050,+12025550123,+1 (202) 555-0123 ext. 7,,,\n"
    "1051,Anna,+447700900124\n"
    "1051,Anna,+447700900125\n",
    "header.csv": "order,name,phone,+447700900123,07700 900124\n1052,Anna,+447700900125,1,2\n",
    "headless.csv": "1042,Anna,+447700900123\n1043,Ivan,07700 900124\n",
    "quoted.csv": 'order,name,phone\n1042,"Anna"x,+447700900123\n',
    "unclosed.csv": 'order,name,phone\n1042,"Anna,+447700900123\n',
    "semicolon.csv": "sep=;\norder;name;phone\n1042;Anna;07700 900123;+447700900124\n",
    "number-447700900123.csv": "order,name,phone\n1053,Anna,\n",
}

COMMANDS: Sequence[Sequence[str]] = (
    ("orders", "list"),
    ("orders", "list", "--json"),
    ("orders", "list", "--manager", "07700900123"),
    ("orders", "list", "--limit", "+447700900123"),
    ("orders", "list", "--after", "+447700900123"),
    ("orders", "show", "1042"),
    ("orders", "show", "1042", "--json"),
    ("orders", "show", "+447700900123"),
    ("orders", "show", "447700900123"),
    ("orders", "show", "1042", "+44 7700 900123"),
    ("orders", "assign", "447700900123", "101"),
    ("orders", "assign", "1042", "+447700900123"),
    ("orders", "assign", "1042", "102"),
    ("orders", "add", "1060", "--name", "Anna", "--phone", "+447700900123"),
    ("orders", "add", "1060", "--name", "Anna", "+447700900123"),
    ("orders", "add", "1060", "--name", "Anna", "--phone=07700 900123"),
    ("orders", "add", "1060", "--name", "Anna", "--telephone=07700900123"),
    ("orders", "add", "+447700900123", "--name", "Anna"),
    ("orders", "add", "1060", "--name", "Anna 07700 900123"),
    ("orders", "add", "1060", "--name", "Anna", "--manager", "07700900123"),
    ("orders", "add", "1060", "--name", "Anna", "--language", "07700900123"),
    ("orders", "add", "07700900125", "--name", "Anna"),
    ("orders", "add", "1061", "--name", "Anna"),
    ("managers", "add", "+447700900123", "--name", "Anna"),
    ("managers", "add", "101", "--name", "Anna", "--role", "+447700900123"),
    ("managers", "disable", "07700900123", "--yes"),
    ("managers", "list"),
    ("managers", "list", "--json"),
    ("keys", "status"),
    ("keys", "status", "--json"),
    ("keys", "rotate"),
    ("keys", "rotate", "--stdout"),
    ("keys", "retire", "+447700900123", "--yes"),
    ("audit", "show"),
    ("audit", "show", "--json"),
    ("audit", "show", "--order", "07700900123", "--since", "+447700900123"),
    ("audit", "verify"),
    ("audit", "verify", "--head", "+447700900123"),
    ("audit", "head"),
    ("erase", "+447700900123", "--yes"),
    ("erase", "1043"),
    ("erase", "--customer", "447700900123", "--yes"),
    ("backup", "447700900123/copy.db"),
    ("restore", "+447700900123", "--yes"),
    ("restore", "number-447700900123.csv", "--verify"),
    ("calls",),
    ("calls", "--json"),
    ("call", "1042", "--as", "101"),
    ("call", "+447700900123", "--as", "101"),
    ("call", "1042", "--as", "07700 900123"),
    ("hang-up", "+447700900123"),
    ("07700900123",),
    ("--07700900123",),
    ("check-config",),
    ("tokens", "add", "+447700900123", "--scopes", "orders:read"),
    ("tokens", "add", "crm", "--scopes", "07700 900123"),
    ("tokens", "revoke", "07700900123"),
    ("tokens", "list"),
    ("shops", "add", "+447700900123", "--kind", "woocommerce", "--managers", "101"),
    ("shops", "add", "main-shop", "--kind", "+447700900123", "--managers", "101"),
    ("shops", "add", "main-shop", "--kind", "woocommerce", "--managers", "07700900123"),
    ("shops", "list"),
    ("shops", "remove", "07700900123"),
    ("texts", "list", "--limit", "07700900123"),
    ("texts", "retry", "07700900123"),
    ("webhooks", "add", "https://crm.example/+447700900123"),
    ("webhooks", "add", "https://447700900123.example/hook"),
    ("webhooks", "add", "+447700900123"),
    ("webhooks", "add", "https://crm.example/", "--events", "07700 900123"),
    ("webhooks", "list"),
    ("webhooks", "list", "--json"),
    ("webhooks", "enable", "447700900123"),
    ("webhooks", "remove", "+447700900123"),
    ("webhooks", "replay", "1", "--hours", "447700900123"),
)


def _assert_no_number_in(texts: Sequence[str]) -> None:
    scanners = [Scanner(number, "GB") for number in NUMBERS]
    for text in texts:
        found = [finding.form for scanner in scanners for finding in scanner.scan(text.encode())]
        assert not found, f"{found[0]}, in what a command printed"


def test_no_command_and_no_error_of_one_shows_a_number(shop: ShopCommand) -> None:
    for name, text in SPREADSHEETS.items():
        source = shop.spreadsheet(text, name if "447700900123" not in name else "renamed.csv")
        for options in ((), ("--dry-run",), ("--json",)):
            shop("orders", "import", source, *options)
    for command in COMMANDS:
        for typed in ("+447700900125\n", "07700 900125x\n", "+44 7700 900125, +44 20 7946 0101\n"):
            shop(*command, typed=typed)
    with serving(ScriptedDaemon(), shop.socket):
        for command in COMMANDS:
            if not any("900123" in argument for argument in command):
                shop(*command, typed="+447700900125\n")
    assert len([text for text in shop.printed if text]) > 100
    _assert_no_number_in(shop.printed)


def test_neither_the_audit_nor_a_rejects_file_shows_a_number(shop: ShopCommand) -> None:
    for name, text in SPREADSHEETS.items():
        shop("orders", "import", shop.spreadsheet(text, name))
    for command in COMMANDS:
        shop(*command, typed="+447700900125\n")
    _assert_no_number_in([" ".join(row) for row in shop.audit()])
    rejects = list(shop.folder.glob("*.rejects.csv"))
    assert len(rejects) >= 2
    _assert_no_number_in([file.read_text(encoding="utf-8-sig") for file in rejects])


def test_the_search_would_find_a_number_that_is_shown() -> None:
    with pytest.raises(AssertionError):
        _assert_no_number_in(["There is no order 07700 900123."])


def test_an_error_nobody_foresaw_shows_neither_its_text_nor_a_variable() -> None:
    def fail() -> None:
        number = "+447700900123"
        raise KeyError(number)

    with pytest.raises(KeyError) as caught:
        fail()
    explanation = explain(caught.value)
    assert explanation.exit_code == Exit.UNFORESEEN
    assert "KeyError" in explanation.message
    _assert_no_number_in([explanation.message])


def test_an_error_nobody_foresaw_ends_a_command_without_a_traceback(
    shop: ShopCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("+447700900123")

    monkeypatch.setattr("bridge.cli.orders.show_order", fail)
    ended = shop("orders", "show", "1042")
    assert ended.exit_code == Exit.UNFORESEEN
    assert "error " in ended.err
    assert "cli/orders.py:" in ended.err
    assert "Traceback" not in ended.err
    _assert_no_number_in(shop.printed)


def test_a_number_never_stands_in_the_name_of_a_file_we_make(shop: ShopCommand, tmp_path: Path) -> None:
    shop("orders", "import", shop.spreadsheet(SPREADSHEETS["broken.csv"], "broken.csv"))
    _assert_no_number_in([str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")])
