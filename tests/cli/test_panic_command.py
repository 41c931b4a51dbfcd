"""`panic`, `panic status` and `panic --off`, with and without a daemon."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator

import pytest
from daemon_stub import ScriptedDaemon, serving
from shop_command import ShopCommand

from bridge.cli.exits import Exit

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture
def daemon(shop: ShopCommand) -> Iterator[ScriptedDaemon]:
    daemon = ScriptedDaemon()
    with serving(daemon, shop.socket):
        yield daemon


def test_a_panic_needs_no_daemon_and_says_who_when_and_why(shop: ShopCommand) -> None:
    assert shop("panic", "--reason", "strange calls").exit_code == Exit.DONE
    panic = json.loads(shop("panic", "status", "--json").out)["panic"]
    assert (panic["actor"], panic["reason"]) == (ME, "strange calls")
    told = shop("panic", "status").out
    assert "No call is placed" in told
    assert f"by {ME}" in told
    assert "(strange calls)" in told


def test_calls_are_placed_again_when_somebody_says_so(shop: ShopCommand) -> None:
    shop("panic")
    assert shop("panic", "--off").exit_code == Exit.DONE
    assert json.loads(shop("panic", "status", "--json").out) == {"panic": None}
    assert shop("panic", "--off").exit_code == Exit.REFUSED


def test_panic_and_its_end_are_on_record(shop: ShopCommand) -> None:
    before = len(shop.audit())
    shop("panic", "--reason", "strange calls")
    shop("panic", "--off")
    assert shop.audit()[before:] == [
        ("panic", "all calls", "strange calls"),
        ("panic-off", "all calls", ""),
    ]


def test_a_second_panic_leaves_the_first_as_it_was(shop: ShopCommand) -> None:
    shop("panic", "--reason", "first")
    again = shop("panic", "--reason", "second")
    assert again.exit_code == Exit.DONE
    assert "(first)" in again.out


def test_a_number_in_the_reason_is_not_kept(shop: ShopCommand) -> None:
    shop("panic", "--reason", "ask +44 7700 900123, he knows")
    assert "900123" not in "".join(shop.printed) + str(shop.audit())
    assert "he knows" in shop("panic", "status").out


def test_hanging_up_ends_every_live_call(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    shop("call", "1042", "--as", "101")
    ended = shop("panic", "--hang-up")
    assert ended.exit_code == Exit.DONE
    assert "hung up: 1." in ended.out
    assert daemon.switchboard.calls == []


def test_without_hanging_up_calls_go_on(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    shop("call", "1042", "--as", "101")
    shop("panic")
    assert len(daemon.switchboard.calls) == 1


def test_hanging_up_without_a_daemon_stops_calls_and_says_what_it_could_not_do(shop: ShopCommand) -> None:
    ended = shop("panic", "--hang-up")
    assert ended.exit_code == Exit.UNAVAILABLE
    assert "asterisk -rx" in ended.err
    assert json.loads(shop("panic", "status", "--json").out)["panic"] is not None


@pytest.mark.parametrize("option", [("--hang-up",), ("--reason", "why")])
def test_the_end_of_a_panic_goes_with_no_other_option(shop: ShopCommand, option: tuple[str, ...]) -> None:
    shop("panic")
    assert shop("panic", "--off", *option).exit_code == Exit.USAGE
    assert json.loads(shop("panic", "status", "--json").out)["panic"] is not None
