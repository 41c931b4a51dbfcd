"""What stops a command is told in one message that says what to do, with an exit code of its own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from shop_command import CONFIG, ShopCommand

from bridge import __version__
from bridge.cli.exits import Exit
from bridge.cli.main import run


def test_a_sound_configuration_is_ok(empty_shop: ShopCommand) -> None:
    assert empty_shop("check-config").out == "ok\n"
    assert json.loads(empty_shop("check-config", "--json").out) == {"ok": True, "problems": []}


def test_every_fault_of_the_configuration_is_told_with_its_line(empty_shop: ShopCommand) -> None:
    empty_shop.config.write_text(CONFIG.replace("country: GB", "country: UK").replace("keys:", "kees:"))
    ended = empty_shop("check-config")
    assert ended.exit_code == Exit.CONFIG
    assert "config.yaml:3: shop.country: " in ended.err
    assert "did you mean keys?" in ended.err
    answer = empty_shop("check-config", "--json")
    assert answer.exit_code == Exit.CONFIG
    assert (3, "shop.country") in [(each["line"], each["key"]) for each in json.loads(answer.out)["problems"]]


def test_a_faulty_configuration_stops_every_command_alike(empty_shop: ShopCommand) -> None:
    empty_shop.config.write_text("shop: {}\n")
    for command in (("serve",), ("keys", "new"), ("managers", "list"), ("orders", "list"), ("calls",)):
        ended = empty_shop(*command)
        assert ended.exit_code == Exit.CONFIG
        assert "config.yaml" in ended.err


def test_the_configuration_is_found_by_option_variable_and_folder_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("by_option", "by_variable", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(f"{name}: 1\n")
    monkeypatch.chdir(tmp_path / "here")

    def _which(*arguments: str) -> str:
        assert run([*arguments, "check-config"]) == Exit.CONFIG
        told = capsys.readouterr().err
        return next(name for name in ("by_option", "by_variable", "here") if name in told)

    assert _which() == "here"
    monkeypatch.setenv("CALL_BRIDGE_CONFIG", str(tmp_path / "by_variable" / "config.yaml"))
    assert _which() == "by_variable"
    assert _which("--config", str(tmp_path / "by_option" / "config.yaml")) == "by_option"


def test_where_no_configuration_is_it_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CALL_BRIDGE_CONFIG", raising=False)
    monkeypatch.setattr("bridge.cli.session.CONFIG_PLACES", (Path("config.yaml"), tmp_path / "etc"))
    assert run(["check-config"]) == Exit.CONFIG
    assert "--config" in capsys.readouterr().err


def test_a_database_that_others_can_read_is_not_used(shop: ShopCommand) -> None:
    shop.database.chmod(0o644)
    ended = shop("managers", "list")
    assert ended.exit_code == Exit.DATABASE
    assert f"chmod 600 {shop.database}" in ended.err


def test_a_file_that_is_no_database_is_not_used(shop: ShopCommand) -> None:
    shop.database.write_bytes(b"not a database" * 1000)
    assert shop("managers", "list").exit_code == Exit.DATABASE


def test_a_database_in_use_elsewhere_is_told_as_that(
    shop: ShopCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.database.BUSY_TIMEOUT_MS", 20)
    elsewhere = sqlite3.connect(shop.database, isolation_level=None)
    elsewhere.execute("BEGIN IMMEDIATE")
    ended = shop("managers", "add", "103", "--name", "Clara")
    elsewhere.close()
    assert ended.exit_code == Exit.DATABASE
    assert "locked" in ended.err


def test_a_folder_that_cannot_be_made_is_named(empty_shop: ShopCommand) -> None:
    (empty_shop.folder / "var").write_text("a file, where a folder should be")
    ended = empty_shop("keys", "new")
    assert ended.exit_code == Exit.FILE
    assert str(empty_shop.folder / "var") in ended.err


def test_a_daemon_that_cannot_start_says_why(shop: ShopCommand) -> None:
    program = "from bridge.cli.main import main; main()"
    command = [sys.executable, "-c", program, "--config", str(shop.config), "serve"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == Exit.NOT_STARTED
    assert "ari-password" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_unknown_command_is_a_usage_error_that_points_to_help(empty_shop: ShopCommand) -> None:
    ended = empty_shop("ordres", "list")
    assert ended.exit_code == Exit.USAGE
    assert "--help" in ended.err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == Exit.DONE
    assert capsys.readouterr().out == f"call-bridge {__version__}\n"


def test_nothing_at_all_gets_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == Exit.USAGE
    printed = capsys.readouterr()
    assert "managers" in printed.out + printed.err
    assert "Exit codes" in printed.out + printed.err
    assert printed.err == ""
