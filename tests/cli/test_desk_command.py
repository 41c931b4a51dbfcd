"""`call-bridge desk invite`: how the first owner, and whoever has lost a phone, comes to the desk."""

from __future__ import annotations

import json
import re
import sqlite3
import time

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit


@pytest.fixture
def owned(shop: ShopCommand) -> ShopCommand:
    assert shop("managers", "add", "100", "--name", "Olga", "--role", "owner").exit_code == Exit.DONE
    return shop


def test_a_link_is_printed_for_somebody_who_is_known(owned: ShopCommand) -> None:
    ended = owned("desk", "invite", "100")
    assert ended.exit_code == Exit.DONE
    assert re.search(r"^http://127\.0\.0\.1:8090/invitations/[A-Za-z]{45}$", ended.out, re.M)


def test_a_link_begins_with_the_desks_own_address(owned: ShopCommand) -> None:
    text = owned.config.read_text()
    owned.config.write_text(text + "desk: {url: 'https://desk.example.net'}\n")
    answer = json.loads(owned("desk", "invite", "100", "--json").out)
    assert answer["link"].startswith("https://desk.example.net/invitations/")
    assert 0 < answer["ends_ms"] - time.time() * 1000 <= 24 * 3_600_000


def test_the_link_itself_is_neither_in_the_database_nor_on_record(owned: ShopCommand) -> None:
    link = json.loads(owned("desk", "invite", "100", "--json").out)["link"]
    token = link.rpartition("/")[2].encode()
    assert all(token not in path.read_bytes() for path in owned.database.parent.glob("call-bridge.db*"))
    assert owned.audit()[-1] == ("invite", "100", "sessions ended: 0")
    with sqlite3.connect(owned.database) as connection:
        assert connection.execute("SELECT login FROM accounts").fetchall() == [("100",)]
    connection.close()


def test_nobody_unknown_and_nobody_disabled_is_invited(owned: ShopCommand) -> None:
    owned("managers", "disable", "101", "--yes")
    for extension in ("999", "101"):
        ended = owned("desk", "invite", extension)
        assert ended.exit_code == Exit.REFUSED
        assert extension in ended.err
        assert "invitation" not in ended.out
