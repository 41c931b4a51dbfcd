"""Whatever a shop has is taken, whenever the process that asks it is killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

from pulling_shop import DAY_MS, PullingShop

import bridge
from bridge.vault import KeyFile, KeyRing, Vault, read_key_ring, write_key_file

ROUNDS = 5
ORDERS = 230
TESTS = Path(__file__).parent
ROOT = Path(bridge.__file__).parent.parent
PATHS = [ROOT, ROOT / "scripts", TESTS, TESTS.parent / "webhooks"]


async def pull_for_ever(path: Path, key_file: Path, port: str) -> None:
    """What the child does: each order is printed once it is on disk."""
    from bridge.logs import set_up_logs
    from bridge.store.database import Database

    set_up_logs("error", "json")  # what is printed is the orders
    vault = Vault(read_key_ring(KeyFile(key_file)))
    async with await Database.open(path) as database:
        from pulled_shop import PulledWoo

        shop = PullingShop(database, vault, PulledWoo(port=int(port)))
        shop.puller.tell_of_changes(lambda *_: print("taken", flush=True))  # noqa: T201
        while True:
            await shop.look(after_ms=60_000)


async def test_whatever_a_shop_has_is_taken_after_any_kill(shop: PullingShop, tmp_path: Path) -> None:
    key_file = tmp_path / "keys"
    ring = KeyRing.new()
    write_key_file(key_file, ring)
    shop.vault = Vault(ring)
    for number in range(ORDERS):
        billing = {"first_name": f"A{chr(65 + number % 26)}{chr(65 + number // 26)}"}
        shop.woo.put(1000 + number, shop.clock_ms - DAY_MS + number * 1000, billing=billing)
    await shop.connect()
    for round_ in range(ROUNDS):
        child = await create_subprocess_exec(
            sys.executable, __file__, str(shop.database.path), str(key_file), str(shop.woo.port),
            stdout=PIPE, env={"PYTHONPATH": ":".join(map(str, PATHS))},
        )  # fmt: skip
        assert child.stdout is not None
        # In each round after another number of orders: within a page, and about its end.
        async with asyncio.timeout(60):
            for _ in range(23 + round_):
                assert await child.stdout.readline(), "the child ended by itself"
        child.kill()
        await child.stdout.read()
        await child.wait()
    (on_disk,) = (await shop.rows("SELECT count(*) FROM orders"))[0]
    assert 0 < on_disk < ORDERS, "no kill fell into the reading"
    shop.clock_ms += DAY_MS
    for _ in range(10):
        await shop.look(after_ms=60_000)
    assert await shop.rows("SELECT count(*) FROM orders") == [(ORDERS,)]
    added = [entry for entry in await shop.audit() if entry[1:][0] == "order-put"]
    assert len(added) == len({code for _, _, code, _ in added}), "what was read again is on record once"


if __name__ == "__main__":
    import uvloop

    uvloop.run(pull_for_ever(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
