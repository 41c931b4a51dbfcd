"""`call-bridge shops pull-from` and `pull`: a login that is never shown, and words for what comes of it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from daemon_stub import ScriptedDaemon, ScriptedPuller, serving
from shop_command import Ended, ShopCommand
from sqlalchemy.exc import OperationalError

from bridge.cli import shop_pulls
from bridge.cli.exits import Exit
from bridge.pulling.puller import Pulled
from bridge.store.database import now_ms
from bridge.store.errors import ShopNotPulled, UnknownShop

ADD = ("shops", "add", "main-shop", "--kind", "woocommerce", "--managers", "101")
PULLED = (*ADD, "--pull-from", "https://shop.example/")
KEY, SECRET = "ck_0123456789abcdef", "cs_fedcba9876543210"
LOGIN = f"{KEY}\n{SECRET}\n"
DAY_MS = 24 * 3_600_000


def told_by(*pages: Pulled | Exception | None) -> ScriptedDaemon:
    return ScriptedDaemon(puller=ScriptedPuller(list(pages)))


def with_daemon(shop: ShopCommand, daemon: ScriptedDaemon, *words: str, typed: str = "") -> Ended:
    with serving(daemon, shop.socket):
        return shop(*words, typed=typed)


def listed(shop: ShopCommand) -> dict[str, Any]:
    (kept,) = json.loads(shop("shops", "list", "--json").out)["shops"]
    return dict(kept)


def kept_row(shop: ShopCommand, columns: str) -> tuple[Any, ...]:

    with sqlite3.connect(shop.database) as database:
        row = database.execute(f"SELECT {columns} FROM shop_pulls").fetchone()
    database.close()
    return tuple(row)


def test_a_shop_is_added_and_looked_at_once_and_what_it_has_is_told(shop: ShopCommand) -> None:
    daemon = told_by(Pulled("arrived", arrived=True, orders={"open": 12, "refused": 1}, more=True))
    ended = with_daemon(shop, daemon, *PULLED, typed=LOGIN)
    assert ended.exit_code == Exit.DONE, ended.err
    assert daemon.puller.asked == [("try", "main-shop")]
    assert (
        "main-shop gives its orders. On the first page: 12 open, 1 refused, and there are more" in ended.out
    )
    assert [act for act, *_ in shop.audit()[-2:]] == ["shop-add", "shop-pull-from"]
    assert shop.audit()[-1] == ("shop-pull-from", "main-shop", "host=shop.example")
    assert listed(shop)["pull_from"] == "https://shop.example"
    (since_ms,) = kept_row(shop, "since_ms")
    assert abs(now_ms() - 14 * DAY_MS - since_ms) < DAY_MS


def test_a_login_is_shown_nowhere_and_is_in_no_file(shop: ShopCommand) -> None:
    for daemon in (told_by(Pulled("wrong-login 401", arrived=False)), told_by(None)):
        with_daemon(shop, daemon, *PULLED, typed=LOGIN)
        with_daemon(shop, daemon, "shops", "pull", "main-shop")
        with_daemon(shop, daemon, "shops", "list", "--json")
        shop("shops", "remove", "main-shop")
    said = "".join(shop.printed)
    assert not any(secret in said for secret in (KEY, SECRET))
    for path in shop.database.parent.glob("call-bridge.db*"):
        assert KEY.encode() not in path.read_bytes()
        assert SECRET.encode() not in path.read_bytes()


def test_one_that_gives_no_orders_is_added_all_the_same_and_what_is_wrong_is_told(shop: ShopCommand) -> None:
    ended = with_daemon(shop, told_by(Pulled("wrong-login 401", arrived=False)), *PULLED, typed=LOGIN)
    assert ended.exit_code == Exit.REFUSED
    assert "main-shop gives no orders yet: wrong-login 401. docs/integrations.md" in ended.err
    assert listed(shop)["name"] == "main-shop"


def test_without_a_daemon_it_is_added_and_nothing_is_said_of_the_shop(shop: ShopCommand) -> None:
    ended = shop(*PULLED, typed=LOGIN)
    assert ended.exit_code == Exit.DONE
    assert "as soon as the daemon runs" in ended.out
    assert "not yet" in shop("shops", "list").out


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://shop.example", "plain http is for shops.private_networks alone"),
        ("ftp://shop.example", "is a URL"),
        ("shop.example", "is a URL"),
        (f"https://{KEY}:{SECRET}@shop.example", "no user, no password"),
        ("https://shop.example/?consumer_key=x", "has no query"),
        ("https://447700900123.example", "looks like a phone number"),
        ("https://shop.example/447700900123", "looks like a phone number"),
    ],
)
def test_what_is_no_address_of_a_shop_is_refused_before_anything_is_asked(
    shop: ShopCommand, url: str, told: str
) -> None:
    ended = shop(*ADD, "--pull-from", url, typed=LOGIN)
    assert (ended.exit_code, told in " ".join(ended.err.split())) == (Exit.USAGE, True), ended.err
    assert not any(secret in ended.err for secret in (KEY, SECRET, "447700900123"))
    assert json.loads(shop("shops", "list", "--json").out)["shops"] == []


@pytest.mark.parametrize(
    "typed", ["", "\n", f"{KEY}\n", f"{KEY}\n\n", f"{KEY}\n{'x' * 501}\n", "a\x00b\nc\n"]
)
def test_a_login_that_is_none_is_refused(shop: ShopCommand, typed: str) -> None:
    assert shop(*PULLED, typed=typed).exit_code == Exit.USAGE
    assert json.loads(shop("shops", "list", "--json").out)["shops"] == []


def test_a_token_alone_is_a_secret_without_a_key(shop: ShopCommand) -> None:
    assert shop(*PULLED, typed=f"\n{SECRET}\n").exit_code == Exit.DONE


def test_the_secret_of_its_webhooks_comes_before_the_login(shop: ShopCommand) -> None:
    ended = shop(*PULLED, "--own-secret", typed=f"own\n{LOGIN}")
    assert ended.exit_code == Exit.DONE, ended.err
    assert shop(*PULLED[:2], "two", *PULLED[3:], "--own-secret", typed=LOGIN).exit_code == Exit.USAGE


def test_a_shop_that_sends_is_asked_too_gets_another_login_and_is_asked_no_more(shop: ShopCommand) -> None:
    shop(*ADD)
    assert "pull_from" not in listed(shop)
    refused = shop("shops", "pull", "main-shop")
    assert (refused.exit_code, "shops pull-from" in refused.err) == (Exit.REFUSED, True)
    for url in ("https://shop.example", "https://www.shop.example"):
        assert shop("shops", "pull-from", "main-shop", url, typed=LOGIN).exit_code == Exit.DONE
        assert listed(shop)["pull_from"] == url
    assert shop("shops", "pull-from", "main-shop", "--stop").exit_code == Exit.DONE
    assert shop.audit()[-1] == ("shop-pull-stop", "main-shop", "")
    assert "pull_from" not in listed(shop)
    assert shop("shops", "pull-from", "main-shop", "--stop").exit_code == Exit.REFUSED
    assert shop("shops", "pull-from", "main-shop").exit_code == Exit.USAGE
    assert shop("shops", "pull-from", "main-shop", "https://x.example", "--stop").exit_code == Exit.USAGE
    assert shop("shops", "pull-from", "no-shop", "https://x.example", typed=LOGIN).exit_code == Exit.REFUSED


def test_a_kind_that_can_not_be_asked_is_refused(shop: ShopCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_pulls, "load_shops", lambda: {"woocommerce": object()})
    ended = shop(*PULLED, typed=LOGIN)
    assert (ended.exit_code, "does not know how" in " ".join(ended.err.split())) == (Exit.USAGE, True)


def test_pulling_now_reads_every_page_and_adds_up(shop: ShopCommand) -> None:
    shop(*PULLED, typed=LOGIN)
    daemon = told_by(
        Pulled("arrived", arrived=True, orders={"added": 50}, more=True),
        Pulled("arrived", arrived=True, orders={"added": 7, "refused": 2}),
    )
    ended = with_daemon(shop, daemon, "shops", "pull", "main-shop")
    assert (ended.exit_code, ended.out, ended.err) == (
        Exit.DONE, "Pages: 2; orders: 57 added, 2 refused.\n", "",
    )  # fmt: skip
    plain = with_daemon(
        shop, told_by(Pulled("arrived", arrived=True)), "shops", "pull", "main-shop", "--json"
    )
    assert json.loads(plain.out) == {"said": "arrived", "arrived": True, "pages": 1, "orders": {}}


def test_pulling_now_says_what_is_wrong_and_what_came_before_it(shop: ShopCommand) -> None:
    shop(*PULLED, typed=LOGIN)
    daemon = told_by(
        Pulled("arrived", arrived=True, orders={"added": 50}, more=True),
        Pulled("timed-out", arrived=False),
    )
    ended = with_daemon(shop, daemon, "shops", "pull", "main-shop")
    assert ended.exit_code == Exit.REFUSED
    assert ended.out == "Pages: 1; orders: 50 added.\n"
    assert "gives no orders: timed-out. docs/integrations.md says" in ended.err


@pytest.mark.parametrize("fault", [None, OperationalError("SELECT", {}, Exception(SECRET))])
def test_a_daemon_that_can_not_do_it_says_so(shop: ShopCommand, fault: Exception | None) -> None:
    shop(*PULLED, typed=LOGIN)
    ended = with_daemon(shop, told_by(fault), "shops", "pull", "main-shop")
    assert ended.exit_code == Exit.UNAVAILABLE
    assert SECRET not in ended.err
    assert shop("shops", "pull", "main-shop").exit_code == Exit.UNAVAILABLE


@pytest.mark.parametrize("fault", [UnknownShop("main-shop"), ShopNotPulled("main-shop")])
def test_a_shop_that_is_removed_meanwhile_is_told(shop: ShopCommand, fault: Exception) -> None:
    shop(*PULLED, typed=LOGIN)
    ended = with_daemon(shop, told_by(fault), "shops", "pull", "main-shop")
    assert (ended.exit_code, ended.out) == (Exit.REFUSED, "")


def test_what_was_wrong_last_is_listed(shop: ShopCommand) -> None:

    shop(*PULLED, typed=LOGIN)
    with sqlite3.connect(shop.database) as database:
        database.execute(
            "UPDATE shop_pulls SET said = 'wrong-login 401', failing_since_ms = 1, pulled_ms = 2"
        )
    database.close()
    told = listed(shop)
    assert (told["said"], told["failing_since_ms"], told["pulled_ms"]) == ("wrong-login 401", 1, 2)
    assert "wrong-login 401, since 1970" in " ".join(shop("shops", "list").out.split())
