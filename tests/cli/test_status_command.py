"""`call-bridge status` says what a sysadmin asks first, and ends with a code that a monitor can go by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from daemon_stub import WELL, ScriptedDaemon, serving
from shop_command import ShopCommand

from bridge.api.app import Readiness
from bridge.cli.exits import Exit
from bridge.logs import LoggedError


@pytest.fixture
def daemon(shop: ShopCommand) -> Iterator[ScriptedDaemon]:
    daemon = ScriptedDaemon()
    with serving(daemon, shop.socket):
        yield daemon


def test_a_daemon_that_is_well_is_told_so(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    ended = shop("status")
    assert ended.exit_code == Exit.DONE
    lines = ended.out.splitlines()
    assert lines[0] == "ready: yes"
    assert "calls: 3, of which conversations: 2" in lines
    assert "last error: none" in lines
    assert "on disk, " not in ended.out


@pytest.mark.parametrize(
    ("readiness", "words"),
    [
        (Readiness(link=False, sealed=False), "no link to Asterisk"),
        (Readiness(link=True, sealed=True), "sealed"),
        (Readiness(link=True, sealed=False, panic=True), "stopped all calls"),
        (Readiness(link=True, sealed=False, stopping=True), "being stopped"),
    ],
)
def test_one_that_can_place_no_call_is_told_with_the_reason(
    shop: ShopCommand, daemon: ScriptedDaemon, readiness: Readiness, words: str
) -> None:
    daemon.readiness = readiness
    ended = shop("status")
    assert ended.exit_code == Exit.UNAVAILABLE
    first = ended.out.splitlines()[0]
    assert first.startswith("ready: no: ")
    assert words in first


def test_a_reload_that_was_refused_is_told_with_its_faults(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    fault = "config.yaml:17: rules.limits.per_hour: must be 1 or more"
    refused = replace(WELL.config, changed_on_disk=True, reload_ms=1, problems=(fault,))
    daemon.status = replace(WELL, config=refused)
    told = shop("status").out
    assert f"last reload refused: {fault}\n" in told
    assert "configuration on disk: another since" in told
    daemon.status = replace(WELL, config=replace(refused, problems=(), restart_for=("trunk.sealed.carrier",)))
    assert "last reload refused: trunk.sealed.carrier changes at a restart alone\n" in shop("status").out


def test_programs_get_all_of_it(shop: ShopCommand, daemon: ScriptedDaemon) -> None:
    daemon.status = replace(WELL, last_error=LoggedError("the database failed", "OperationalError", 5))
    told = json.loads(shop("status", "--json").out)
    assert told["ready"] is True
    assert told["last_error"] == {"event": "the database failed", "error": "OperationalError", "at_ms": 5}
    assert told["config"]["path"] == "/etc/call-bridge/config.yaml"
    assert told["link_since_ms"] == WELL.link_since_ms


def test_without_a_daemon_it_says_how_to_start_one(shop: ShopCommand) -> None:
    ended = shop("status")
    assert ended.exit_code == Exit.UNAVAILABLE
    assert "call-bridge serve" in ended.err
