"""`call-bridge webhooks`: a secret shown once, addresses that are allowed, words that say what to do."""

from __future__ import annotations

import base64
import json
import re
import sqlite3

import pytest
from shop_command import CONFIG, ShopCommand

from bridge.cli.exits import Exit

URL = "https://crm.example/hook?key=abc"


def listed(shop: ShopCommand) -> list[dict[str, object]]:
    webhooks: list[dict[str, object]] = json.loads(shop("webhooks", "list", "--json").out)["webhooks"]
    return webhooks


def test_a_secret_is_shown_once_and_is_in_no_file(shop: ShopCommand) -> None:
    ended = shop("webhooks", "add", URL, "--events", "result, outcome")
    assert ended.exit_code == Exit.DONE, ended.err
    (secret,) = re.findall(r"^whsec_([A-Za-z0-9+/=]{44})$", ended.out, re.M)
    assert len(base64.b64decode(secret)) == 32
    for path in shop.database.parent.glob("call-bridge.db*"):
        assert base64.b64decode(secret) not in path.read_bytes()
        assert secret.encode() not in path.read_bytes()
    (kept,) = listed(shop)
    assert (kept["id"], kept["url"], kept["events"], kept["disabled_ms"]) == (
        1,
        URL,
        ["outcome", "result"],
        None,
    )
    assert secret not in shop("webhooks", "list").out


def test_the_audit_has_the_host_and_not_what_stands_behind_it(shop: ShopCommand) -> None:
    shop("webhooks", "add", URL)
    assert shop.audit()[-1] == ("webhook-add", "webhook=1, host=crm.example", "outcome result")
    shop("webhooks", "enable", "1")
    assert shop.audit()[-1] == ("webhook-enable", "webhook=1, host=crm.example", "")
    shop("webhooks", "remove", "1")
    assert shop.audit()[-1] == ("webhook-remove", "webhook=1, host=crm.example", "")
    assert listed(shop) == []


def test_plain_http_is_for_networks_of_the_configuration(shop: ShopCommand) -> None:
    refused = shop("webhooks", "add", "http://192.168.1.20/hook")
    assert refused.exit_code == Exit.USAGE
    assert "webhooks.private_networks" in refused.err
    shop.config.write_text(f"{CONFIG}webhooks:\n  private_networks: [192.168.1.20]\n", encoding="utf-8")
    assert shop("webhooks", "add", "http://192.168.1.20/hook").exit_code == Exit.DONE


@pytest.mark.parametrize("events", ["", ",", "calls", "result,call", "RESULT", "test"])
def test_events_that_there_are_not_are_told_with_those_that_there_are(shop: ShopCommand, events: str) -> None:
    ended = shop("webhooks", "add", URL, "--events", events)
    assert ended.exit_code == Exit.USAGE
    assert "result, outcome" in ended.err


@pytest.mark.parametrize("command", ["remove", "enable", "test", "replay"])
def test_one_that_there_is_not_is_refused(shop: ShopCommand, command: str) -> None:
    ended = shop("webhooks", command, "7")
    assert (ended.exit_code, ended.err) == (Exit.REFUSED, "There is no webhook 7.\n")


@pytest.mark.parametrize("command", ["test", "replay"])
def test_one_that_is_disabled_is_to_be_enabled_first(shop: ShopCommand, command: str) -> None:
    shop("webhooks", "add", URL)
    with sqlite3.connect(shop.database) as connection:
        connection.execute("UPDATE webhooks SET disabled_ms = 1")
    connection.close()
    ended = shop("webhooks", command, "1")
    assert (ended.exit_code, ended.err) == (Exit.REFUSED, "Webhook 1 is disabled: enable it.\n")
    assert "no, since" in shop("webhooks", "list").out


def test_without_a_daemon_a_test_says_that_nothing_was_sent(
    shop: ShopCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.cli.webhooks._SECONDS_TO_WAIT", 0.3)
    shop("webhooks", "add", URL)
    ended = shop("webhooks", "test", "1")
    assert ended.exit_code == Exit.UNAVAILABLE
    assert "Is the daemon running?" in ended.err


def test_without_keys_no_secret_can_be_kept(empty_shop: ShopCommand) -> None:
    assert empty_shop("webhooks", "add", URL).exit_code == Exit.KEYS


def test_no_more_than_twenty(shop: ShopCommand) -> None:
    for _ in range(20):
        assert shop("webhooks", "add", URL).exit_code == Exit.DONE
    ended = shop("webhooks", "add", URL)
    assert ended.exit_code == Exit.REFUSED
    assert "remove one of them" in ended.err
