"""`call-bridge keys rotate` and `keys retire`: whatever is interrupted, no number is ever lost."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter

import pytest
from shop_command import ShopCommand

from bridge.cli.exits import Exit
from bridge.intake.orders import add_order
from bridge.intake.rows import Column
from bridge.store.audit import AuditEntry
from bridge.store.database import Database, now_ms
from bridge.store.orders import Batch, KnownOrder, NewContact, NewCustomer, write_batch
from bridge.store.records import Dialled, NewCall, begin_call, dial_facts
from bridge.vault import HiddenNumber, KeyFile, KeyRing, KeyUnusable, Vault, read_key_ring, read_number

CUSTOMERS = 3000
NUMBER = "+447700900123"
COMMAND = (sys.executable, "-c", "from bridge.cli.main import main; main()")
NEVER = 0

DYING = """
import os, signal, sqlite3, sys

connect, left = sqlite3.connect, int(sys.argv.pop(1))

def count_down(_statement):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def counted(*arguments, **settings):
    connection = connect(*arguments, **settings)
    connection.set_trace_callback(count_down)
    return connection

sqlite3.connect = counted

from bridge.cli.main import main

main()
"""
"""The command, with the statements to go as its first argument."""


def ring_of(shop: ShopCommand) -> KeyRing:
    return read_key_ring(KeyFile(shop.key_file))


@pytest.fixture
def sold(shop: ShopCommand) -> ShopCommand:
    source = shop.spreadsheet("order,name,phone\n1042,Harriet,+447700900123\n1043,Peter,+447700900124\n")
    assert shop("orders", "import", source).exit_code == Exit.DONE
    return shop


@pytest.fixture
def crowded(shop: ShopCommand) -> ShopCommand:
    """Some thousand customers, all with the same number."""
    vault = Vault(ring_of(shop))
    number = read_number(NUMBER, "GB").number
    index = vault.blind_index(number)

    async def fill() -> None:
        batch = Batch()
        for id_ in range(1, CUSTOMERS + 1):
            key = vault.new_data_key(id_)
            sealed = vault.seal(number, customer_id=id_, contact_id=id_, kind="phone", data_key=key)
            batch.new_customers.append(NewCustomer(id_, f"Customer {id_}", None, key))
            batch.new_contacts.append(NewContact(id_, id_, "phone", 1, sealed, index, "GB", "mobile"))
        async with await Database.open(shop.database) as db, db.write() as connection:
            await write_batch(connection, batch)

    asyncio.run(fill())
    return shop


def wrapped(shop: ShopCommand) -> Counter[str]:
    """How many data keys each key wraps."""
    with sqlite3.connect(shop.database) as connection:
        keys = connection.execute("SELECT data_key FROM customers WHERE data_key IS NOT NULL").fetchall()
    connection.close()
    return Counter(key[2 : 2 + key[1]].decode() for (key,) in keys)


def opens_all(shop: ShopCommand) -> bool:
    """Whether every number opens with the ring as it is on disk."""
    vault = Vault(ring_of(shop))
    with sqlite3.connect(shop.database) as connection:
        rows = connection.execute(
            "SELECT customers.id, contacts.id, sealed, data_key FROM contacts JOIN customers"
            " ON customers.id = customer_id"
        ).fetchall()
    connection.close()
    for customer_id, contact_id, sealed, data_key in rows:
        vault.open(sealed, customer_id=customer_id, contact_id=contact_id, kind="phone", data_key=data_key)
    return bool(rows)


def test_a_new_key_becomes_current_and_wraps_all_data_keys(sold: ShopCommand) -> None:
    old = ring_of(sold)
    ended = sold("keys", "rotate", "--json")
    assert ended.exit_code == Exit.DONE
    new = ring_of(sold)
    assert json.loads(ended.out) == {
        "current": new.current.id,
        "continued": False,
        "rewrapped": 2,
        "broken": [],
    }
    assert new.older == (old.current,)
    assert (new.blind_index, new.audit) == (old.blind_index, old.audit)
    assert wrapped(sold) == {new.current.id: 2}
    assert opens_all(sold)
    assert stat.S_IMODE(sold.key_file.stat().st_mode) == 0o600
    assert sold.audit()[-1] == ("keys-rotate", new.current.id, "begun")
    assert sold("audit", "verify").exit_code == Exit.DONE


def test_a_rotation_killed_anywhere_again_and_again_is_finished_by_the_next(crowded: ShopCommand) -> None:
    old = ring_of(crowded).current.id
    draw, states = random.Random(9), set()
    for kill_before in (CUSTOMERS // 2, *(draw.randrange(1, CUSTOMERS // 12) for _ in range(8))):
        killed = rotation(crowded, kill_before)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert opens_all(crowded)
        states.add(len(wrapped(crowded)))
    ended = rotation(crowded, NEVER)
    assert ended.returncode == Exit.DONE, ended.stderr
    new = ring_of(crowded)
    assert 2 in states, "no kill has left a rotation halfway"
    assert json.loads(ended.stdout)["broken"] == []
    assert old in new.ids
    assert opens_all(crowded)
    assert wrapped(crowded) == {new.current.id: CUSTOMERS}
    assert list(crowded.key_file.parent.glob(".*")) == []
    assert crowded("audit", "verify").exit_code == Exit.DONE


def rotation(shop: ShopCommand, kill_before: int) -> subprocess.CompletedProcess[str]:
    """Let a process rotate that dies before its so-many-th statement to SQLite."""
    command = (sys.executable, "-c", DYING, str(kill_before), "--config", str(shop.config))
    return subprocess.run(
        [*command, "keys", "rotate", "--json"], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("step", ["bridge.rotation.replace_key_file", "bridge.rotation.write_entry"])
def test_a_rotation_that_fails_as_it_begins_leaves_ring_and_database_as_they_were(
    sold: ShopCommand, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = sold.key_file.read_text(), sold.audit()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step, fail)
    assert sold("keys", "rotate").exit_code != Exit.DONE
    monkeypatch.undo()
    assert (sold.key_file.read_text(), sold.audit()) == before
    assert sold("keys", "rotate").exit_code == Exit.DONE
    assert opens_all(sold)


def test_two_rotations_at_once_lose_nothing(crowded: ShopCommand) -> None:
    command = [*COMMAND, "--config", str(crowded.config), "keys", "rotate"]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [each.wait(60) for each in running] == [Exit.DONE] * 2
    assert opens_all(crowded)
    assert list(wrapped(crowded)) == [ring_of(crowded).current.id]


async def test_calls_are_placed_and_their_numbers_open_while_keys_rotate(crowded: ShopCommand) -> None:
    vault = Vault(ring_of(crowded), reread=lambda: ring_of(crowded))
    command = [*COMMAND, "--config", str(crowded.config), "keys", "rotate"]
    rotating = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    ended = asyncio.get_running_loop().create_task(rotating.wait())
    placed = 0
    async with await Database.open(crowded.database) as db:
        async with db.write() as connection:
            orders = [KnownOrder(str(id_), id_, "") for id_ in range(1, CUSTOMERS + 1, 100)]
            await write_batch(connection, Batch(new_orders=orders))
        while not ended.done():
            order = orders[placed % len(orders)]
            contact = (await dial_facts(db, Dialled("101", order.code, now_ms()))).contact
            assert contact is not None
            call = NewCall(f"call-{placed}", "dial-order", order.code, 1, contact.contact_id, None, now_ms())
            await begin_call(db, call, AuditEntry(now_ms(), "extension 101", "dial", f"order {order.code}"))
            opened = vault.open(
                contact.sealed,
                customer_id=contact.customer_id,
                contact_id=contact.contact_id,
                kind=contact.kind,
                data_key=contact.data_key,
            )
            assert opened == HiddenNumber(NUMBER)
            placed += 1
    assert await ended == Exit.DONE
    assert placed > 10
    verified = await asyncio.to_thread(crowded, "audit", "verify")
    assert verified.exit_code == Exit.DONE


async def test_a_process_with_the_old_ring_goes_on_opening_numbers(sold: ShopCommand) -> None:
    """The daemon: it has read the ring once, at its start."""
    vault = Vault(ring_of(sold), reread=lambda: ring_of(sold))
    await asyncio.to_thread(sold, "keys", "rotate")
    async with await Database.open(sold.database) as db:
        contact = (await dial_facts(db, Dialled("101", "1042", now_ms()))).contact
    assert contact is not None
    number = vault.open(contact.sealed, customer_id=1, contact_id=1, kind="phone", data_key=contact.data_key)
    assert number == HiddenNumber(NUMBER)


async def test_a_process_whose_key_is_retired_adds_no_customer_who_would_be_lost(sold: ShopCommand) -> None:
    """An import that began before the rotation and goes on after the retirement."""
    stale = ring_of(sold)
    await asyncio.to_thread(sold, "keys", "rotate")
    await asyncio.to_thread(sold, "keys", "retire", stale.current.id, "--yes")
    cells = {Column.ORDER: "1050", Column.NAME: "Clara", Column.PHONE: NUMBER}
    async with await Database.open(sold.database) as db:
        with pytest.raises(KeyUnusable, match="run it again"):
            await add_order(db, Vault(stale), cells, home_region="GB", actor="cli:alice")
    assert opens_all(sold)


def test_a_key_that_wraps_nothing_is_retired(sold: ShopCommand) -> None:
    old = ring_of(sold).current.id
    reader = sqlite3.connect(sold.database)  # as the daemon: the log outlives the commands
    reader.execute("SELECT count(*) FROM customers").fetchone()
    sold("keys", "rotate")
    ended = sold("keys", "retire", old, typed="y\n")
    assert ended.exit_code == Exit.DONE
    assert "can't be read without" in ended.err
    assert ring_of(sold).ids == (ring_of(sold).current.id,)
    assert sold("keys", "status").exit_code == Exit.DONE
    assert opens_all(sold)
    assert sold.audit()[-1][:2] == ("keys-retire", old)
    left = b"".join(file.read_bytes() for file in sold.database.parent.glob("call-bridge.db*"))
    reader.close()
    assert bytes([1, len(old)]) + old.encode() not in left


def test_a_key_that_still_wraps_a_data_key_is_not_retired(sold: ShopCommand) -> None:
    old = ring_of(sold)
    with sqlite3.connect(sold.database) as connection:
        kept = connection.execute("SELECT data_key FROM customers WHERE id = 2").fetchone()[0]
    sold("keys", "rotate")
    with connection:
        connection.execute("UPDATE customers SET data_key = ? WHERE id = 2", (kept,))
    connection.close()
    ended = sold("keys", "retire", f"kek:{old.current.id}", "--yes")
    assert (ended.exit_code, "of 1 customers" in ended.err) == (Exit.KEYS, True)
    assert old.current.id in ring_of(sold).ids
    assert json.loads(sold("keys", "rotate", "--json").out)["continued"]
    assert sold("keys", "retire", old.current.id, "--yes").exit_code == Exit.DONE


def test_neither_the_current_key_nor_a_stranger_is_retired(sold: ShopCommand) -> None:
    current = ring_of(sold).current.id
    for key_id, told in ((current, "current key"), ("k-00000000", "has no key")):
        ended = sold("keys", "retire", key_id, "--yes")
        assert (ended.exit_code, told in ended.err) == (Exit.KEYS, True)


def test_a_data_key_that_does_not_open_is_told_and_stops_nothing(sold: ShopCommand) -> None:
    with sqlite3.connect(sold.database) as connection:
        connection.execute("UPDATE customers SET data_key = zeroblob(70) WHERE id = 1")
    connection.close()
    ended = sold("keys", "rotate", "--json")
    assert ended.exit_code == Exit.KEYS
    assert json.loads(ended.out)["broken"] == [1]
    assert wrapped(sold)[ring_of(sold).current.id] == 1


def test_a_ring_that_is_in_no_file_is_rotated_through_a_pipe(
    sold: ShopCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold.config.write_text(sold.config.read_text().replace("file: var/keys", "environment: CB_TEST_KEYS"))
    monkeypatch.setenv("CB_TEST_KEYS", sold.key_file.read_text())
    old = ring_of(sold).current.id
    ended = sold("keys", "rotate")
    assert (ended.exit_code, "--stdout" in ended.err) == (Exit.REFUSED, True)
    monkeypatch.setenv("CB_TEST_KEYS", sold("keys", "rotate", "--stdout").out)
    assert sold("keys", "rotate", "--stdout").exit_code == Exit.REFUSED
    assert json.loads(sold("keys", "rotate", "--json").out)["rewrapped"] == 2
    assert sold("keys", "retire", old, "--yes").exit_code == Exit.REFUSED
    monkeypatch.setenv("CB_TEST_KEYS", sold("keys", "retire", old, "--yes", "--stdout").out)
    assert sold("keys", "status").exit_code == Exit.DONE
    assert KeyRing.load(sold("keys", "rotate", "--stdout").out).older[0].id != old


def test_a_rotation_prints_no_key(sold: ShopCommand) -> None:
    sold("keys", "rotate")
    fields = [line for line in sold.key_file.read_text().splitlines() if line.endswith("=")]
    keys = [field.partition("=")[2].rstrip("=") for field in fields]
    assert len(keys) == 4
    assert not [key for key in keys for text in sold.printed if key in text]
