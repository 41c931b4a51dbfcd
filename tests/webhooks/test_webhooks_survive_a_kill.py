"""A result that is on disk is told, whenever the process is killed; what is told twice has the same id."""

from __future__ import annotations

import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections import defaultdict
from pathlib import Path

from hook_shop import HookShop

import bridge
from bridge.vault import KeyFile, KeyRing, Vault, read_key_ring, write_key_file

ROUNDS = 4
TESTS = Path(__file__).parent
PATHS = [Path(bridge.__file__).parent.parent, Path(bridge.__file__).parent.parent / "scripts", TESTS]


async def call_and_tell_for_ever(path: Path, key_file: Path, round_: str) -> None:
    """What the child does: each call is printed once its result is acknowledged, and told meanwhile."""
    from hook_shop import LOOPBACK, Program

    from bridge.logs import set_up_logs
    from bridge.outgoing import Reach
    from bridge.store.database import Database
    from bridge.switchboard.tasks import Tasks
    from bridge.webhooks import sender
    from bridge.webhooks.courier import Courier

    set_up_logs("error", "json")  # what is printed is the calls
    vault, tasks = Vault(read_key_ring(KeyFile(key_file))), Tasks()
    sender.SECONDS_BETWEEN_LOOKS = 0.005  # type: ignore[misc]
    async with await Database.open(path) as database:
        shop = HookShop(database, vault, Program(path.parent))
        sending = sender.Sender(
            database, lambda: vault, Courier(Reach.of(LOOPBACK)), tasks, disable_after_ms=10**9
        )
        tasks.start(sending.run(), name="webhooks")
        for number in range(1_000_000):
            call_id = f"{round_}x{number}"
            await shop.call(call_id)
            print(call_id, flush=True)  # noqa: T201


async def test_whatever_is_on_disk_is_told_after_any_kill(shop: HookShop, tmp_path: Path) -> None:
    key_file = tmp_path / "keys"
    ring = KeyRing.new()
    write_key_file(key_file, ring)
    shop.vault = Vault(ring)
    await shop.add("/ok")
    await shop.add("/once-500")
    acknowledged: set[str] = set()
    for round_ in range(ROUNDS):
        child = await create_subprocess_exec(
            sys.executable, __file__, str(shop.database.path), str(key_file), str(round_),
            stdout=PIPE, env={"PYTHONPATH": ":".join(map(str, PATHS))},
        )  # fmt: skip
        assert child.stdout is not None
        # In each round after another number of calls, with some of them being told.
        for _ in range(5 + 7 * round_):
            line = await child.stdout.readline()
            assert line, "the child ended by itself"
            acknowledged.add(line.decode().strip())
        child.kill()
        acknowledged.update((await child.stdout.read()).decode().split())
        await child.wait()
    assert shop.program.heard("/ok"), "no kill fell into the telling"
    await shop.until_told()
    bodies = defaultdict(set)
    for heard in shop.program.heard():
        bodies[heard.id].add(heard.body)
    assert {len(of_one) for of_one in bodies.values()} == {1}, "one id had two bodies"
    ids = {f"result-{call_id}" for call_id in acknowledged}
    for path in ("/ok", "/once-500"):
        assert ids <= {heard.id for heard in shop.program.heard(path)}


if __name__ == "__main__":
    import uvloop

    uvloop.run(call_and_tell_for_ever(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
