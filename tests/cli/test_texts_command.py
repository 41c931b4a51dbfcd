"""`call-bridge texts`: what became of each, and one that was given up, sent after all with the same id."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit


@pytest.fixture
def texting(shop: ShopCommand) -> ShopCommand:
    """A shop with a text that was sent, one that was given up and one that waits."""
    assert shop("orders", "add", "1042", "--name", "Harriet", typed="+447700900124\n").exit_code == 0
    with closing(sqlite3.connect(shop.database)) as database, database:
        for message_id, column in (("aaa", "sent_ms"), ("bbb", "failed_ms"), ("ccc", "next_ms")):
            database.execute(
                f"INSERT INTO texts (message_id, contact_id, order_code, template, at_ms, attempts, {column})"
                " SELECT ?, id, '1042', 'ready', 1, 3, 1 FROM contacts",
                (message_id,),
            )
    return shop


def kept(shop: ShopCommand, text_id: int) -> Any:
    with closing(sqlite3.connect(shop.database)) as database:
        columns = "message_id, attempts, next_ms, failed_ms, at_ms"
        return database.execute(f"SELECT {columns} FROM texts WHERE id = ?", (text_id,)).fetchone()


def test_the_newest_are_listed_with_what_became_of_them(texting: ShopCommand) -> None:
    listed = json.loads(texting("texts", "list", "--json").out)["texts"]
    assert [(each["id"], each["outcome"]) for each in listed] == [(3, "waiting"), (2, "failed"), (1, "sent")]
    assert len(json.loads(texting("texts", "list", "--limit", "1", "--json").out)["texts"]) == 1
    assert "failed" in texting("texts", "list").out


def test_one_that_was_given_up_is_sent_after_all_with_its_id_and_on_record(texting: ShopCommand) -> None:
    assert texting("texts", "retry", "2").exit_code == Exit.DONE
    message_id, attempts, next_ms, failed_ms, at_ms = kept(texting, 2)
    assert (message_id, attempts, failed_ms) == ("bbb", 0, None)
    assert next_ms == at_ms > 1
    assert texting.audit()[-1] == ("text-retry", "order 1042", "ready")


@pytest.mark.parametrize("text_id", [1, 3, 99])
def test_what_was_not_given_up_is_left_as_it_is(texting: ShopCommand, text_id: int) -> None:
    before = kept(texting, text_id)
    ended = texting("texts", "retry", str(text_id))
    assert ended.exit_code == Exit.REFUSED
    assert "was given up" in ended.err
    assert kept(texting, text_id) == before
