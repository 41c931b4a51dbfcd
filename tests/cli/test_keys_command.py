"""`call-bridge keys`: made once, shown never, and a wrong ring is told at once."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit
from bridge.vault import KeyFile, KeyRing, read_key_ring


def _swap_keys(shop: ShopCommand) -> None:
    """Put another shop's ring in the place of this one's."""
    shop.key_file.write_text(KeyRing.new().dump())


def _key_texts(ring: str) -> list[str]:
    """The base64 of every key in a key file."""
    fields = [line for line in ring.splitlines() if line.endswith("=")]
    return [field.split("=", 1)[1] for field in fields]


def test_a_new_ring_is_usable_and_for_its_owner_alone(empty_shop: ShopCommand) -> None:
    assert empty_shop("keys", "new").exit_code == Exit.DONE
    assert read_key_ring(KeyFile(empty_shop.key_file)).ids
    assert stat.S_IMODE(empty_shop.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(empty_shop.key_file.parent.stat().st_mode) == 0o700


def test_a_ring_is_never_overwritten(shop: ShopCommand) -> None:
    before = shop.key_file.read_bytes()
    ended = shop("keys", "new")
    assert ended.exit_code == Exit.KEYS
    assert "never overwritten" in ended.err
    assert shop.key_file.read_bytes() == before


def test_no_second_ring_is_made_for_a_database_that_was_sealed_with_a_lost_one(shop: ShopCommand) -> None:
    shop.key_file.unlink()
    ended = shop("keys", "new")
    assert ended.exit_code == Exit.KEYS
    assert "restore the key ring" in ended.err
    assert not shop.key_file.exists()


def test_status_tells_the_current_key_and_that_it_is_the_databases(shop: ShopCommand) -> None:
    ring = read_key_ring(KeyFile(shop.key_file))
    ended = shop("keys", "status", "--json")
    assert ended.exit_code == Exit.DONE
    assert json.loads(ended.out)["keys"] == [
        {"key": f"kek:{ring.current.id}", "use": "current", "database": "the same"},
        {"key": "blind-index", "use": "fixed", "database": "the same"},
        {"key": "audit", "use": "fixed", "database": "the same"},
    ]


def test_status_tells_another_shops_ring(shop: ShopCommand) -> None:
    old = read_key_ring(KeyFile(shop.key_file)).current.id
    _swap_keys(shop)
    ended = shop("keys", "status", "--json")
    assert ended.exit_code == Exit.KEYS
    verdicts = {row["key"]: row["database"] for row in json.loads(ended.out)["keys"]}
    assert verdicts["blind-index"] == verdicts["audit"] == "different"
    assert verdicts[f"kek:{old}"] == "missing"


def test_nothing_is_sealed_with_another_shops_ring(shop: ShopCommand) -> None:
    _swap_keys(shop)
    source = shop.spreadsheet("order,name,phone\n1042,Anna,+447700900123\n")
    ended = shop("orders", "import", source)
    assert ended.exit_code == Exit.KEYS
    assert json.loads(shop("orders", "list", "--json").out) == {"orders": []}


def test_a_missing_ring_is_told_with_its_place(shop: ShopCommand) -> None:
    shop.key_file.unlink()
    ended = shop("keys", "status")
    assert ended.exit_code == Exit.KEYS
    assert str(shop.key_file) in ended.err


@pytest.mark.parametrize(
    ("source", "hint"), [("credential: cb-keys", "systemd-creds"), ("environment: CB_KEYS", "$CB_KEYS")]
)
def test_where_keys_are_no_file_it_says_where_to_put_them(
    empty_shop: ShopCommand, source: str, hint: str
) -> None:
    text = empty_shop.config.read_text().replace("file: var/keys", source)
    empty_shop.config.write_text(text)
    ended = empty_shop("keys", "new")
    assert ended.exit_code == Exit.KEYS
    assert hint in ended.err
    assert "keys new --stdout" in ended.err


def test_a_ring_for_a_pipe_is_whole_and_alone_on_standard_output(empty_shop: ShopCommand) -> None:
    ended = empty_shop("keys", "new", "--stdout")
    assert ended.exit_code == Exit.DONE
    assert KeyRing.load(ended.out).dump() == ended.out
    assert not empty_shop.key_file.exists()


def test_no_ring_is_printed_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from bridge.cli.main import main; main()", "keys", "new", "--stdout"]
    ended = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)
    os.close(ours)
    os.close(theirs)
    assert ended.returncode == Exit.KEYS
    assert "pipe" in ended.stderr


def test_no_command_but_that_prints_key_bytes(shop: ShopCommand) -> None:
    keys = _key_texts(shop.key_file.read_text())
    assert len(keys) == 3
    shop("keys", "status")
    shop("keys", "status", "--json")
    shop("keys", "new")
    shop.key_file.chmod(0o644)
    shop("keys", "status")
    shop.key_file.chmod(0o600)
    shop.key_file.write_text(shop.key_file.read_text().replace("audit=", "adit="))
    assert shop("keys", "status").exit_code == Exit.KEYS
    assert not [key for key in keys for text in shop.printed if key.rstrip("=") in text]


def test_a_new_ring_is_on_record(shop: ShopCommand) -> None:
    assert shop.audit()[0] == ("keys-new", read_key_ring(KeyFile(shop.key_file)).current.id, "")
