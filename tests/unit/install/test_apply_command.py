"""`call-bridge apply` writes what is missing, and says who has not taken the changes over and why.

With a real Asterisk and daemon it is in tests/pbx/test_init.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from daemon_stub import WELL, ScriptedDaemon, serving
from pbx_trees import CARRIER, SHOP, VANILLA, Init, picture, tree, want_ami

from bridge.api.app import ConfigStatus
from bridge.cli.exits import Exit

NOBODY_LISTENS = "http://127.0.0.1:1/ari"


@pytest.fixture
def pbx(tmp_path: Path) -> Init:
    """Set up, with an Asterisk that is not running, and a daemon that would be on a socket of the test's."""
    pbx = Init(tree(tmp_path / "pbx", VANILLA))
    assert pbx("--yes", *SHOP, *CARRIER) == 0, pbx.err
    config = pbx.root / "etc/call-bridge/config.yaml"
    text = config.read_text().replace("http://127.0.0.1:8088/ari", NOBODY_LISTENS)
    config.write_text(text.replace("/var/lib/call-bridge/call-bridge.sock", str(tmp_path / "daemon.sock")))
    return pbx


@pytest.fixture
def daemon(pbx: Init, tmp_path: Path) -> Iterator[ScriptedDaemon]:
    daemon = ScriptedDaemon()
    with serving(daemon, tmp_path / "daemon.sock"):
        yield daemon


def now_is(daemon: ScriptedDaemon, config: ConfigStatus) -> None:
    daemon.status = replace(WELL, config=config)


def test_a_pbx_without_call_bridge_is_told_of_init(tmp_path: Path) -> None:
    plain = Init(tree(tmp_path / "plain", VANILLA))
    before = picture(plain.root)
    assert plain.run("apply", "--yes") == Exit.REFUSED
    assert "`call-bridge init`" in plain.err
    assert picture(plain.root) == before


def test_what_the_configuration_wants_since_is_written_after_it_was_shown(pbx: Init) -> None:
    want_ami(pbx)
    pbx.run("apply", typed="n\n")
    assert "[call-bridge]" in pbx.out
    assert not (pbx.root / "etc/asterisk/call-bridge/manager.conf").exists()
    pbx.run("apply", typed="y\n")
    assert "[call-bridge]" in pbx.read("etc/asterisk/call-bridge/manager.conf")
    assert "manager reload" in pbx.out


def test_who_does_not_answer_is_named_and_the_others_are_told_all_the_same(
    pbx: Init, daemon: ScriptedDaemon
) -> None:
    assert pbx.run("apply", "--yes") == Exit.UNAVAILABLE
    assert f"Asterisk does not answer at {NOBODY_LISTENS}" in pbx.err
    assert daemon.reloads == 1
    assert "The daemon goes by /etc/call-bridge/config.yaml." in pbx.out


def test_a_daemon_that_is_not_there_is_said_to_be_so(pbx: Init) -> None:
    assert pbx.run("apply", "--yes") == Exit.UNAVAILABLE
    assert "The daemon was not reloaded: " in pbx.err
    assert "no daemon answers here" in pbx.err


def test_what_changes_at_a_restart_alone_is_named(pbx: Init, daemon: ScriptedDaemon) -> None:
    now_is(daemon, replace(WELL.config, restart_for=("store.path", "trunk.caller_id_name")))
    assert pbx.run("apply", "--yes") == Exit.UNAVAILABLE
    assert "store.path, trunk.caller_id_name" in pbx.err
    assert "systemctl restart call-bridge" in pbx.err
    assert "The daemon goes by" not in pbx.out


def test_the_daemons_own_reasons_to_refuse_are_told(pbx: Init, daemon: ScriptedDaemon) -> None:
    now_is(daemon, replace(WELL.config, problems=("config.yaml: keys: there is no key",)))
    assert pbx.run("apply", "--yes") == Exit.UNAVAILABLE
    assert "config.yaml: keys: there is no key" in pbx.err


def test_a_configuration_with_faults_changes_nothing(pbx: Init, daemon: ScriptedDaemon) -> None:
    config = pbx.root / "etc/call-bridge/config.yaml"
    config.write_text(config.read_text() + "unheard_of: 1\n")
    assert pbx.run("apply", "--yes") == Exit.CONFIG
    assert "unheard_of" in pbx.err
    assert daemon.reloads == 0
