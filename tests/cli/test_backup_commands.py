"""`call-bridge backup` and `restore`: a copy that can be relied on, and one way back."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

import pytest
from daemon_stub import ScriptedDaemon, serving
from shop_command import ShopCommand

from bridge.cli.exits import Exit
from bridge.vault import KeyRing


@pytest.fixture
def sold(shop: ShopCommand) -> ShopCommand:
    source = shop.spreadsheet("order,name,phone\n1042,Harriet,+447700900123\n1043,Peter,+447700900124\n")
    assert shop("orders", "import", source).exit_code == Exit.DONE
    return shop


@pytest.fixture
def copy(sold: ShopCommand) -> Path:
    path = sold.folder / "copy.db"
    assert sold("backup", path).exit_code == Exit.DONE
    return path


def codes(shop: ShopCommand) -> list[str]:
    return [order["code"] for order in json.loads(shop("orders", "list", "--json").out)["orders"]]


def test_a_backup_is_whole_and_its_owners_alone_and_alone_in_its_folder(sold: ShopCommand) -> None:
    folder = sold.folder / "backups"
    folder.mkdir()
    answer = json.loads(sold("backup", folder / "copy.db", "--json").out)
    assert (answer["customers"], answer["orders"], answer["audit"]["fault"]) == (2, 2, None)
    assert [file.name for file in folder.iterdir()] == ["copy.db"]
    assert stat.S_IMODE((folder / "copy.db").stat().st_mode) == 0o600
    assert sold.audit()[-1][:2] == ("backup", "copy.db")


def test_a_backup_holds_no_key(sold: ShopCommand, copy: Path) -> None:
    ring = KeyRing.load(sold.key_file.read_text())
    keys = [ring.current.key, ring.blind_index, ring.audit]
    content = copy.read_bytes()
    assert not [key for key in keys if key.material() in content]


def test_a_backup_is_made_while_the_database_is_written_to(sold: ShopCommand) -> None:
    writer = sqlite3.connect(sold.database, isolation_level=None)
    writer.execute("SELECT 1 FROM customers").fetchone()
    assert sold("backup", sold.folder / "copy.db").exit_code == Exit.DONE
    writer.close()


def test_no_file_is_overwritten(sold: ShopCommand) -> None:
    path = sold.folder / "copy.db"
    path.write_text("mine")
    assert sold("backup", path).exit_code == Exit.FILE
    assert path.read_text() == "mine"


def test_a_backup_is_made_without_the_keys_and_says_what_was_not_checked(sold: ShopCommand) -> None:
    sold.key_file.unlink()
    ended = sold("backup", sold.folder / "copy.db")
    assert ended.exit_code == Exit.DONE
    assert "not verified" in ended.out


def test_a_backup_of_an_altered_audit_is_made_and_told(sold: ShopCommand) -> None:
    with sqlite3.connect(sold.database) as connection:
        connection.execute("UPDATE audit SET actor = 'cli:mallory' WHERE id = 1")
    connection.close()
    ended = sold("backup", sold.folder / "copy.db")
    assert ended.exit_code == Exit.AUDIT_ALTERED
    assert (sold.folder / "copy.db").exists()


def test_verifying_a_backup_changes_nothing(sold: ShopCommand, copy: Path) -> None:
    before = copy.read_bytes(), sorted(sold.database.parent.iterdir())
    with serving(ScriptedDaemon(), sold.socket):
        ended = sold("restore", copy, "--verify")
    assert ended.exit_code == Exit.DONE
    assert "2 customers, 2 orders" in ended.out
    assert (copy.read_bytes(), sorted(sold.database.parent.iterdir())) == before


def test_a_restore_brings_back_what_the_backup_has_and_keeps_what_it_replaces(
    sold: ShopCommand, copy: Path
) -> None:
    sold("orders", "add", "1044", "--name", "Clara", typed="+447700900125\n")
    assert codes(sold) == ["1042", "1043", "1044"]
    ended = sold("restore", copy, typed="y\n")
    assert ended.exit_code == Exit.DONE
    assert codes(sold) == ["1042", "1043"]
    (kept,) = sold.database.parent.glob("*.before-restore-*")
    with sqlite3.connect(kept) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (3,)
    connection.close()
    assert stat.S_IMODE(sold.database.stat().st_mode) == stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert sold.audit()[-1][:2] == ("restore", "copy.db")
    assert sold("audit", "verify").exit_code == Exit.DONE


def test_the_log_of_the_replaced_database_is_not_played_into_the_restored_one(
    sold: ShopCommand, copy: Path
) -> None:
    crashed = sqlite3.connect(sold.database, isolation_level=None)
    crashed.execute("UPDATE customers SET name = 'after the backup'")
    assert sold.database.with_name("call-bridge.db-wal").stat().st_size > 0
    assert sold("restore", copy, "--yes").exit_code == Exit.DONE
    names = {order["customer_name"] for order in json.loads(sold("orders", "list", "--json").out)["orders"]}
    assert names == {"Harriet", "Peter"}
    (log,) = sold.database.parent.glob("*.before-restore-*-wal")
    assert b"after the backup" in log.read_bytes()
    crashed.close()


def test_whoever_was_erased_since_stays_erased(sold: ShopCommand, copy: Path) -> None:
    with sqlite3.connect(sold.database) as connection:
        key = connection.execute("SELECT data_key FROM customers WHERE id = 1").fetchone()[0]
    connection.close()
    sold("erase", "1042", "--yes")
    assert key in copy.read_bytes()
    answer = json.loads(sold("restore", copy, "--yes", "--json").out)
    assert answer["erased_again"] == [1]
    assert key not in b"".join(file.read_bytes() for file in sold.database.parent.glob("call-bridge.db*"))
    assert b"Harriet" not in sold.database.read_bytes()
    assert sold.audit()[-1] == ("restore", "copy.db", "erased again: 1")


def test_nobody_is_erased_for_having_the_id_of_another_shops_customer(sold: ShopCommand, copy: Path) -> None:
    sold.database.unlink()  # a shop begun anew with the same keys: customer 1 is another
    source = sold.spreadsheet("order,name,phone\n2000,Clara,+447700900125\n")
    sold("managers", "add", "101", "--name", "Anna")
    assert sold("orders", "import", source).exit_code == Exit.DONE
    sold("erase", "2000", "--yes")
    answer = json.loads(sold("restore", copy, "--yes", "--json").out)
    assert answer["erased_again"] is None
    assert json.loads(sold("orders", "show", "1042", "--json").out)["customer_name"] == "Harriet"


def test_a_damaged_database_is_replaced_too(sold: ShopCommand, copy: Path) -> None:
    sold.database.write_bytes(b"not a database" * 1000)
    ended = sold("restore", copy, "--yes")
    assert ended.exit_code == Exit.DONE
    assert "could not be found out" in ended.out
    assert codes(sold) == ["1042", "1043"]


def test_nothing_is_restored_under_a_running_daemon(sold: ShopCommand, copy: Path) -> None:
    with serving(ScriptedDaemon(), sold.socket):
        ended = sold("restore", copy, "--yes")
    assert (ended.exit_code, "stop it first" in ended.err) == (Exit.REFUSED, True)
    assert list(sold.database.parent.glob("*before*")) == []


def test_a_no_restores_nothing_and_leaves_no_copy(sold: ShopCommand, copy: Path) -> None:
    before = sorted(sold.database.parent.iterdir())
    assert sold("restore", copy, typed="n\n").exit_code == Exit.INTERRUPTED
    assert sorted(sold.database.parent.iterdir()) == before


@pytest.mark.parametrize("page", [0, 2, 5])
def test_a_damaged_backup_is_not_restored(sold: ShopCommand, copy: Path, page: int) -> None:
    content = bytearray(copy.read_bytes())
    content[4096 * page : 4096 * (page + 1)] = b"\xa5" * 4096
    copy.write_bytes(content)
    ended = sold("restore", copy, "--yes")
    assert ended.exit_code == Exit.DATABASE
    assert str(copy) in ended.err
    assert list(sold.database.parent.glob("*restor*")) == []


def test_a_backup_that_other_keys_sealed_is_not_restored(sold: ShopCommand, copy: Path) -> None:
    sold.key_file.write_text(KeyRing.new().dump())
    assert sold("restore", copy, "--yes").exit_code == Exit.KEYS
    assert sold("restore", copy, "--verify").exit_code == Exit.KEYS


def test_what_is_missing_or_no_backup_is_told(sold: ShopCommand) -> None:
    assert sold("restore", sold.folder / "nothing.db", "--yes").exit_code == Exit.FILE
    assert sold("restore", sold.spreadsheet("order,name,phone\n"), "--yes").exit_code == Exit.DATABASE
