"""A call that begin_call has acknowledged is on disk, whatever happens to the process next."""

from __future__ import annotations

import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import bridge
from bridge.store.audit import AuditEntry, recent_entries
from bridge.store.database import Database
from bridge.store.records import NewCall, begin_call, recent_calls

ROUNDS = 6
PACKAGES = str(Path(bridge.__file__).parent.parent)


async def begin_calls_for_ever(path: Path) -> None:
    """What the child does: each id is printed once its call is acknowledged."""
    database = await Database.open(path)
    ids = (f"{sys.argv[2]}-{number}" for number in range(1_000_000))
    for id_ in ids:
        call = NewCall(id_, "dial-order", "1042", None, None, None, 1)
        await begin_call(database, call, AuditEntry(1, "101", "call", id_))
        print(id_, flush=True)  # noqa: T201


async def test_a_killed_process_loses_no_acknowledged_call(db: Database) -> None:
    acknowledged: set[str] = set()
    for round_ in range(ROUNDS):
        child = await create_subprocess_exec(
            sys.executable, __file__, str(db.path), str(round_), stdout=PIPE, env={"PYTHONPATH": PACKAGES}
        )
        assert child.stdout is not None
        # In each round after another number of calls, with the next one under way.
        for _ in range(1 + 3 * round_):
            line = await child.stdout.readline()
            assert line, "the child ended by itself"
            acknowledged.add(line.decode().strip())
        child.kill()
        acknowledged.update((await child.stdout.read()).decode().split())
        await child.wait()
    on_disk = {record.id for record in await recent_calls(db, 1_000_000)}
    assert acknowledged <= on_disk
    assert {entry.subject for entry in await recent_entries(db, 1_000_000)} == on_disk


if __name__ == "__main__":
    import asyncio

    asyncio.run(begin_calls_for_ever(Path(sys.argv[1])))
